//! `[accounts]`: service accounts of the gateway's own.

use super::Directory;
use super::directory::dn;
use super::reader::{Reader, Section};
use super::value::Mistake;
use crate::app::accounts::roll::Config;
use crate::domain::suffix::Policy;
use crate::proto::dn::DistinguishedName;
use toml::Spanned;

/// Reads the section; where nothing else is said accounts are below the records' suffix.
pub(super) fn accounts<'d>(
    r: &mut Reader<'d>,
    root: &Section<'d>,
    records: Option<&Policy>,
    directories: Option<&[Directory]>,
) -> Option<Config> {
    let section = r.section(root, "accounts");
    let base = r.optional(&section, "base", |r, section, key| r.text(section, key, base));
    let max_accounts = r.amount(&section, "max_accounts");
    let max_verifying = r.amount(&section, "max_verifying");
    let max_waiting = r.amount(&section, "max_waiting");
    let queue_timeout = r.duration(&section, "queue_timeout");
    let remember = r.flag(&section, "remember");
    if let Some(Some(given)) = &base {
        judge(r, given, directories.unwrap_or_default());
    }
    let base = match base? {
        Some(base) => base.into_inner(),
        None => dn(&format!("ou=accounts,{}", records?.layout.suffix())).ok()?,
    };
    Some(Config {
        base,
        max_accounts: max_accounts?,
        max_verifying: max_verifying?,
        max_waiting: max_waiting?,
        queue_timeout: queue_timeout?,
        remember: remember?,
    })
}

/// A name of a directory that looked like an account's could not be bound as any more.
fn judge(r: &mut Reader<'_>, base: &Spanned<DistinguishedName>, directories: &[Directory]) {
    let all = directories.iter().flat_map(|directory| &directory.policy.suffixes);
    let own = base.get_ref();
    let mut met =
        all.filter(|suffix| !suffix.is_root() && (suffix.is_within(own) || own.is_within(suffix)));
    if let Some(suffix) = met.next() {
        let message = format!("names below \"{own}\" and below a directory's \"{suffix}\" meet");
        let help =
            "accounts have names that no directory has, for example \"ou=accounts,dc=bindgate\"";
        r.error(base.span(), message, help);
    }
}

fn base(text: &str) -> Result<DistinguishedName, Mistake> {
    match dn(text)? {
        name if name.is_root() => {
            let help = "for example \"ou=accounts,dc=bindgate\"";
            Err(Mistake::new("every name would be an account's", help))
        }
        name => Ok(name),
    }
}
