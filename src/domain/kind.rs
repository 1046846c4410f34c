//! The kinds of directories, and what tells one from another.

use crate::proto::search::Entry;

/// What every Active Directory says of itself (MS-ADTS section 3.1.1.3.4.3.1).
const ACTIVE_DIRECTORY: &[u8] = b"1.2.840.113556.1.4.800";

/// What is read of the root DSE to know a directory's kind.
pub const ATTRIBUTES: [&str; 4] =
    ["objectClass", "vendorName", "vendorVersion", "supportedCapabilities"];

/// A kind of directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// OpenLDAP.
    OpenLdap,
    /// Active Directory, of Microsoft or Samba.
    ActiveDirectory,
    /// 389 Directory Server, and what is built on it.
    Ds389,
    /// Any other.
    Generic,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::OpenLdap, Self::ActiveDirectory, Self::Ds389, Self::Generic];

    /// The name in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OpenLdap => "openldap",
            Self::ActiveDirectory => "active-directory",
            Self::Ds389 => "389ds",
            Self::Generic => "generic",
        }
    }

    /// What a root DSE shows.
    pub fn of_root(root: &Entry) -> Self {
        let has = |name: &str, value: &[u8]| root.values(name).iter().any(|known| known == value);
        let vendor = root.text("vendorName").unwrap_or_default();
        if has("supportedCapabilities", ACTIVE_DIRECTORY) {
            Self::ActiveDirectory
        } else if has("objectClass", b"OpenLDAProotDSE") {
            Self::OpenLdap
        } else if ["389 Project", "Red Hat"].iter().any(|name| vendor.starts_with(name)) {
            Self::Ds389
        } else {
            Self::Generic
        }
    }

    /// Whether a bind may succeed there under a name that is no DN.
    pub fn takes_other_names(self) -> bool {
        matches!(self, Self::ActiveDirectory | Self::Generic)
    }

    /// Whether what stands behind a NUL byte in a password is ignored there, so that a password
    /// would be taken for another.
    pub fn cuts_passwords(self) -> bool {
        self == Self::Ds389
    }

    /// Whether references to the directory's other parts stand in answers unless they are not wanted.
    pub fn refers_to_its_parts(self) -> bool {
        self == Self::ActiveDirectory
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::search::Attribute;

    #[test]
    fn a_root_dse_tells_the_kind() {
        for (name, value, kind) in [
            ("supportedCapabilities", "1.2.840.113556.1.4.800", Kind::ActiveDirectory),
            ("supportedCapabilities", "1.2.840.113556.1.4.1851", Kind::Generic),
            ("objectClass", "OpenLDAProotDSE", Kind::OpenLdap),
            ("vendorName", "389 Project", Kind::Ds389),
            ("vendorName", "Red Hat, Inc.", Kind::Ds389),
            ("vendorName", "Somebody", Kind::Generic),
        ] {
            let values = vec![value.as_bytes().to_vec()];
            let attributes = vec![Attribute { name: name.to_owned(), values }];
            let root = Entry { dn: String::new(), attributes };
            assert_eq!(Kind::of_root(&root), kind, "{name}: {value}");
        }
    }
}
