//! Makes the names of functions independent of the folder that the crates lie in.
//!
//! A mangled name holds a number for its crate, `Cs<number>_`, which cargo derives from the crate's path. Without this
//! step the same source, compiled in two checkouts, would give two different files, and no comparison byte for byte
//! could tell a changed kernel.

use std::collections::BTreeSet;

/// Replaces each crate's number by the place of the crate's name in the alphabet, and puts functions other than
/// kernels, which the compiler sorts by the numbers, into the order of their new names.
pub(super) fn normalise(ptx: &str) -> String {
    let mut crates = BTreeSet::new();
    each_symbol(ptx, |_, symbol| {
        each_crate(symbol, |_, found| {
            crates.extend(found);
        });
    });
    let order: Vec<&str> = crates.into_iter().map(|(_, number)| number).collect();
    let mut out = String::with_capacity(ptx.len());
    let rest = each_symbol(ptx, |before, symbol| {
        out += before;
        let rest = each_crate(symbol, |before, found| {
            out.push_str(before);
            if let Some(index) = found.and_then(|(_, number)| order.iter().position(|known| *known == number))
            {
                out.push_str(&index.to_string());
            }
        });
        out += rest;
    });
    sort_functions(&(out + rest))
}

/// Calls `each` with every mangled symbol and the text before it; returns the text after the last.
fn each_symbol<'a>(ptx: &'a str, mut each: impl FnMut(&'a str, &'a str)) -> &'a str {
    let (mut from, mut rest) = (0, ptx);
    while let Some(start) = rest[from..].find("_R").map(|start| from + start) {
        let end = rest[start..].find(|letter: char| !is_name(letter)).map_or(rest.len(), |end| start + end);
        if rest[..start].ends_with(is_name) {
            from = end;
        } else {
            each(&rest[..start], &rest[start..end]);
            (from, rest) = (0, &rest[end..]);
        }
    }
    rest
}

/// Calls `each` with the name and number of every crate in a symbol, where there is one, and the text before the number;
/// returns the text after the last.
fn each_crate<'a>(mut symbol: &'a str, mut each: impl FnMut(&'a str, Option<(&'a str, &'a str)>)) -> &'a str {
    while let Some(start) = symbol.find("Cs") {
        let (before, number) = symbol.split_at(start + "Cs".len());
        let found = crate_of(number);
        each(before, found);
        symbol = &number[found.map_or(0, |(_, number)| number.len())..];
    }
    symbol
}

/// The crate whose number begins here: the number ends with `_`, and the length of the crate's name follows, and the name.
/// Anything else is part of some name.
fn crate_of(text: &str) -> Option<(&str, &str)> {
    let (number, rest) = text.split_once('_')?;
    let digits = rest.find(|letter: char| !letter.is_ascii_digit())?;
    let length: usize = rest[..digits].parse().ok()?;
    let name = rest[digits..].get(..length)?;
    let is_number = number.len() >= SHORTEST && number.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_number.then_some((name, number))
}

/// Sorts each run of `.func` declarations, and of `.func` definitions.
fn sort_functions(ptx: &str) -> String {
    let mut out = String::with_capacity(ptx.len());
    let mut run: Vec<(bool, &str, String)> = Vec::new();
    let mut rest = ptx;
    while !rest.is_empty() {
        if let Some(function) = function(rest) {
            let name = function.split_once("_R").map_or(function, |(_, name)| name);
            run.push((function.contains("\n{\n"), name, without_own_number(function)));
            rest = &rest[function.len()..];
        } else {
            run.sort_unstable();
            out.extend(run.drain(..).map(|(_, _, text)| text));
            let line = rest.find('\n').map_or(rest.len(), |end| end + 1);
            out += &rest[..line];
            rest = &rest[line..];
        }
    }
    run.sort_unstable();
    out.extend(run.into_iter().map(|(_, _, text)| text));
    out
}

/// The function that begins here: a declaration ends with a line `;`, a definition with a line `}`.
fn function(text: &str) -> Option<&str> {
    if !text.starts_with(".func") {
        return None;
    }
    let ends = ["\n;\n", "\n}\n"].into_iter().filter_map(|end| Some(text.find(end)? + end.len()));
    ends.min().map(|end| &text[..end])
}

/// The compiler numbers functions as it writes them, and names their labels and local memory by that number; inside a `.func`
/// these are local, so the letter `F` can stand for it.
fn without_own_number(function: &str) -> String {
    let mut out = String::with_capacity(function.len());
    let mut rest = function;
    while let Some((start, mark)) = ["$L__BB", "__local_depot", "callseq "]
        .into_iter()
        .filter_map(|mark| Some((rest.find(mark)?, mark)))
        .min()
    {
        let (before, after) = rest.split_at(start + mark.len());
        out += before;
        out.push('F');
        rest = after.trim_start_matches(|letter: char| letter.is_ascii_digit());
    }
    out + rest
}

/// Crate numbers are hashes of 64 bits, so nearly all have eleven digits to base 62; a shorter run is left alone.
const SHORTEST: usize = 6;

fn is_name(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_' || letter == '$'
}

#[cfg(test)]
mod tests {
    use super::normalise;

    #[test]
    fn crates_are_numbered_in_the_order_of_their_names() {
        let ptx = "call _RNvCsbhjq0Y4Bivh_7kernels4send, (a);\ncall _RNvCsaaaaaaaaaaa_4core5panic;\n\
                   ld [_RNvCsbhjq0Y4Bivh_7kernels4send_param_0];";
        let expected = "call _RNvCs1_7kernels4send, (a);\ncall _RNvCs0_4core5panic;\nld [_RNvCs1_7kernels4send_param_0];";
        assert_eq!(normalise(ptx), expected);
    }

    #[test]
    fn functions_come_in_the_order_of_their_new_names() {
        let one = ".func _RNvCsbbbbbbbbbbb_4core1b\n(\n)\n;\n";
        let two = ".func _RNvCsaaaaaaaaaaa_7kernels1a\n(\n)\n;\n";
        let body =
            |crate_: &str, number| format!(".func _RNvCs{crate_}1a(\n)\n{{\n$L__BB{number}_1:\n\tret;\n}}\n");
        let (a, b) = (body("aaaaaaaaaaa_7kernels", 3), body("bbbbbbbbbbb_4core", 4));
        let sorted = normalise(&format!("top\n{two}{one}.entry\n{a}{b}"));
        let (a, b) = (body("aaaaaaaaaaa_7kernels", 4), body("bbbbbbbbbbb_4core", 3));
        assert_eq!(sorted, normalise(&format!("top\n{one}{two}.entry\n{b}{a}")));
        assert!(
            sorted.starts_with("top\n.func _RNvCs0_4core1b\n(\n)\n;\n.func _RNvCs1_7kernels1a\n("),
            "{sorted}"
        );
    }

    #[test]
    fn other_names_are_left_alone() {
        for ptx in
            ["ld.param [k_RNvCsbhjq0Y4Bivh_7kernels]", "_RNvNtC4core3CsFoo_bar", "Csbhjq0Y4Bivh_7kernels"]
        {
            assert_eq!(normalise(ptx), ptx);
        }
    }
}
