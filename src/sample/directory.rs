//! What the sample directory knows and decides: no sockets here.

use super::ldif::{self, LdifError};
use super::selection::Selection;
use super::tree::{Node, Tree};
use crate::domain::matching::{Truth, evaluate, values_equal};
use crate::proto::dn::DistinguishedName;
use crate::proto::filter::{Filter, FilterLimits};
use crate::proto::modify::{CompareRequest, Modification, ModifyKind, ModifyRequest};
use crate::proto::oid;
use crate::proto::result::ResultCode;
use crate::proto::search::{Attribute, Entry, Scope, SearchRequest};
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use subtle::{Choice, ConstantTimeEq};

/// The bounds of a filter.
const FILTER: FilterLimits = FilterLimits { depth: 50, components: 10_000 };
/// The most values that `member` of one entry may take.
const MAX_MEMBERS: usize = 100_000;

/// The entries of an LDIF, shared by all connections.
pub struct Directory {
    tree: RwLock<Tree>,
}

impl fmt::Debug for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Directory").finish_non_exhaustive()
    }
}

/// Why an operation is not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: ResultCode,
    pub(super) matched_dn: String,
    pub(super) text: &'static str,
}

impl Refusal {
    pub(super) fn new(code: ResultCode, text: &'static str) -> Self {
        Self { code, matched_dn: String::new(), text }
    }
}

/// What a search found: the entries to return, and whether there were more.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) entries: Vec<Entry>,
    pub(super) cut_short: bool,
}

impl Directory {
    /// Reads an LDIF of entries. Every entry without an `entryUUID` is given one that depends on
    /// its name alone. Passwords have to be in clear: they are compared, and never returned.
    pub fn parse(ldif: &str) -> Result<Self, LdifError> {
        let tree = Tree::build(ldif::parse(ldif)?)?;
        Ok(Self { tree: RwLock::new(tree) })
    }

    /// The name that a simple bind leads to: the entry's own spelling, or `None` for anonymous.
    pub(super) fn bind(&self, name: &[u8], password: &[u8]) -> Result<Option<String>, Refusal> {
        match (name.is_empty(), password.is_empty()) {
            (true, true) => return Ok(None),
            (false, true) => {
                let text = "unauthenticated bind (DN with no password) disallowed";
                return Err(Refusal::new(ResultCode::UNWILLING_TO_PERFORM, text));
            }
            (true, false) => return Err(Refusal::new(ResultCode::INVALID_CREDENTIALS, "")),
            (false, false) => {}
        }
        let dn = name_of(name)?;
        let node = self.read().get(&dn).cloned();
        // Every password is looked at, and an unknown name is answered like a wrong password.
        let right = node.as_ref().is_some_and(|node| {
            let matches = node.passwords.iter().map(|secret| secret.expose().ct_eq(password));
            bool::from(matches.fold(Choice::from(0), |any, this| any | this))
        });
        match node {
            Some(node) if right => Ok(Some(node.entry.dn.clone())),
            _ => Err(Refusal::new(ResultCode::INVALID_CREDENTIALS, "")),
        }
    }

    /// The entries that a search returns, at most `limit` of them.
    pub(super) fn search(
        &self,
        request: &SearchRequest<'_>,
        limit: usize,
    ) -> Result<Found, Refusal> {
        let filter = Filter::decode(request.filter, FILTER)
            .map_err(|_| Refusal::new(ResultCode::PROTOCOL_ERROR, "bad filter"))?;
        let selection = Selection::new(&request.attributes);
        let limit = match usize::try_from(request.size_limit) {
            Ok(asked) if asked > 0 => asked.min(limit),
            _ => limit,
        };
        let mut found = Found::default();
        for node in self.candidates(request)? {
            if evaluate(&filter, &node.entry) != Truth::True {
                continue;
            }
            if found.entries.len() == limit {
                found.cut_short = true;
                break;
            }
            found.entries.push(selection.of(&node.entry, request.types_only));
        }
        Ok(found)
    }

    /// Whether an entry has a value.
    pub(super) fn compare(&self, request: &CompareRequest<'_>) -> Result<bool, Refusal> {
        let node = self.existing(&name_of(request.dn)?)?;
        let attribute = text_of(request.attribute)?;
        let values = node.entry.values(attribute);
        if values.is_empty() {
            return Err(Refusal::new(ResultCode::NO_SUCH_ATTRIBUTE, ""));
        }
        Ok(values.iter().any(|value| values_equal(attribute, value, request.value)))
    }

    /// Changes `member` of an entry: all that is asked for, or nothing.
    pub(super) fn modify(&self, request: &ModifyRequest<'_>) -> Result<(), Refusal> {
        let dn = name_of(request.dn)?;
        let mut tree = self.tree.write().unwrap_or_else(PoisonError::into_inner);
        let node = tree.get(&dn).cloned().ok_or_else(|| missing(&tree, &dn))?;
        let mut members = node.entry.values("member").to_vec();
        for change in &request.changes {
            change_members(&mut members, change)?;
        }
        let mut entry = node.entry.clone();
        let existing = entry.attributes.iter().position(|a| a.name.eq_ignore_ascii_case("member"));
        match existing {
            Some(at) if members.is_empty() => drop(entry.attributes.remove(at)),
            Some(at) => entry.attributes[at].values = members,
            None if members.is_empty() => {}
            None => entry.attributes.push(attribute("member", members)),
        }
        tree.replace(node.with_entry(entry));
        Ok(())
    }

    /// The entries that a search has to look at.
    fn candidates(&self, request: &SearchRequest<'_>) -> Result<Vec<Arc<Node>>, Refusal> {
        let dn = name_of(request.base)?;
        let tree = self.read();
        if dn.is_root() && request.scope == Scope::Base {
            return Ok(vec![Arc::new(root_dse(&tree, dn))]);
        }
        let base = tree.get(&dn).ok_or_else(|| missing(&tree, &dn))?;
        Ok(tree.scope(base, request.scope))
    }

    fn existing(&self, dn: &DistinguishedName) -> Result<Arc<Node>, Refusal> {
        let tree = self.read();
        tree.get(dn).cloned().ok_or_else(|| missing(&tree, dn))
    }

    fn read(&self) -> RwLockReadGuard<'_, Tree> {
        self.tree.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Applies one change to the values of `member`.
fn change_members(members: &mut Vec<Vec<u8>>, change: &Modification<'_>) -> Result<(), Refusal> {
    if !change.attribute.eq_ignore_ascii_case(b"member") {
        let text = "the sample directory changes nothing but member";
        return Err(Refusal::new(ResultCode::UNWILLING_TO_PERFORM, text));
    }
    match (change.kind, change.values.as_slice()) {
        (ModifyKind::Add, []) => Err(Refusal::new(ResultCode::PROTOCOL_ERROR, "no values given")),
        (ModifyKind::Add, values) => add_members(members, values),
        (ModifyKind::Replace, values) => {
            members.clear();
            add_members(members, values)
        }
        (ModifyKind::Delete, []) if members.is_empty() => {
            Err(Refusal::new(ResultCode::NO_SUCH_ATTRIBUTE, "no such attribute"))
        }
        (ModifyKind::Delete, []) => {
            members.clear();
            Ok(())
        }
        (ModifyKind::Delete, values) => values.iter().try_for_each(|value| {
            let at = members.iter().position(|member| values_equal("member", member, value));
            let at =
                at.ok_or_else(|| Refusal::new(ResultCode::NO_SUCH_ATTRIBUTE, "no such value"))?;
            members.remove(at);
            Ok(())
        }),
    }
}

fn add_members(members: &mut Vec<Vec<u8>>, values: &[&[u8]]) -> Result<(), Refusal> {
    for value in values {
        if DistinguishedName::from_bytes(value).is_err() {
            let text = "value is not a distinguished name";
            return Err(Refusal::new(ResultCode::INVALID_ATTRIBUTE_SYNTAX, text));
        }
        if members.iter().any(|member| values_equal("member", member, value)) {
            let text = "value is there already";
            return Err(Refusal::new(ResultCode::ATTRIBUTE_OR_VALUE_EXISTS, text));
        }
        if members.len() == MAX_MEMBERS {
            return Err(Refusal::new(ResultCode::ADMIN_LIMIT_EXCEEDED, "too many values"));
        }
        members.push(value.to_vec());
    }
    Ok(())
}

/// The root DSE (RFC 4512 section 5.1).
fn root_dse(tree: &Tree, dn: DistinguishedName) -> Node {
    let contexts = tree.naming_contexts().map(|name| name.as_bytes().to_vec()).collect();
    let all_operational_attributes = b"1.3.6.1.4.1.4203.1.5.1".to_vec();
    let attributes = vec![
        attribute("objectClass", vec![b"top".to_vec()]),
        attribute("namingContexts", contexts),
        attribute("supportedLDAPVersion", vec![b"3".to_vec()]),
        attribute("supportedExtension", vec![oid::WHO_AM_I.to_vec()]),
        attribute("supportedFeatures", vec![all_operational_attributes]),
        attribute("vendorName", vec![b"bindgate sample directory".to_vec()]),
    ];
    Node::nameless(dn, Entry { dn: String::new(), attributes })
}

fn attribute(name: &str, values: Vec<Vec<u8>>) -> Attribute {
    Attribute { name: name.to_owned(), values }
}

fn missing(tree: &Tree, dn: &DistinguishedName) -> Refusal {
    let nearest = tree.nearest(dn).map(|node| node.entry.dn.clone());
    let matched_dn = nearest.unwrap_or_default();
    Refusal { code: ResultCode::NO_SUCH_OBJECT, matched_dn, text: "" }
}

fn name_of(bytes: &[u8]) -> Result<DistinguishedName, Refusal> {
    DistinguishedName::from_bytes(bytes)
        .map_err(|_| Refusal::new(ResultCode::INVALID_DN_SYNTAX, "invalid DN"))
}

fn text_of(bytes: &[u8]) -> Result<&str, Refusal> {
    let text = "attribute description is not text";
    std::str::from_utf8(bytes).map_err(|_| Refusal::new(ResultCode::PROTOCOL_ERROR, text))
}
