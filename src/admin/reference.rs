//! How a user is named: a name, `TYPE/NAME`, `dn:DN`, `id:UPSTREAM-ID` or `rec:RECORD-ID`.

use crate::app::ports::{Catalogue, Stored};
use crate::proto::dn::DistinguishedName;

/// The records that a reference leads to, each once. A `dn:` that is no DN leads to none, and a
/// name with a slash in it is found as a whole as well as by its parts.
pub(super) fn resolve(catalogue: &impl Catalogue, reference: &str) -> Vec<Stored> {
    if let Some(dn) = reference.strip_prefix("dn:") {
        return DistinguishedName::parse(dn)
            .map(|dn| catalogue.by_dn(dn.normalized()))
            .unwrap_or_default();
    }
    if let Some(id) = reference.strip_prefix("id:") {
        return catalogue.by_upstream_id(id);
    }
    if let Some(id) = reference.strip_prefix("rec:") {
        return catalogue.by_record_id(id).into_iter().collect();
    }
    let mut found = catalogue.by_name(None, reference);
    if let Some((user_type, name)) = reference.split_once('/') {
        found.extend(catalogue.by_name(Some(user_type), name));
    }
    found.sort_by(|a, b| a.record.id.cmp(&b.record.id));
    found.dedup_by(|a, b| a.record.id == b.record.id);
    found
}
