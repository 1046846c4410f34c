//! A Rust file as the rules see it: its code without comments, strings and characters, and which
//! parts of it are tests.

use std::ops::Range;

/// One Rust file.
pub(crate) struct Source {
    /// Its path from the package's root, with `/`.
    pub(crate) path: String,
    /// Its code: comments and what stands in quotes are blanks, lines are kept.
    pub(crate) code: String,
    /// The parts that are compiled for tests only.
    pub(crate) tests: Vec<Range<usize>>,
}

/// A function.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Function {
    /// Its name.
    pub(crate) name: String,
    /// The line of `fn`, counted from 1.
    pub(crate) line: usize,
    /// How many lines it has, from `fn` to its closing brace.
    pub(crate) length: usize,
}

impl Source {
    /// Looks at a file's text.
    pub(crate) fn new(path: &str, text: &str) -> Self {
        let code = blank(text);
        let tests = match is_test_file(path) {
            true => std::iter::once(0..code.len()).collect(),
            false => test_parts(&code),
        };
        Self { path: path.to_owned(), code, tests }
    }

    /// Whether a byte lies in a part that is compiled for tests only.
    pub(crate) fn is_test(&self, at: usize) -> bool {
        self.tests.iter().any(|part| part.contains(&at))
    }

    /// The line of a byte, counted from 1.
    pub(crate) fn line(&self, at: usize) -> usize {
        self.code.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1
    }

    /// How many lines the file has.
    pub(crate) fn lines(&self) -> usize {
        self.code.lines().count()
    }

    /// Where a word stands on its own: no letter, digit or `_` on either side.
    pub(crate) fn words<'s>(&'s self, word: &'s str) -> impl Iterator<Item = usize> + 's {
        let bytes = self.code.as_bytes();
        let is_open =
            |at: Option<usize>| !at.and_then(|at| bytes.get(at)).is_some_and(|b| is_name(*b));
        self.code.match_indices(word).map(|(at, _)| at).filter(move |at| {
            let starts = !is_name(word.as_bytes()[0]) || is_open(at.checked_sub(1));
            let ends = !is_name(word.as_bytes()[word.len() - 1]) || is_open(Some(at + word.len()));
            starts && ends
        })
    }

    /// The functions that have a body.
    pub(crate) fn functions(&self) -> Vec<Function> {
        self.words("fn").filter_map(|at| self.function(at)).collect()
    }

    /// The names of the functions in parts that are compiled for tests only.
    pub(crate) fn test_functions(&self) -> Vec<String> {
        let places = self.words("fn").filter(|at| self.is_test(*at));
        places.filter_map(|at| Some(self.function(at)?.name)).collect()
    }

    /// How many modules with a body in this file a byte lies in.
    pub(crate) fn inline_modules(&self, at: usize) -> usize {
        let holds = |module: &usize| {
            body_start(&self.code[*module..]).is_some_and(|open| {
                let open = module + open;
                (open..open + block_length(&self.code[open..])).contains(&at)
            })
        };
        self.words("mod").filter(holds).count()
    }

    fn function(&self, at: usize) -> Option<Function> {
        let after = self.code[at + 2..].trim_start();
        let name: String = after.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        if name.is_empty() {
            return None;
        }
        let open = at + body_start(&self.code[at..])?;
        let close = open + block_length(&self.code[open..]);
        let (first, last) = (self.line(at), self.line(close));
        Some(Function { name, line: first, length: last - first + 1 })
    }
}

/// Whether a whole file is compiled for tests only, by its name.
fn is_test_file(path: &str) -> bool {
    let mut parts = path.rsplit('/');
    let file = parts.next().unwrap_or_default();
    file == "tests.rs" || file.ends_with("_tests.rs") || parts.any(|folder| folder == "tests")
}

/// The items that `#[cfg(test)]` stands on.
fn test_parts(code: &str) -> Vec<Range<usize>> {
    let starts = code.match_indices("#[cfg(test)]").map(|(at, _)| at);
    let part = |at: usize| match body_start(&code[at..]) {
        Some(open) => at..at + open + block_length(&code[at + open..]) + 1,
        None => at..at + code[at..].find(';').unwrap_or(0),
    };
    starts.map(part).collect()
}

/// The brace that opens an item's body; `None` if a semicolon ends the item before.
fn body_start(code: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, byte) in code.bytes().enumerate() {
        match byte {
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth = depth.saturating_sub(1),
            b'{' if depth == 0 => return Some(at),
            b';' if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

/// Where the brace that code begins with is closed.
fn block_length(code: &str) -> usize {
    let mut depth = 0_usize;
    for (at, byte) in code.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 1 => return at,
            b'}' => depth -= 1,
            _ => {}
        }
    }
    code.len().saturating_sub(1)
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// The same text with blanks for comments and for what stands in quotes; every byte keeps its
/// place, and every line too.
pub(crate) fn blank(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let hidden = hidden_length(bytes, at);
        for byte in &mut out[at..at + hidden] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at += hidden.max(1);
    }
    String::from_utf8(out).expect("only whole comments, strings and characters are blanked")
}

/// How many bytes from here on are a comment, a string or a character.
fn hidden_length(bytes: &[u8], at: usize) -> usize {
    let rest = &bytes[at..];
    match rest[0] {
        b'/' if rest.starts_with(b"//") => until(rest, b"\n"),
        b'/' if rest.starts_with(b"/*") => block_comment(rest),
        b'"' => quoted(rest, b'"'),
        b'r' if at == 0 || !is_name(bytes[at - 1]) || is_prefix(bytes, at) => raw_string(rest),
        b'\'' => character(rest),
        _ => 0,
    }
}

/// Whether the `r` at this place follows the `b` or `c` of a string's prefix.
fn is_prefix(bytes: &[u8], at: usize) -> bool {
    matches!(bytes[at - 1], b'b' | b'c') && (at == 1 || !is_name(bytes[at - 2]))
}

fn until(rest: &[u8], end: &[u8]) -> usize {
    rest.windows(end.len()).position(|window| window == end).unwrap_or(rest.len())
}

fn block_comment(rest: &[u8]) -> usize {
    let (mut at, mut depth) = (0, 0_usize);
    while at < rest.len() {
        if rest[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

fn quoted(rest: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            byte if byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

fn raw_string(rest: &[u8]) -> usize {
    let hashes = rest[1..].iter().take_while(|byte| **byte == b'#').count();
    if rest.get(1 + hashes) != Some(&b'"') {
        return 0;
    }
    let end = [b"\"".as_slice(), &vec![b'#'; hashes]].concat();
    let start = 2 + hashes;
    (start + until(&rest[start..], &end) + end.len()).min(rest.len())
}

/// A character in quotes; nothing if it is a lifetime.
fn character(rest: &[u8]) -> usize {
    match rest.get(1) {
        Some(b'\\') => quoted(rest, b'\''),
        Some(first) => {
            let width = match first {
                0xF0.. => 4,
                0xE0.. => 3,
                0xC0.. => 2,
                _ => 1,
            };
            if rest.get(1 + width) == Some(&b'\'') { width + 2 } else { 0 }
        }
        None => 0,
    }
}
