//! The root DSE as clients read it, before a slapd.

use crate::support::gateway::Gateway;
use crate::support::pdu::{self, Ask};
use crate::support::raw::Raw;
use crate::support::slapd::Slapd;
use crate::support::tree;
use bindgate::proto::search::Entry;
use std::collections::BTreeSet;

const ANN: &str = "uid=ann,ou=people,dc=example,dc=com";
const PROXIED_AUTHORISATION: &str = "2.16.840.1.113730.3.4.18";

fn values(entry: &Entry, name: &str) -> BTreeSet<String> {
    entry.values(name).iter().map(|value| String::from_utf8_lossy(value).into_owned()).collect()
}

#[track_caller]
fn root(raw: &mut Raw, selection: &[&str]) -> Entry {
    let (mut entries, code) = raw.search(&Ask::entry("").of(selection));
    assert_eq!((entries.len(), code), (1, 0));
    entries.remove(0)
}

/// Without a bind the connection is shared, with one it is the session's own.
#[test]
fn the_directorys_root_is_shown_but_for_what_the_gateway_does_not_carry() {
    let slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    for bind in [false, true] {
        let (mut direct, mut raw) = (Raw::connect(slapd.port()), gateway.connect());
        for raw in [&mut direct, &mut raw].into_iter().filter(|_| bind) {
            assert_eq!(raw.bind(ANN, "pw-ann"), 0);
        }
        for selection in [&["*", "+"][..], &["+"], &["*"], &[], &["namingContexts"]] {
            let (mut whole, shown) = (root(&mut direct, selection), root(&mut raw, selection));
            for attribute in &mut whole.attributes {
                attribute.values.retain(|value| value != PROXIED_AUTHORISATION.as_bytes());
            }
            assert_eq!(shown, whole, "{selection:?}");
        }
        let controls = values(&root(&mut raw, &["supportedControl"]), "supportedControl");
        assert!(!controls.is_empty() && !controls.contains(PROXIED_AUTHORISATION));
    }
}

#[test]
fn who_may_ask_as_somebody_else_is_told_that_this_can_be_asked() {
    let slapd = Slapd::start();
    let gateway = Gateway::configured(slapd.port(), |settings, _| {
        let clients = format!("[\"{ANN}\"]");
        settings.set("[[directory]]", "proxied_authorisation_clients", clients);
    });
    let mut raw = gateway.connect();
    let shown = |raw: &mut Raw| {
        values(&root(raw, &["+"]), "supportedControl").contains(PROXIED_AUTHORISATION)
    };
    assert!(!shown(&mut raw));
    assert_eq!(raw.bind(ANN, "pw-ann"), 0);
    assert!(shown(&mut raw));
    assert_eq!(raw.bind(ANN, "wrong"), 49);
    assert!(!shown(&mut raw));
}

/// Mechanisms that are not carried are neither read nor found.
#[test]
fn mechanisms_are_shown_as_they_are_configured_in_every_way_of_asking() {
    let slapd = Slapd::start();
    let gateway = Gateway::configured(slapd.port(), |settings, _| {
        settings.set("[[directory]]", "sasl_mechanisms", "[\"SCRAM-SHA-1\", \"X-NONE\"]");
    });
    let name = "supportedSASLMechanisms";
    let (mut direct, mut raw) = (Raw::connect(slapd.port()), gateway.connect());
    assert!(values(&root(&mut direct, &[name]), name).contains("DIGEST-MD5"));
    let shown = values(&root(&mut raw, &[name]), name);
    assert_eq!(shown, BTreeSet::from(["SCRAM-SHA-1".to_owned()]));
    for (mechanism, found) in [("SCRAM-SHA-1", 1), ("DIGEST-MD5", 0)] {
        let ask = Ask { filter: pdu::equal(name, mechanism), ..Ask::entry("") };
        let (entries, code) = raw.search(&ask.of(&["namingContexts"]));
        assert_eq!((entries.len(), code), (found, 0), "{mechanism}");
        for entry in entries {
            assert_eq!(entry.attributes.len(), 1, "{entry:?}");
            assert_eq!(entry.text("namingContexts"), Some(tree::SUFFIX));
        }
    }
    let types = Ask { types_only: true, ..Ask::entry("").of(&["+"]) };
    let of = |raw: &mut Raw| raw.search(&types).0.remove(0);
    assert_eq!(of(&mut raw), of(&mut direct));
    let said = gateway.tools().run("ldapsearch", &["-LLL", "-b", "", "-s", "base", "-A", name]);
    assert_eq!(said.expect_code(0), format!("dn:\n{name}:\n\n"));
}
