//! The formats of events: a part of what `format!` knows, read the same way when a kernel is compiled and on the host.

/// How an argument is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// `{}`
    Display,
    /// `{:?}`
    Debug,
    /// `{:x}`
    LowerHex,
    /// `{:X}`
    UpperHex,
    /// `{:o}`
    Octal,
    /// `{:b}`
    Binary,
    /// `{:e}`
    LowerExp,
    /// `{:E}`
    UpperExp,
    /// `{:p}`
    Pointer,
}

/// Where an argument stands in its width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// `<`
    Left,
    /// `^`
    Centre,
    /// `>`
    Right,
}

/// What stands between the braces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spec {
    /// How to write it.
    pub style: Style,
    /// Where to; none for numbers to the right and others to the left.
    pub align: Option<Align>,
    /// `+`
    pub plus: bool,
    /// `#`
    pub alternate: bool,
    /// `0`: zeros between the sign and the number.
    pub zeros: bool,
    /// Characters at least.
    pub width: u8,
    /// Digits behind the point.
    pub precision: Option<u8>,
}

impl Spec {
    /// `{}`
    pub const PLAIN: Self = Self {
        style: Style::Display,
        align: None,
        plus: false,
        alternate: false,
        zeros: false,
        width: 0,
        precision: None,
    };
}

/// A part of a format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    /// The bytes from `start` to `end`.
    Text {
        /// The first byte.
        start: usize,
        /// One behind the last.
        end: usize,
    },
    /// The next argument.
    Argument(Spec),
    /// Nothing more.
    End,
}

/// A format that cannot be read, from this byte on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed(pub usize);

/// The part of a format that begins at byte `at`, and where the next one does.
///
/// # Errors
/// [`Malformed`].
pub const fn next_piece(format: &[u8], at: usize) -> Result<(Piece, usize), Malformed> {
    if at >= format.len() {
        return Ok((Piece::End, at));
    }
    let doubled = at + 1 < format.len() && format[at] == format[at + 1];
    match format[at] {
        b'{' | b'}' if doubled => Ok((Piece::Text { start: at, end: at + 1 }, at + 2)),
        b'{' => argument(format, at + 1),
        b'}' => Err(Malformed(at)),
        _ => {
            let mut end = at;
            while end < format.len() && format[end] != b'{' && format[end] != b'}' {
                end += 1;
            }
            Ok((Piece::Text { start: at, end }, end))
        }
    }
}

/// How many arguments a format asks for.
///
/// # Errors
/// [`Malformed`].
pub const fn count_arguments(format: &str) -> Result<usize, Malformed> {
    let (mut at, mut count) = (0, 0);
    loop {
        match next_piece(format.as_bytes(), at) {
            Ok((Piece::End, _)) => return Ok(count),
            Ok((Piece::Argument(_), next)) => {
                count += 1;
                at = next;
            }
            Ok((Piece::Text { .. }, next)) => at = next,
            Err(malformed) => return Err(malformed),
        }
    }
}

/// What stands behind an opening brace.
const fn argument(format: &[u8], start: usize) -> Result<(Piece, usize), Malformed> {
    let (mut spec, mut at) = (Spec::PLAIN, start);
    if byte(format, at) == b':' {
        at += 1;
        spec.align = match byte(format, at) {
            b'<' => Some(Align::Left),
            b'^' => Some(Align::Centre),
            b'>' => Some(Align::Right),
            _ => None,
        };
        if spec.align.is_some() {
            at += 1;
        }
        if byte(format, at) == b'+' {
            spec.plus = true;
            at += 1;
        }
        if byte(format, at) == b'#' {
            spec.alternate = true;
            at += 1;
        }
        if byte(format, at) == b'0' {
            spec.zeros = true;
            at += 1;
        }
        (spec.width, at) = match number(format, at) {
            Some(read) => read,
            None => return Err(Malformed(at)),
        };
        if byte(format, at) == b'.' {
            let digits = at + 1;
            match number(format, digits) {
                Some((precision, end)) if end > digits => (spec.precision, at) = (Some(precision), end),
                _ => return Err(Malformed(at)),
            }
        }
        let style = match byte(format, at) {
            b'?' => Style::Debug,
            b'x' => Style::LowerHex,
            b'X' => Style::UpperHex,
            b'o' => Style::Octal,
            b'b' => Style::Binary,
            b'e' => Style::LowerExp,
            b'E' => Style::UpperExp,
            b'p' => Style::Pointer,
            _ => Style::Display,
        };
        spec.style = style;
        if !matches!(style, Style::Display) {
            at += 1;
        }
    }
    if byte(format, at) == b'}' { Ok((Piece::Argument(spec), at + 1)) } else { Err(Malformed(at)) }
}

/// A byte, 0 behind the end.
const fn byte(format: &[u8], at: usize) -> u8 {
    if at < format.len() { format[at] } else { 0 }
}

/// A number up to 255 and where it ends; 0 without a digit.
const fn number(format: &[u8], start: usize) -> Option<(u8, usize)> {
    let (mut value, mut at) = (0_u8, start);
    while byte(format, at).is_ascii_digit() {
        value = match value.checked_mul(10) {
            Some(value) => match value.checked_add(byte(format, at) - b'0') {
                Some(value) => value,
                None => return None,
            },
            None => return None,
        };
        at += 1;
    }
    Some((value, at))
}
