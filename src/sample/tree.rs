//! The entries in memory, found by name.

use super::ldif::{LdifError, LdifFault, Record};
use crate::domain::secret::Secret;
use crate::proto::dn::{DistinguishedName, NormalizedDn};
use crate::proto::search::{Attribute, Entry, Scope};
use ring::digest::{SHA256, digest};
use std::collections::HashMap;
use std::sync::Arc;

/// An entry as it is kept. Passwords are taken out of it, so that no search, filter or compare can
/// come across them.
pub(super) struct Node {
    pub(super) dn: DistinguishedName,
    pub(super) entry: Entry,
    pub(super) passwords: Arc<[Secret]>,
    parent: Option<NormalizedDn>,
}

impl Node {
    /// The same node with another entry of the same name.
    pub(super) fn with_entry(&self, entry: Entry) -> Self {
        let (dn, passwords) = (self.dn.clone(), Arc::clone(&self.passwords));
        Self { dn, entry, passwords, parent: self.parent.clone() }
    }

    /// A node that stands in no tree and that nobody can bind as.
    pub(super) fn nameless(dn: DistinguishedName, entry: Entry) -> Self {
        Self { dn, entry, passwords: Arc::new([]), parent: None }
    }

    fn name(&self) -> NormalizedDn {
        self.dn.normalized().clone()
    }
}

/// All entries, in the order of the file. A change replaces a node, so that a search goes on with
/// the nodes that it began with.
#[derive(Default)]
pub(super) struct Tree {
    nodes: Vec<Arc<Node>>,
    by_name: HashMap<NormalizedDn, usize>,
}

impl Tree {
    /// Builds a tree from records, which may stand in any order.
    pub(super) fn build(records: Vec<Record>) -> Result<Self, LdifError> {
        let mut tree = Self::default();
        let mut lines = Vec::with_capacity(records.len());
        for Record { line, entry } in records {
            tree.add(entry).map_err(|fault| fault.at(line))?;
            lines.push(line);
        }
        for (node, line) in tree.nodes.iter().zip(lines) {
            if tree.nearest(&node.dn).is_some_and(|found| node.parent != Some(found.name())) {
                return Err(LdifFault::NoParent.at(line));
            }
        }
        Ok(tree)
    }

    /// The entry of that name.
    pub(super) fn get(&self, dn: &DistinguishedName) -> Option<&Arc<Node>> {
        self.by_name.get(dn.normalized()).map(|index| &self.nodes[*index])
    }

    /// The nearest entry above `dn`.
    pub(super) fn nearest(&self, dn: &DistinguishedName) -> Option<&Arc<Node>> {
        let mut name = dn.parent();
        while let Some(above) = name {
            if let Some(node) = self.get(&above) {
                return Some(node);
            }
            name = above.parent();
        }
        None
    }

    /// The entries in scope, found by looking at every one: samples are small.
    pub(super) fn scope(&self, base: &Arc<Node>, scope: Scope) -> Vec<Arc<Node>> {
        let name = base.name();
        let within = |node: &&Arc<Node>| match scope {
            Scope::Base => false,
            Scope::One => node.parent.as_ref() == Some(&name),
            Scope::Subtree => node.dn.is_within(&base.dn),
            Scope::Subordinate => node.dn.is_within(&base.dn) && node.dn != base.dn,
        };
        match scope {
            Scope::Base => vec![Arc::clone(base)],
            _ => self.nodes.iter().filter(within).cloned().collect(),
        }
    }

    /// The entries that have no entry above them.
    pub(super) fn naming_contexts(&self) -> impl Iterator<Item = &str> {
        let has_parent =
            |node: &Node| node.parent.as_ref().is_some_and(|name| self.by_name.contains_key(name));
        self.nodes.iter().filter(move |node| !has_parent(node)).map(|node| node.dn.as_str())
    }

    /// Puts a changed node in the place of the one that bears its name.
    pub(super) fn replace(&mut self, node: Node) {
        if let Some(index) = self.by_name.get(node.dn.normalized()) {
            self.nodes[*index] = Arc::new(node);
        }
    }

    fn add(&mut self, mut entry: Entry) -> Result<(), LdifFault> {
        let dn = DistinguishedName::parse(&entry.dn).map_err(|_| LdifFault::BadDn)?;
        if dn.is_root() {
            return Err(LdifFault::BadDn);
        }
        if self.by_name.insert(dn.normalized().clone(), self.nodes.len()).is_some() {
            return Err(LdifFault::DuplicateDn);
        }
        let mut passwords = Vec::new();
        entry.attributes.retain_mut(|attribute| {
            let is_password = attribute.name.eq_ignore_ascii_case("userPassword");
            if is_password {
                passwords.extend(attribute.values.drain(..).map(Secret::new));
            }
            !is_password
        });
        if entry.values("entryUUID").is_empty() {
            let values = vec![uuid(dn.normalized()).into_bytes()];
            entry.attributes.push(Attribute { name: "entryUUID".to_owned(), values });
        }
        let parent = dn.parent().map(|parent| parent.normalized().clone());
        self.nodes.push(Arc::new(Node { dn, entry, passwords: passwords.into(), parent }));
        Ok(())
    }
}

/// An entryUUID that is the same in every run: a version 8 UUID (RFC 9562 section 5.8) made from
/// the name.
fn uuid(name: &NormalizedDn) -> String {
    let hash = digest(&SHA256, name.as_str().as_bytes());
    let mut text = String::with_capacity(36);
    for (index, byte) in hash.as_ref().iter().take(16).enumerate() {
        let byte = match index {
            6 => byte & 0x0f | 0x80,
            8 => byte & 0x3f | 0x80,
            _ => *byte,
        };
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push_str(&format!("{byte:02x}"));
    }
    text
}
