//! String preparation: how text is made comparable (RFC 4518), as far as every directory goes.
//!
//! Blanks (U+0020) around a value do not count, runs of them within it count as one, and where
//! case does not matter each character is put into lower case. More is left alone on purpose: the
//! RFC also drops invisible characters and unifies compatibility forms (NFKC), but the directories
//! differ there, and two entries that the directory keeps apart must never become one here.

use super::schema::Case;

/// Where a part of a substrings assertion stands in the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// At the beginning.
    Initial,
    /// Anywhere.
    Any,
    /// At the end.
    Final,
}

/// A value in the form in which equal values are equal. A value of nothing but blanks becomes one
/// blank, so that it differs from the empty one.
pub fn value(text: &str, case: Case) -> String {
    let mut out = words(text, case);
    if out.is_empty() && !text.is_empty() {
        out.push(' ');
    }
    out
}

/// A part of a substrings assertion, in the form in which it occurs in a prepared [`value`]:
/// blanks at an edge that faces another part count as one (RFC 4518 section 2.6.1).
pub fn part(text: &str, case: Case, part: Part) -> String {
    let inner = words(text, case);
    if inner.is_empty() {
        return if part == Part::Any && !text.is_empty() { " ".to_owned() } else { inner };
    }
    let before = if text.starts_with(' ') && part != Part::Initial { " " } else { "" };
    let after = if text.ends_with(' ') && part != Part::Final { " " } else { "" };
    [before, &inner, after].concat()
}

/// A telephone number without the blanks and hyphens that do not count (RFC 4518 section 2.6.3).
pub fn telephone(text: &str) -> String {
    let significant = text.chars().filter(|c| !matches!(c, ' ' | '-'));
    significant.flat_map(char::to_lowercase).collect()
}

fn words(text: &str, case: Case) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        if !out.is_empty() {
            out.push(' ');
        }
        match case {
            Case::Exact => out.push_str(word),
            Case::Ignore => out.extend(word.chars().flat_map(char::to_lowercase)),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(text: &str, ignored: &str, exact: &str) {
        assert_eq!(value(text, Case::Ignore), ignored, "{text:?}");
        assert_eq!(value(text, Case::Exact), exact, "{text:?}");
    }

    #[test]
    fn blanks_are_folded_and_case_is_folded_where_it_does_not_matter() {
        check("  Ann   Lee ", "ann lee", "Ann Lee");
        check("ÄRGER Σ", "ärger σ", "ÄRGER Σ");
        check("", "", "");
        check("   ", " ", " ");
        check("a\u{a0}b\t", "a\u{a0}b\t", "a\u{a0}b\t");
    }

    #[test]
    fn invisible_characters_still_tell_values_apart() {
        assert_ne!(value("ad\u{200b}min", Case::Ignore), value("admin", Case::Ignore));
        assert_ne!(value("admin\0", Case::Ignore), value("admin", Case::Ignore));
    }

    #[test]
    fn a_part_keeps_one_blank_where_it_faces_another_part() {
        let at = |text, place| part(text, Case::Ignore, place);
        assert_eq!(at("  A  b  ", Part::Initial), "a b ");
        assert_eq!(at("  A  b  ", Part::Any), " a b ");
        assert_eq!(at("  A  b  ", Part::Final), " a b");
        assert_eq!(at("  ", Part::Any), " ");
        assert_eq!(at("  ", Part::Initial), "");
        assert_eq!(at("  ", Part::Final), "");
    }

    proptest! {
        #[test]
        fn preparing_twice_changes_nothing(text in "[ aÀİß\u{3a3}x]{0,12}|\\PC*") {
            for case in [Case::Ignore, Case::Exact] {
                let once = value(&text, case);
                prop_assert_eq!(value(&once, case), once);
            }
        }
    }
}
