//! A user name that is made of an attribute's value: by a regular expression, a template, or both
//! (S5.7).

use super::policy::MAX_REGEX;
use regex::{Regex, RegexBuilder};

/// How a user name is made.
#[derive(Debug, Clone)]
pub struct NameRule {
    pattern: Regex,
    template: String,
}

impl NameRule {
    /// Names are made of values that match `pattern` as a whole: `template` with its `$1`, `${1}` or
    /// `${name}`. Without a pattern any value matches; without a template the name is the first group
    /// of the pattern, or all of the value where there is none.
    pub fn new(pattern: Option<&str>, template: Option<&str>) -> Result<Self, regex::Error> {
        let whole = format!("^(?:{})$", pattern.unwrap_or("(?s).*"));
        let pattern = RegexBuilder::new(&whole).size_limit(MAX_REGEX).build()?;
        let implied = if pattern.captures_len() > 1 { "${1}" } else { "${0}" };
        Ok(Self { pattern, template: template.unwrap_or(implied).to_owned() })
    }

    /// A reference of the template that the pattern has no group for.
    pub fn dangling(&self) -> Option<String> {
        let mut names: Vec<String> =
            self.pattern.capture_names().flatten().map(str::to_owned).collect();
        names.extend((0..self.pattern.captures_len()).map(|number| number.to_string()));
        let reference = Regex::new(r"\$(?:\{([^}]*)\}|([0-9A-Za-z_]+))").ok()?;
        let escaped = self.template.replace("$$", "");
        let mut found = reference.captures_iter(&escaped).filter_map(|captures| {
            captures.get(1).or_else(|| captures.get(2)).map(|found| found.as_str().to_owned())
        });
        found.find(|name| !names.contains(name))
    }

    /// The name; `None` if the value does not match, or nothing is left.
    pub fn apply(&self, value: &str) -> Option<String> {
        let captures = self.pattern.captures(value)?;
        let mut name = String::new();
        captures.expand(&self.template, &mut name);
        (!name.trim().is_empty()).then_some(name)
    }
}
