//! The string form of filters (RFC 4515), read and written.
//!
//! Beyond the grammar, blanks between parentheses and operators are tolerated: people lay long
//! filters out so.

use super::{Filter, FilterError, FilterLimits};
use crate::proto::attribute::{AttributeDescription, is_rule_name};
use std::fmt;

/// Reads one filter.
pub(super) fn parse(text: &str, limits: FilterLimits) -> Result<Filter, FilterError> {
    let mut parser = Parser { text, at: 0, components: limits.components };
    let filter = parser.filter(limits.depth.min(FilterLimits::MAX_DEPTH))?;
    parser.skip_blanks();
    if parser.at < text.len() {
        return parser.fail("text after the end");
    }
    Ok(filter)
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    /// How many more components may come.
    components: usize,
}

impl Parser<'_> {
    /// Reads a filter that may be `depth` levels deep; this is what bounds the recursion.
    fn filter(&mut self, depth: usize) -> Result<Filter, FilterError> {
        self.skip_blanks();
        if self.peek() != Some(b'(') {
            return self.fail("'(' is missing");
        }
        let Some(depth) = depth.checked_sub(1) else {
            return self.fail("nested too deeply");
        };
        self.count()?;
        self.at += 1;
        self.skip_blanks();
        let filter = match self.peek() {
            Some(b'&') => Filter::And(self.set(depth)?),
            Some(b'|') => Filter::Or(self.set(depth)?),
            Some(b'!') => {
                self.at += 1;
                Filter::Not(Box::new(self.filter(depth)?))
            }
            _ => return self.item().and_then(|item| self.close(item)),
        };
        self.skip_blanks();
        self.close(filter)
    }

    fn close(&mut self, filter: Filter) -> Result<Filter, FilterError> {
        if self.peek() != Some(b')') {
            return self.fail("')' is missing");
        }
        self.at += 1;
        Ok(filter)
    }

    fn count(&mut self) -> Result<(), FilterError> {
        match self.components.checked_sub(1) {
            Some(left) => self.components = left,
            None => return self.fail("too many components"),
        }
        Ok(())
    }

    fn set(&mut self, depth: usize) -> Result<Vec<Filter>, FilterError> {
        self.at += 1;
        let mut filters = Vec::new();
        loop {
            self.skip_blanks();
            if self.peek() == Some(b')') {
                return Ok(filters);
            }
            filters.push(self.filter(depth)?);
        }
    }

    fn item(&mut self) -> Result<Filter, FilterError> {
        let start = self.at;
        let rest = &self.text[start..];
        let end = rest.bytes().position(|byte| matches!(byte, b'=' | b'(' | b')'));
        let Some(end) = end.filter(|end| rest.as_bytes()[*end] == b'=') else {
            return self.fail("'=' is missing");
        };
        let left = &rest[..end];
        let value_at = start + end + 1;
        if let Some(left) = left.strip_suffix(':') {
            return self.extensible(left, value_at);
        }
        let operator = left.as_bytes().last().copied().unwrap_or_default();
        let name = left.strip_suffix(['~', '>', '<']).unwrap_or(left);
        let attribute = self.attribute(name)?;
        self.at = value_at;
        match operator {
            b'~' => Ok(Filter::Approximate(attribute, self.value()?)),
            b'>' => Ok(Filter::GreaterOrEqual(attribute, self.value()?)),
            b'<' => Ok(Filter::LessOrEqual(attribute, self.value()?)),
            _ => self.equality(attribute),
        }
    }

    /// What `=` may mean: equality, presence, substrings.
    fn equality(&mut self, attribute: String) -> Result<Filter, FilterError> {
        let first = self.part()?;
        if self.peek() != Some(b'*') {
            return Ok(Filter::Equal(attribute, first));
        }
        let initial = (!first.is_empty()).then_some(first);
        let mut any = Vec::new();
        loop {
            self.at += 1;
            let part = self.part()?;
            let more = self.peek() == Some(b'*');
            if part.is_empty() && more {
                return self.fail("nothing stands between two asterisks");
            }
            if more {
                self.count()?;
                any.push(part);
                continue;
            }
            let last = (!part.is_empty()).then_some(part);
            if initial.is_none() && any.is_empty() && last.is_none() {
                return Ok(Filter::Present(attribute));
            }
            return Ok(Filter::Substrings { attribute, initial, any, last });
        }
    }

    /// `[attribute][:dn][:rule]`, and the value behind `:=`.
    fn extensible(&mut self, left: &str, value_at: usize) -> Result<Filter, FilterError> {
        let (name, options) = left.split_once(':').map_or((left, None), |(n, o)| (n, Some(o)));
        let (dn_attributes, rule) = match options {
            None => (false, None),
            Some(options) => match options.split_once(':') {
                Some((dn, rule)) if dn.eq_ignore_ascii_case("dn") => (true, Some(rule)),
                Some(_) => return self.fail("only ':dn' may stand before the matching rule"),
                None if options.eq_ignore_ascii_case("dn") => (true, None),
                None => (false, Some(options)),
            },
        };
        if let Some(rule) = rule.filter(|rule| !is_rule_name(rule)) {
            return self.fail(&format!("{rule:?} is no matching rule"));
        }
        if name.is_empty() && rule.is_none() {
            return self.fail("neither an attribute nor a matching rule is named");
        }
        let attribute = if name.is_empty() { None } else { Some(self.attribute(name)?) };
        self.at = value_at;
        let value = self.value()?;
        Ok(Filter::Extensible { rule: rule.map(str::to_owned), attribute, value, dn_attributes })
    }

    fn attribute(&self, name: &str) -> Result<String, FilterError> {
        match AttributeDescription::parse(name) {
            Ok(_) => Ok(name.to_owned()),
            Err(error) => self.fail(&error.to_string()),
        }
    }

    /// A value in which an asterisk has no meaning.
    fn value(&mut self) -> Result<Vec<u8>, FilterError> {
        let value = self.part()?;
        if self.peek() == Some(b'*') {
            return self.fail("an asterisk has to be written \\2a here");
        }
        Ok(value)
    }

    /// What stands up to the next asterisk or closing parenthesis.
    fn part(&mut self) -> Result<Vec<u8>, FilterError> {
        let mut value = Vec::new();
        loop {
            match self.peek() {
                None => return self.fail("')' is missing"),
                Some(b')' | b'*') => return Ok(value),
                Some(b'(') => return self.fail("'(' has to be written \\28 here"),
                Some(0) => return self.fail("a zero byte has to be written \\00"),
                Some(b'\\') => value.push(self.escape()?),
                Some(byte) => {
                    value.push(byte);
                    self.at += 1;
                }
            }
        }
    }

    fn escape(&mut self) -> Result<u8, FilterError> {
        let digit = |at: usize| {
            let byte = self.text.as_bytes().get(at).copied();
            byte.and_then(|byte| char::from(byte).to_digit(16))
        };
        let (Some(high), Some(low)) = (digit(self.at + 1), digit(self.at + 2)) else {
            return self.fail("two hex digits have to follow the backslash");
        };
        self.at += 3;
        Ok((high << 4 | low) as u8)
    }

    fn skip_blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn fail<T>(&self, reason: &str) -> Result<T, FilterError> {
        Err(FilterError { reason: reason.to_owned(), at: self.at })
    }
}

/// Writes a filter; it recurses as deep as the tree is.
pub(super) fn write(filter: &Filter, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str("(")?;
    match filter {
        Filter::And(filters) => write_set('&', filters, f)?,
        Filter::Or(filters) => write_set('|', filters, f)?,
        Filter::Not(inner) => {
            f.write_str("!")?;
            write(inner, f)?;
        }
        Filter::Equal(name, value) => write_item(name, "=", value, f)?,
        Filter::GreaterOrEqual(name, value) => write_item(name, ">=", value, f)?,
        Filter::LessOrEqual(name, value) => write_item(name, "<=", value, f)?,
        Filter::Approximate(name, value) => write_item(name, "~=", value, f)?,
        Filter::Present(name) => write_item(name, "=*", b"", f)?,
        Filter::Substrings { attribute, initial, any, last } => {
            write_item(attribute, "=", initial.as_deref().unwrap_or_default(), f)?;
            for part in any {
                f.write_str("*")?;
                write_value(part, f)?;
            }
            f.write_str("*")?;
            write_value(last.as_deref().unwrap_or_default(), f)?;
        }
        Filter::Extensible { rule, attribute, value, dn_attributes } => {
            match attribute.as_deref() {
                None => {}
                // From the wire; it matches nothing, and must not read as if none were named.
                Some("") => f.write_str("\\")?,
                Some(name) => write_name(name, f)?,
            }
            f.write_str(if *dn_attributes { ":dn" } else { "" })?;
            if let Some(rule) = rule {
                f.write_str(":")?;
                write_name(rule, f)?;
            }
            f.write_str(":=")?;
            write_value(value, f)?;
        }
    }
    f.write_str(")")
}

fn write_set(operator: char, filters: &[Filter], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "{operator}")?;
    filters.iter().try_for_each(|filter| write(filter, f))
}

fn write_item(name: &str, operator: &str, value: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write_name(name, f)?;
    f.write_str(operator)?;
    write_value(value, f)
}

/// Writes a name. One from the wire may be anything: what no name holds becomes a hex pair, so that
/// no name can pass for another filter.
fn write_name(name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    name.bytes().try_for_each(|byte| match byte {
        b'-' | b'.' | b';' | b'_' => write!(f, "{}", char::from(byte)),
        _ if byte.is_ascii_alphanumeric() => write!(f, "{}", char::from(byte)),
        _ => write!(f, "\\{byte:02x}"),
    })
}

fn write_value(value: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for chunk in value.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '*' | '(' | ')' | '\\' => write!(f, "\\{:02x}", u32::from(c))?,
                _ if c.is_ascii_control() => write!(f, "\\{:02x}", u32::from(c))?,
                _ => write!(f, "{c}")?,
            }
        }
        chunk.invalid().iter().try_for_each(|byte| write!(f, "\\{byte:02x}"))?;
    }
    Ok(())
}
