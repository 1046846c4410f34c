//! How Active Directory and 389-ds number their changes, as the root DSE says it.

use super::change_number::ChangeNumbers;
use super::kind::Kind;
use super::offer;
use crate::proto::dn::{DistinguishedName, NormalizedDn};
use crate::proto::oid;
use crate::proto::search::Entry;

/// How far Active Directory has got.
const HIGHEST: &str = "highestCommittedUSN";
/// Which of its servers answers.
pub const SERVER: &str = "dsServiceName";
/// How far 389-ds has got, in each of its parts: `lastusn;userroot`.
const LAST: &str = "lastusn";
/// Which part holds which suffix, there: `userRoot:dc=example,dc=com`.
const PARTS: &str = "nsBackendSuffix";
/// Which server answers, there.
const ADDRESS: &str = "netscapemdsuffix";

/// Attributes of the root DSE that these functions look at, beside those of [`offer`] and of the kind.
pub const ATTRIBUTES: [&str; 5] = [HIGHEST, SERVER, LAST, PARTS, ADDRESS];

/// How a directory numbers its changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Numbering {
    /// By `uSNChanged`.
    ActiveDirectory,
    /// By `entryusn`.
    Ds389 {
        /// The attribute that says how far the part has got that holds the groups.
        last: String,
    },
}

/// Why there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotNumbered {
    /// The directory is of another kind.
    OtherKind,
    /// It does not say how far it has got: in 389-ds the plug-in is off.
    Silent,
    /// Groups are in several parts of it, each with numbers of its own.
    SeveralParts,
    /// Clients are spread over several servers, each with numbers of its own.
    SeveralServers,
}

/// How the part of a directory that holds `base` numbers its changes, and which part that is.
pub fn numbering(
    root: &Entry,
    base: &DistinguishedName,
) -> Result<(Numbering, DistinguishedName), NotNumbered> {
    let context = || offer::naming_context(root, base).ok_or(NotNumbered::Silent);
    let numbering = match Kind::of_root(root) {
        Kind::ActiveDirectory if root.text(HIGHEST).is_some() => Numbering::ActiveDirectory,
        Kind::ActiveDirectory => return Err(NotNumbered::Silent),
        Kind::Ds389 => Numbering::Ds389 { last: last_of(root, base, &context()?)? },
        Kind::OpenLdap | Kind::Generic => return Err(NotNumbered::OtherKind),
    };
    Ok((numbering, context()?))
}

/// The attribute that says how far the part has got whose suffix is `context`.
fn last_of(
    root: &Entry,
    base: &DistinguishedName,
    context: &DistinguishedName,
) -> Result<String, NotNumbered> {
    let mut own = None;
    for value in root.values(PARTS) {
        let Some((part, suffix)) = std::str::from_utf8(value).ok().and_then(|v| v.split_once(':'))
        else {
            continue;
        };
        let Ok(suffix) = DistinguishedName::parse(suffix) else { continue };
        if suffix == *context {
            own = Some(format!("{LAST};{}", part.to_lowercase()));
        } else if suffix.is_within(base) {
            return Err(NotNumbered::SeveralParts);
        }
    }
    own.filter(|name| root.text(name).is_some()).ok_or(NotNumbered::Silent)
}

impl Numbering {
    /// The attribute by which an entry says which change made it what it is.
    pub fn attribute(&self) -> &'static str {
        match self {
            Self::ActiveDirectory => "uSNChanged",
            Self::Ds389 { .. } => "entryusn",
        }
    }

    /// Whether changes are listed of entries that are gone too, for those who may see that.
    pub fn tells_deaths(&self) -> bool {
        *self == Self::ActiveDirectory
    }

    /// The control on a search that goes on and shows what changes.
    pub fn watching(&self) -> &'static [u8] {
        match self {
            Self::ActiveDirectory => oid::NOTIFICATION,
            Self::Ds389 { .. } => oid::PERSISTENT_SEARCH,
        }
    }

    /// Whether each change is told by such a search, with its number; one that was overwritten too.
    pub fn tells_each(&self) -> bool {
        matches!(self, Self::Ds389 { .. })
    }

    /// Whether members are known by the ids of their entries.
    pub fn knows_ids(&self) -> bool {
        *self == Self::ActiveDirectory
    }

    /// The attributes of the root DSE that say how far the server has got.
    pub fn asked(&self) -> Vec<String> {
        let last = match self {
            Self::ActiveDirectory => [HIGHEST, SERVER].map(str::to_owned),
            Self::Ds389 { last } => [last.clone(), ADDRESS.to_owned()],
        };
        last.into()
    }

    /// How far the server says that it has got.
    pub fn claims(&self, root: &Entry) -> Option<ChangeNumbers> {
        let (number, server) = match self {
            Self::ActiveDirectory => (root.text(HIGHEST)?, root.text(SERVER)?),
            Self::Ds389 { last } => (root.text(last)?, root.text(ADDRESS).unwrap_or_default()),
        };
        Some(ChangeNumbers::new(server, number.parse().ok()?))
    }

    /// Whether a change may be counted that nobody sees yet.
    pub fn runs_ahead(&self) -> bool {
        matches!(self, Self::Ds389 { .. })
    }

    /// How far a reader has certainly got who asks after a server has said that it has got so far.
    ///
    /// Active Directory counts what is committed. 389-ds counts a change a moment before that, one
    /// at a time.
    pub fn certain(&self, claims: &ChangeNumbers) -> ChangeNumbers {
        let number = claims.number().saturating_sub(u64::from(self.runs_ahead()));
        claims.clone().back_to(number)
    }
}

/// The suffixes below `context` that other parts of 389-ds hold, which number their changes by
/// themselves.
pub fn other_parts(root: &Entry, context: &DistinguishedName) -> Vec<NormalizedDn> {
    let suffixes = root.values(PARTS).iter().filter_map(|value| {
        let (_, suffix) = std::str::from_utf8(value).ok()?.split_once(':')?;
        DistinguishedName::parse(suffix).ok()
    });
    let others = suffixes.filter(|suffix| suffix.is_within(context) && suffix != context);
    others.map(|suffix| suffix.normalized().clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::search::Attribute;

    fn root(attributes: &[(&str, &[&str])]) -> Entry {
        let attributes = attributes.iter().map(|(name, values)| Attribute {
            name: (*name).to_owned(),
            values: values.iter().map(|value| value.as_bytes().to_vec()).collect(),
        });
        Entry { dn: String::new(), attributes: attributes.collect() }
    }

    #[track_caller]
    fn check(attributes: &[(&str, &[&str])], expected: Result<(&str, u64, u64), NotNumbered>) {
        let root = root(attributes);
        let base = DistinguishedName::parse("ou=groups,dc=example").unwrap();
        let found = numbering(&root, &base).map(|(numbering, context)| {
            assert_eq!(context.as_str(), "dc=example");
            let claims = numbering.claims(&root).expect("it says how far it has got");
            let certain = numbering.certain(&claims);
            assert_eq!(certain.server(), "here");
            (numbering.attribute(), claims.number(), certain.number())
        });
        assert_eq!(found, expected, "{attributes:?}");
    }

    #[test]
    fn a_root_dse_says_how_changes_are_numbered() {
        let contexts = ("namingContexts", &["dc=example"][..]);
        let active = ("supportedCapabilities", &["1.2.840.113556.1.4.800"][..]);
        let (highest, server) = ((HIGHEST, &["7"][..]), (SERVER, &["Here"][..]));
        check(&[contexts, active, highest, server], Ok(("uSNChanged", 7, 7)));
        check(&[contexts, active], Err(NotNumbered::Silent));
        check(&[active, highest, server], Err(NotNumbered::Silent));
        let other = ("vendorName", &["389 Project"][..]);
        let parts = (PARTS, &["changelog:cn=changelog", "userRoot:dc=example"][..]);
        let (last, here) = (("lastusn;userroot", &["7"][..]), (ADDRESS, &["here"][..]));
        let changelog = ("lastusn;changelog", &["9"][..]);
        check(&[contexts, other, parts, changelog, last, here], Ok(("entryusn", 7, 6)));
        check(&[contexts, other, parts, changelog, here], Err(NotNumbered::Silent));
        check(&[contexts, other, last, here], Err(NotNumbered::Silent));
        let below = (PARTS, &["userRoot:dc=example", "sub:ou=sub,ou=groups,dc=example"][..]);
        check(&[contexts, other, below, last, here], Err(NotNumbered::SeveralParts));
        check(&[contexts], Err(NotNumbered::OtherKind));
    }

    #[test]
    fn other_parts_are_known_by_their_suffixes() {
        let parts = ["changelog:cn=changelog", "userRoot:dc=example", "sub:ou=Sub,dc=example", "x"];
        let root = root(&[(PARTS, &parts)]);
        let context = DistinguishedName::parse("dc=example").unwrap();
        let sub = DistinguishedName::parse("ou=sub,dc=example").unwrap();
        assert_eq!(other_parts(&root, &context), [sub.normalized().clone()]);
    }
}
