//! Makes the names of functions independent of the folder that the crates lie in.
//!
//! A mangled name holds a number for its crate, `Cs<number>_`, which cargo derives from the crate's path. Without this
//! step the same source, compiled in two checkouts, would give two different files, and no comparison byte for byte
//! could tell a changed kernel.

/// Replaces each crate's number by a count, in the order of first appearance.
pub(super) fn normalise(ptx: &str) -> String {
    let mut seen: Vec<&str> = Vec::new();
    let mut out = String::with_capacity(ptx.len());
    let mut rest = ptx;
    while let Some(start) = rest.find("_R") {
        let (before, symbol) = rest.split_at(start);
        out += before;
        let begins = !before.ends_with(is_name);
        let end = symbol.find(|letter: char| !is_name(letter)).unwrap_or(symbol.len());
        if begins {
            rename(&symbol[..end], &mut seen, &mut out);
        } else {
            out += &symbol[..end];
        }
        rest = &symbol[end..];
    }
    out + rest
}

fn rename<'a>(mut symbol: &'a str, seen: &mut Vec<&'a str>, out: &mut String) {
    while let Some(start) = symbol.find("Cs") {
        let (before, number) = symbol.split_at(start + "Cs".len());
        out.push_str(before);
        symbol = number;
        // The number ends with `_`, and the length of the crate's name follows: anything else is part of a name.
        let Some(end) = number.find('_') else { continue };
        let length_follows = number[end + 1..].starts_with(|letter: char| letter.is_ascii_digit());
        if end >= SHORTEST && number[..end].bytes().all(|byte| byte.is_ascii_alphanumeric()) && length_follows
        {
            let index = seen.iter().position(|known| *known == &number[..end]).unwrap_or_else(|| {
                seen.push(&number[..end]);
                seen.len() - 1
            });
            out.push_str(&index.to_string());
            symbol = &number[end..];
        }
    }
    out.push_str(symbol);
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
    fn crates_are_numbered_in_order_of_appearance() {
        let ptx = "call _RNvCsbhjq0Y4Bivh_7kernels4send, (a);\ncall _RNvCsaaaaaaaaaaa_4core5panic;\n\
                   ld [_RNvCsbhjq0Y4Bivh_7kernels4send_param_0];";
        let expected = "call _RNvCs0_7kernels4send, (a);\ncall _RNvCs1_4core5panic;\nld [_RNvCs0_7kernels4send_param_0];";
        assert_eq!(normalise(ptx), expected);
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
