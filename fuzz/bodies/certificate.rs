//! A client's certificate, and the name that rules make of it.

use bindgate::domain::vouching::Rule;
use bindgate::proto::certificate::Certificate;
use bindgate::proto::dn::DistinguishedName;

const BASE: &str = "ou=people,dc=example,dc=com";

/// Reads a certificate. Whatever it says, its subject is a name, and a rule that puts a value of it
/// into a place of a name gives one in that place.
pub(crate) fn body(data: &[u8]) {
    let Ok(certificate) = Certificate::decode(data) else { return };
    let subject = certificate.subject();
    if let Ok(whole) = Rule::parse("{subject}").expect("it is a rule").name(&certificate) {
        assert_eq!(whole.as_str(), subject);
        assert!(!whole.is_root(), "somebody was made nobody");
    }
    let base = DistinguishedName::parse(BASE).expect("it is a name");
    for value in ["cn", "mail", "upn"] {
        let rule = Rule::parse(&format!("uid={{{value}}},{BASE}")).expect("it is a rule");
        let Ok(name) = rule.name(&certificate) else { continue };
        assert_eq!(name.parent().as_ref(), Some(&base), "{name} lies elsewhere");
        assert_eq!(name.named_values().len(), 4, "{name} says more than it should");
    }
}
