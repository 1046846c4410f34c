//! What is wrong with a configuration file, where, and how it is shown.

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode,
    ThemeCharacters, ThemeStyles,
};
use std::fmt;
use std::io::IsTerminal;
use std::ops::Range;
use std::sync::Arc;

/// The columns of a rendered problem.
const WIDTH: usize = 100;

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The file is not used.
    Error,
    /// The file is used, and this may not be what was meant.
    Warning,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// How much it weighs.
    pub severity: Severity,
    /// What is wrong, in one sentence.
    pub message: String,
    /// What would be right.
    pub help: String,
    /// The bytes of the file that it is about.
    pub span: Range<usize>,
    /// The line of its first byte, counted from 1.
    pub line: usize,
    /// The column of its first byte in characters, counted from 1.
    pub column: usize,
}

/// Everything that was found in one file, in its order.
#[derive(Clone)]
pub struct Problems {
    source: Arc<NamedSource<String>>,
    items: Vec<Problem>,
}

/// Whether output is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paint {
    /// Letters only.
    Plain,
    /// With ANSI colours.
    Coloured,
}

impl Problems {
    pub(super) fn new(file_name: &str, text: &str) -> Self {
        Self { source: Arc::new(NamedSource::new(file_name, text.to_owned())), items: Vec::new() }
    }

    pub(super) fn push(
        &mut self,
        severity: Severity,
        span: Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        let text = self.source.inner();
        let span = clamp(text, span);
        let (line, column) = position(text, span.start);
        let (message, help) = (message.into(), help.into());
        self.items.push(Problem { severity, message, help, span, line, column });
    }

    /// Puts the findings into the order of the file.
    pub(super) fn sort(&mut self) {
        self.items.sort_by_key(|problem| problem.span.start);
        self.items.dedup();
    }

    /// The findings.
    pub fn items(&self) -> &[Problem] {
        &self.items
    }

    /// Whether one of them keeps the file from being used.
    pub fn has_errors(&self) -> bool {
        self.count(Severity::Error) > 0
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The file's name, as it was given.
    pub fn file_name(&self) -> &str {
        self.source.name()
    }

    /// All findings with line, column, excerpt and help, and a last line that counts them;
    /// coloured if standard error is a terminal and `NO_COLOR` is not set.
    pub fn render(&self) -> String {
        let wanted = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        self.render_with(if wanted { Paint::Coloured } else { Paint::Plain })
    }

    /// The same, coloured or not.
    pub fn render_with(&self, paint: Paint) -> String {
        let styles = match paint {
            Paint::Plain => ThemeStyles::none(),
            Paint::Coloured => ThemeStyles::ansi(),
        };
        let mut characters = ThemeCharacters::ascii();
        characters.error = "error:".to_owned();
        characters.warning = "warning:".to_owned();
        let handler = GraphicalReportHandler::new_themed(GraphicalTheme { characters, styles })
            .with_width(WIDTH)
            .with_context_lines(1)
            .with_links(false);
        let mut out = String::new();
        for item in &self.items {
            let shown = Shown { item, source: &self.source };
            if handler.render_report(&mut out, &shown).is_err() {
                out.push_str(&item.message);
                out.push('\n');
            }
        }
        out.push_str(&self.summary());
        out.push('\n');
        out
    }

    fn summary(&self) -> String {
        let counted = |count: usize, noun: &str| match count {
            1 => format!("1 {noun}"),
            _ => format!("{count} {noun}s"),
        };
        let errors = self.count(Severity::Error);
        let warnings = self.count(Severity::Warning);
        let found = match (errors, warnings) {
            (_, 0) => counted(errors, "error"),
            (0, _) => counted(warnings, "warning"),
            _ => format!("{}, {}", counted(errors, "error"), counted(warnings, "warning")),
        };
        format!("{}: {found}", self.file_name())
    }

    fn count(&self, severity: Severity) -> usize {
        self.items.iter().filter(|problem| problem.severity == severity).count()
    }
}

impl fmt::Debug for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render_with(Paint::Plain))
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render_with(Paint::Plain))
    }
}

impl std::error::Error for Problems {}

/// A finding with its file, as `miette` wants it.
struct Shown<'p> {
    item: &'p Problem,
    source: &'p NamedSource<String>,
}

impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.item.message)
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.item.message)
    }
}

impl std::error::Error for Shown<'_> {}

impl Diagnostic for Shown<'_> {
    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.item.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        (!self.item.help.is_empty()).then(|| Box::new(&self.item.help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let span = self.item.span.clone();
        Some(Box::new(std::iter::once(LabeledSpan::at(span, "here"))))
    }
}

/// A span that lies within the text, on one line, and begins and ends between characters.
fn clamp(text: &str, span: Range<usize>) -> Range<usize> {
    let start = text.floor_char_boundary(span.start.min(text.len()));
    let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
    let end = text.floor_char_boundary(span.end.clamp(start, line_end));
    start..end
}

/// Line and column of a byte, both counted from 1.
fn position(text: &str, at: usize) -> (usize, usize) {
    let before = &text[..at];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    (line, before[line_start..].chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_counts_lines_and_characters_from_one() {
        assert_eq!(position("ab\ncd", 0), (1, 1));
        assert_eq!(position("ab\ncd", 4), (2, 2));
        assert_eq!(position("äb", 2), (1, 2));
        assert_eq!(position("", 0), (1, 1));
    }

    #[test]
    fn a_span_is_kept_within_the_text_and_its_line() {
        assert_eq!(clamp("ab\ncd", 1..5), 1..2);
        assert_eq!(clamp("ab", 7..9), 2..2);
        assert_eq!(clamp("ä", 1..2), 0..2);
    }

    #[test]
    fn a_problem_is_shown_with_file_line_column_excerpt_caret_and_help() {
        let mut problems = Problems::new("gateway.toml", "first = 1\nsecond = two\n");
        problems.push(Severity::Error, 19..22, "no number", "write 2");
        let shown = problems.render_with(Paint::Plain);
        for part in ["error:", "no number", "gateway.toml:2:10", "second = two", "^", "write 2"] {
            assert!(shown.contains(part), "{part:?} is missing in\n{shown}");
        }
        assert!(shown.ends_with("gateway.toml: 1 error\n"), "{shown}");
        assert!(!shown.contains('\u{1b}'), "{shown}");
        assert!(problems.render_with(Paint::Coloured).contains('\u{1b}'));
    }
}
