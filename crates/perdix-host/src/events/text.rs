//! An event's text: its format with its arguments, written as `format!` writes them.

use std::fmt::{self, Write};

use perdix_core::events::{Align, ArgumentType, Piece, Spec, Style, next_piece};

use super::value::Value;

/// Writes a format, which was checked when its site was read, with as many arguments as it asks for.
pub(super) fn write_text(
    out: &mut fmt::Formatter<'_>,
    format: &str,
    mut arguments: impl Iterator<Item = Value>,
) -> fmt::Result {
    let mut at = 0;
    let mut scratch = String::new();
    while let Ok((piece, next)) = next_piece(format.as_bytes(), at) {
        match piece {
            Piece::End => break,
            Piece::Text { start, end } => out.write_str(format.get(start..end).unwrap_or_default())?,
            Piece::Argument(spec) => {
                let Some(value) = arguments.next() else { break };
                scratch.clear();
                write_number(&mut scratch, value, spec)?;
                pad(out, &scratch, value, spec)?;
            }
        }
        at = next;
    }
    Ok(())
}

/// A value without its width.
fn write_number(out: &mut String, value: Value, spec: Spec) -> fmt::Result {
    let bits = value.bits();
    let plus = if spec.plus { "+" } else { "" };
    let prefix = |prefix| if spec.alternate { prefix } else { "" };
    match (value.kind(), spec.style) {
        (ArgumentType::Bool, Style::Display | Style::Debug) => write!(out, "{}", bits != 0),
        (ArgumentType::Char, Style::Display | Style::Debug) => {
            let character =
                u32::try_from(bits).ok().and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER);
            if spec.style == Style::Debug { write!(out, "{character:?}") } else { out.write_char(character) }
        }
        (ArgumentType::Pointer, Style::Display | Style::Debug | Style::Pointer) | (_, Style::Pointer) => {
            write!(out, "{bits:#x}")
        }
        // The bits of a float, too.
        (_, Style::LowerHex) => write!(out, "{plus}{}{bits:x}", prefix("0x")),
        (_, Style::UpperHex) => write!(out, "{plus}{}{bits:X}", prefix("0x")),
        (_, Style::Octal) => write!(out, "{plus}{}{bits:o}", prefix("0o")),
        (_, Style::Binary) => write!(out, "{plus}{}{bits:b}", prefix("0b")),
        (ArgumentType::F32, _) => write_float(out, f32::from_bits(bits as u32), spec),
        (ArgumentType::F64, _) => write_float(out, f64::from_bits(bits), spec),
        _ => write_integer(out, value, spec),
    }
}

fn write_integer(out: &mut String, value: Value, spec: Spec) -> fmt::Result {
    let number = value.as_i64().map_or(i128::from(value.bits()), i128::from);
    let number = if value.as_u64().is_some() { i128::from(value.as_u64().unwrap_or(0)) } else { number };
    match (spec.style, spec.plus) {
        (Style::LowerExp, false) => write!(out, "{number:e}"),
        (Style::LowerExp, true) => write!(out, "{number:+e}"),
        (Style::UpperExp, false) => write!(out, "{number:E}"),
        (Style::UpperExp, true) => write!(out, "{number:+E}"),
        (_, false) => write!(out, "{number}"),
        (_, true) => write!(out, "{number:+}"),
    }
}

fn write_float<F>(out: &mut String, value: F, spec: Spec) -> fmt::Result
where
    F: fmt::Display + fmt::Debug + fmt::LowerExp + fmt::UpperExp,
{
    match (spec.style, spec.precision.map(usize::from), spec.plus) {
        (Style::LowerExp, None, false) => write!(out, "{value:e}"),
        (Style::LowerExp, None, true) => write!(out, "{value:+e}"),
        (Style::LowerExp, Some(digits), false) => write!(out, "{value:.digits$e}"),
        (Style::LowerExp, Some(digits), true) => write!(out, "{value:+.digits$e}"),
        (Style::UpperExp, None, false) => write!(out, "{value:E}"),
        (Style::UpperExp, None, true) => write!(out, "{value:+E}"),
        (Style::UpperExp, Some(digits), false) => write!(out, "{value:.digits$E}"),
        (Style::UpperExp, Some(digits), true) => write!(out, "{value:+.digits$E}"),
        (Style::Debug, None, false) => write!(out, "{value:?}"),
        (Style::Debug, None, true) => write!(out, "{value:+?}"),
        (_, None, false) => write!(out, "{value}"),
        (_, None, true) => write!(out, "{value:+}"),
        (_, Some(digits), false) => write!(out, "{value:.digits$}"),
        (_, Some(digits), true) => write!(out, "{value:+.digits$}"),
    }
}

/// Writes a value in its width.
fn pad(out: &mut fmt::Formatter<'_>, text: &str, value: Value, spec: Spec) -> fmt::Result {
    let is_number = !matches!(value.kind(), ArgumentType::Bool | ArgumentType::Char)
        || !matches!(spec.style, Style::Display | Style::Debug);
    let missing = usize::from(spec.width).saturating_sub(text.chars().count());
    if spec.zeros && is_number {
        // Behind the sign and the prefix.
        let digits = text.trim_start_matches(['+', '-']);
        let sign = text.len() - digits.len();
        let prefix = if digits.starts_with("0x") || digits.starts_with("0b") || digits.starts_with("0o") {
            2
        } else {
            0
        };
        let (front, rest) = text.split_at_checked(sign + prefix).unwrap_or(("", text));
        out.write_str(front)?;
        fill(out, '0', missing)?;
        return out.write_str(rest);
    }
    let default = if is_number { Align::Right } else { Align::Left };
    let before = match spec.align.unwrap_or(default) {
        Align::Left => 0,
        Align::Centre => missing / 2,
        Align::Right => missing,
    };
    fill(out, ' ', before)?;
    out.write_str(text)?;
    fill(out, ' ', missing - before)
}

fn fill(out: &mut fmt::Formatter<'_>, with: char, count: usize) -> fmt::Result {
    (0..count).try_for_each(|_| out.write_char(with))
}
