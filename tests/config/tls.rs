//! `[listen.tls]` and `require_confidentiality`.

use super::{LEAST, check_line, sound};
use bindgate::frontend::{ClientCertificate, Confidentiality, TlsVersion};
use std::time::Duration;

/// The section with what it needs, and these lines.
fn with(lines: &str) -> String {
    format!("certificate = \"c\"\nprivate_key = \"k\"\n{lines}")
}

#[test]
fn what_cannot_be_meant_is_told_where_it_stands() {
    let check = |line: &str, at: &str, words: &[&str]| {
        check_line("listen.tls", &with(line), at, words);
    };
    check("client_certificate = \"request\"", "[listen.tls]", &["nothing verifies them"]);
    let name = "external_name = \"uid=ann,dc=x\"";
    check(name, "\"uid=ann,dc=x\"", &["everybody with a certificate would be the same"]);
    check("external_name = \"{cn}\"", "\"{cn}\"", &["no distinguished name"]);
    check("minimum_version = \"1.1\"", "\"1.1\"", &["one of: 1.2, 1.3"]);
    check_line("listen", "require_confidentiality = 1", "1", &["true or false"]);
}

#[test]
fn what_is_not_used_is_a_warning() {
    for (line, word) in
        [("client_ca = \"a\"", "client_ca"), ("external_name = \"cn={cn}\"", "external_name")]
    {
        let (_, warnings) = sound(&format!("[listen.tls]\n{}\n{LEAST}", with(line)));
        assert!(warnings.iter().any(|warning| warning.message.contains(word)), "{line}");
    }
}

#[test]
fn the_defaults_are_safe() {
    let (config, warnings) = sound(&format!("[listen.tls]\n{}\n{LEAST}", with("")));
    assert!(warnings.is_empty(), "{warnings:?}");
    assert_eq!(config.listen.confidentiality, Confidentiality::RequiredElsewhere);
    let tls = config.listen.tls.unwrap();
    assert_eq!(tls.minimum_version, TlsVersion::V1_2);
    assert_eq!(tls.client_certificate, ClientCertificate::None);
    assert_eq!(tls.external_name, None);
    assert_eq!(tls.reload_interval, Duration::from_secs(10));
    for (value, expected) in
        [("true", Confidentiality::Required), ("false", Confidentiality::NotRequired)]
    {
        let text = format!("[listen]\nrequire_confidentiality = {value}\n{LEAST}");
        assert_eq!(sound(&text).0.listen.confidentiality, expected);
    }
}

#[test]
fn an_address_that_a_network_leads_to_is_told_what_becomes_of_passwords() {
    let told = |lines: &str, section: &str| {
        let text = format!("[listen]\nldap = [\"0.0.0.0:389\"]\n{lines}\n{section}\n{LEAST}");
        let (_, warnings) = sound(&text);
        warnings.into_iter().map(|warning| warning.message).collect::<Vec<_>>()
    };
    let tls = format!("[listen.tls]\n{}", with(""));
    assert!(told("", "")[0].contains("are refused here"));
    assert!(told("require_confidentiality = false", "")[0].contains("read on the way"));
    assert!(told("require_confidentiality = false", &tls)[0].contains("read on the way"));
    assert!(told("", &tls).is_empty());
}
