//! Names with the ids of their entries in front, as Active Directory gives them if it is asked to:
//! `<GUID=…>;<SID=…>;cn=…` (MS-ADTS section 3.1.1.3.4.1.5).

/// A name, and the id of the entry that has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extended<'a> {
    /// The `objectGUID` as text.
    pub guid: Option<&'a str>,
    /// The name.
    pub dn: &'a str,
}

/// Takes a name apart. One without ids is one all the same.
pub fn extended(text: &str) -> Extended<'_> {
    let mut rest = text;
    let mut guid = None;
    while let Some((part, behind)) = rest.strip_prefix('<').and_then(|rest| rest.split_once('>')) {
        if let Some(id) = strip_name(part, "GUID=") {
            guid = guid.or(Some(id));
        }
        rest = behind.strip_prefix(';').unwrap_or(behind);
    }
    Extended { guid, dn: rest }
}

/// Whether a name is one that Active Directory gives an entry when it is gone.
pub fn has_tombstone_name(dn: &str) -> bool {
    dn.to_ascii_uppercase().contains("\\0ADEL:")
}

fn strip_name<'a>(part: &'a str, name: &str) -> Option<&'a str> {
    let head = part.get(..name.len())?;
    if head.eq_ignore_ascii_case(name) { part.get(name.len()..) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_name_is_found_behind_the_ids() {
        for (text, guid, dn) in [
            ("<GUID=61cf-1>;<SID=S-1-5-21-1>;CN=a,DC=x", Some("61cf-1"), "CN=a,DC=x"),
            ("<guid=61cf-1>;CN=<a>;b,DC=x", Some("61cf-1"), "CN=<a>;b,DC=x"),
            ("<SID=S-1-5>;CN=a", None, "CN=a"),
            ("CN=a;<GUID=1>", None, "CN=a;<GUID=1>"),
            ("<GUID=1>;", Some("1"), ""),
            ("<GUID=1", None, "<GUID=1"),
            ("", None, ""),
        ] {
            assert_eq!(extended(text), Extended { guid, dn }, "{text}");
        }
    }

    #[test]
    fn an_entry_that_is_gone_is_told_by_its_name() {
        assert!(has_tombstone_name("cn=gone\\0ADEL:e36a,CN=Deleted Objects,DC=x"));
        assert!(!has_tombstone_name("CN=Deleted Objects,DC=x"));
    }

    proptest! {
        #[test]
        fn no_text_panics(text: String) {
            let _ = extended(&format!("<{text}"));
        }
    }
}
