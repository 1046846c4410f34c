//! Text from peers, made safe for logs and terminals: nothing in it can end a line, move a cursor
//! or pass for something that the gateway wrote.

use std::fmt::{self, Write};

/// The most bytes of a name that a log line shows.
pub const MAX_NAME: usize = 512;

/// Bytes from a peer between double quotes. Quotes and backslashes get a backslash, control
/// characters and bytes that are not UTF-8 become `\xNN`, invisible characters `\u{…}`; what is
/// longer than [`MAX_NAME`] bytes is cut, and the number of bytes left out is told.
pub struct Quoted<'a>(pub &'a [u8]);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = &self.0[..self.0.len().min(MAX_NAME)];
        f.write_char('"')?;
        for chunk in shown.utf8_chunks() {
            for c in chunk.valid().chars() {
                match c {
                    '"' | '\\' => write!(f, "\\{c}")?,
                    _ => write_visible(f, c)?,
                }
            }
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        f.write_char('"')?;
        match self.0.len() - shown.len() {
            0 => Ok(()),
            cut => write!(f, "(+{cut} bytes)"),
        }
    }
}

/// Text without quotes, for tables and whole lines: only what is invisible or a control character
/// is escaped, and nothing is cut.
pub struct Printable<'a>(pub &'a str);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| write_visible(f, c))
    }
}

/// A configured name: bare if it is a plain word, else quoted.
pub(super) struct Word<'a>(pub(super) &'a str);

impl fmt::Display for Word<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if !self.0.is_empty() && self.0.len() <= MAX_NAME && self.0.chars().all(plain) {
            f.write_str(self.0)
        } else {
            Quoted(self.0.as_bytes()).fmt(f)
        }
    }
}

fn write_visible(f: &mut fmt::Formatter<'_>, c: char) -> fmt::Result {
    match c {
        '\0'..='\x1f' | '\x7f' => write!(f, "\\x{:02x}", u32::from(c)),
        _ if c.is_control() || is_invisible(c) => write!(f, "\\u{{{:x}}}", u32::from(c)),
        _ => f.write_char(c),
    }
}

/// Characters that change how others are shown: separators, joiners, direction marks.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(bytes: &[u8], expected: &str) {
        assert_eq!(Quoted(bytes).to_string(), expected);
    }

    #[test]
    fn what_could_forge_a_line_is_escaped() {
        check(b"uid=ann,dc=example", r#""uid=ann,dc=example""#);
        check(b"a\nconn=1 op=0 BIND", r#""a\x0aconn=1 op=0 BIND""#);
        check(b"quote \" and \\", r#""quote \" and \\""#);
        check(b"\xff\xc3(", r#""\xff\xc3(""#);
        check("zoë \u{202e}evil\u{9b}".as_bytes(), r#""zoë \u{202e}evil\u{9b}""#);
        check(b"\x1b[2J\0", r#""\x1b[2J\x00""#);
    }

    #[test]
    fn a_long_name_is_cut_and_says_by_how_much() {
        let text = Quoted(&[b'a'; MAX_NAME + 7]).to_string();
        assert!(text.ends_with("a\"(+7 bytes)"), "{text}");
        assert_eq!(text.matches('a').count(), MAX_NAME);
    }

    #[test]
    fn a_configured_name_is_quoted_only_if_it_is_no_plain_word() {
        assert_eq!(Word("corp-1").to_string(), "corp-1");
        assert_eq!(Word("my corp").to_string(), "\"my corp\"");
        assert_eq!(Word("").to_string(), "\"\"");
    }

    proptest! {
        #[test]
        fn no_bytes_leave_the_quotes(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            let text = Quoted(&bytes).to_string();
            prop_assert!(!text.chars().any(|c| c.is_control() || is_invisible(c)));
            let inner = &text[1..text.rfind('"').unwrap()];
            let mut escaped = false;
            for c in inner.chars() {
                prop_assert!(c != '"' || escaped);
                escaped = c == '\\' && !escaped;
            }
        }
    }
}
