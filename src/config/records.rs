//! `[records]`: the records' own suffix.

use super::Directory;
use super::directory::dn;
use super::reader::{Reader, Section};
use super::sections::plain;
use super::value::Mistake;
use crate::domain::suffix::{Inactive, Layout, Policy};
use crate::proto::dn::DistinguishedName;
use toml::Spanned;

/// Reads the section.
pub(super) fn records<'d>(
    r: &mut Reader<'d>,
    root: &Section<'d>,
    directories: Option<&[Directory]>,
) -> Option<Policy> {
    let section = r.section(root, "records");
    let layout = r.text(&section, "suffix", layout);
    let readers = r.list(&section, "readers", reader);
    let words = [("hide", Inactive::Hide), ("show", Inactive::Show)];
    let inactive = r.choice(&section, "inactive", &words);
    let size_limit = r.amount(&section, "size_limit");
    let time_limit = r.duration(&section, "time_limit");
    let max_sorted = r.amount(&section, "max_sorted");
    let (layout, readers) = (layout?, plain(readers?));
    let policy = Policy {
        layout: layout.get_ref().clone(),
        readers,
        inactive: inactive?,
        size_limit: size_limit.map(|limit| (limit > 0).then_some(limit))?,
        time_limit: time_limit?,
        max_sorted: max_sorted?,
    };
    if policy.is_on() {
        judge_suffix(r, &layout, directories.unwrap_or_default());
    }
    Some(policy)
}

/// A directory at or below the suffix could not be reached any more.
fn judge_suffix(r: &mut Reader<'_>, layout: &Spanned<Layout>, directories: &[Directory]) {
    let suffix = layout.get_ref().suffix();
    let all = directories.iter().flat_map(|directory| &directory.policy.suffixes);
    if let Some(hidden) = all.into_iter().find(|other| other.is_within(suffix)) {
        let message = format!("the suffix \"{hidden}\" of a directory lies within \"{suffix}\"");
        let help = "give the records a suffix of their own, for example \"dc=bindgate\"";
        r.error(layout.span(), message, help);
    }
}

fn layout(text: &str) -> Result<Layout, Mistake> {
    let help = "for example \"dc=bindgate\"";
    Layout::new(dn(text)?).map_err(|error| {
        Mistake::new(format!("\"{text}\" cannot be the records' suffix: {error}"), help)
    })
}

fn reader(text: &str) -> Result<DistinguishedName, Mistake> {
    match dn(text)? {
        name if name.is_root() => {
            let help = "the names of applications or people, or of groups of theirs";
            Err(Mistake::new("a reader without a name is anybody", help))
        }
        name => Ok(name),
    }
}
