//! Splits PTX into the statements that an inspection looks at.

/// One statement.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Statement<'a> {
    Version(&'a str),
    Target(u32),
    Declaration(Declaration<'a>),
    Instruction(&'a str),
}

/// A name that PTX introduces.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Declaration<'a> {
    Kernel(&'a str),
    Function(&'a str),
    Variable(&'a str),
    Extern(&'a str),
}

/// Every statement with its line number, from 1. Lines may hold several: inline assembly is often written so.
pub(super) fn statements(ptx: &str) -> impl Iterator<Item = (usize, Statement<'_>)> {
    ptx.lines().enumerate().flat_map(|(index, line)| {
        let code = line.split("//").next().unwrap_or_default();
        let parts = code.split(';').map(strip);
        parts
            .filter(|part| !part.is_empty())
            .filter_map(classify)
            .map(move |statement| (index + 1, statement))
    })
}

/// Without the braces and labels that may stand ahead of a statement.
fn strip(part: &str) -> &str {
    let mut part = part.trim();
    loop {
        let inner = part.trim_start_matches(['{', '}']).trim_start();
        let inner = match inner.split_once(':') {
            Some((label, rest)) if !rest.starts_with(':') && label.chars().all(is_name) => rest.trim_start(),
            _ => inner,
        };
        if inner == part {
            return part;
        }
        part = inner;
    }
}

fn classify(part: &str) -> Option<Statement<'_>> {
    if !part.starts_with('.') {
        return Some(Statement::Instruction(part));
    }
    let mut words = part.split_whitespace();
    match words.next()? {
        ".version" => return words.next().map(Statement::Version),
        ".target" => return words.next().and_then(architecture).map(Statement::Target),
        _ => {}
    }
    let is = |wanted: &str| {
        part.split_whitespace().take_while(|word| word.starts_with('.')).any(|word| word == wanted)
    };
    let after = |keyword: &str| part.split_once(keyword).map(|(_, rest)| name(rest));
    let declaration = if is(".entry") {
        Declaration::Kernel(after(".entry")?)
    } else if is(".func") {
        let name = after(".func")?;
        if is(".extern") { Declaration::Extern(name) } else { Declaration::Function(name) }
    } else if is(".global") || is(".const") {
        let name = variable(part);
        if is(".extern") { Declaration::Extern(name) } else { Declaration::Variable(name) }
    } else {
        return None;
    };
    Some(Statement::Declaration(declaration))
}

/// 70 from `sm_70`, `sm_90a` or `sm_70,debug`.
fn architecture(word: &str) -> Option<u32> {
    let digits = word.strip_prefix("sm_")?;
    let end = digits.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(digits.len());
    digits[..end].parse().ok()
}

/// The name in `(.param .b64 result) name(`, whose first part is optional.
fn name(rest: &str) -> &str {
    let rest = rest.trim_start();
    let rest = match rest.strip_prefix('(').and_then(|inner| inner.split_once(')')) {
        Some((_, rest)) => rest.trim_start(),
        None => rest,
    };
    let end = rest.find(|letter: char| !is_name(letter)).unwrap_or(rest.len());
    &rest[..end]
}

/// The name in `.visible .global .align 8 .b8 name[16] = {...}`.
fn variable(part: &str) -> &str {
    let declared = part.split(['[', '=']).next().unwrap_or_default();
    declared.split_whitespace().next_back().unwrap_or_default()
}

fn is_name(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '_' | '$' | '%')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(ptx: &str) -> Vec<Statement<'_>> {
        statements(ptx).map(|(_, statement)| statement).collect()
    }

    #[test]
    fn names_are_found_in_every_form() {
        let ptx = ".visible .entry k(\n.func  (.param .b64 r) f(\n.weak .func g()\n.extern .func (.param .b32 r) vprintf\n\
                   .extern .func h;\n.visible .global .align 8 .b8 v[16] = {1, 2};\n";
        let expected = [
            Declaration::Kernel("k"),
            Declaration::Function("f"),
            Declaration::Function("g"),
            Declaration::Extern("vprintf"),
            Declaration::Extern("h"),
            Declaration::Variable("v"),
        ];
        assert_eq!(all(ptx), expected.map(Statement::Declaration));
    }

    #[test]
    fn several_instructions_on_a_line_are_all_seen() {
        let ptx = "$L__BB0_1: { .reg .u64 %g; cvta.to.global.u64 %g, %rd1; @%p1 ld.u64 %a, [%g]; } // ret;";
        let expected = ["cvta.to.global.u64 %g, %rd1", "@%p1 ld.u64 %a, [%g]"];
        assert_eq!(all(ptx), expected.map(Statement::Instruction));
    }

    #[test]
    fn version_and_target_are_read() {
        assert_eq!(
            all(".version 6.3\n.target sm_90a, debug\n.address_size 64"),
            [Statement::Version("6.3"), Statement::Target(90)]
        );
    }
}
