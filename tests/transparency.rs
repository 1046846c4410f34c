//! Transparency: what the gateway does not decide itself, it does not change.
//!
//! Goal: one script of operations, played directly to a directory and through the gateway, is
//! answered with the same bytes; all that may differ is the messageID, the way in which the
//! envelope's length is written, and what `exceptions.rs` lists with its reason. Method: two
//! servers loaded with one tree, one behind the gateway; the same script to both, in clear, over
//! StartTLS and over ldaps; comparison message by message.

mod support;

#[path = "transparency/control_steps.rs"]
mod control_steps;
#[path = "transparency/exceptions.rs"]
mod exceptions;
#[path = "transparency/player.rs"]
mod player;
#[path = "transparency/script.rs"]
mod script;

use exceptions::EXCEPTIONS;
use player::{Answered, play};
use std::collections::BTreeSet;
use support::certs::{self, Authority, Certificate};
use support::folder::TestFolder;
use support::gateway::Gateway;
use support::pdu::Ask;
use support::raw::Raw;
use support::settings::quoted;
use support::slapd::{Options, Slapd};
use support::tree::{ADMIN, Extra, PEOPLE};

/// slapd with every overlay that brings a control or an extended operation of its own.
fn directory(own: Option<&Certificate>) -> Slapd {
    let overlays = ["sssvlv", "deref", "ppolicy", "dds"];
    let mut global_lines: Vec<_> =
        overlays.iter().map(|overlay| format!("moduleload {overlay}")).collect();
    global_lines.extend([
        "sasl-secprops none".to_owned(),
        "sasl-host localhost".to_owned(),
        format!("authz-regexp \"uid=([^,]+),cn=[^,]+,cn=auth\" \"uid=$1,{PEOPLE}\""),
    ]);
    let options = Options {
        extra: Extra { people: 40, groups: 0 },
        global_lines,
        database_lines: overlays.iter().map(|overlay| format!("overlay {overlay}")).collect(),
        ..Options::default()
    };
    Slapd::with(&match own {
        Some(own) => options.secured(own),
        None => options,
    })
}

/// How a client's bytes travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Channel {
    Clear,
    StartTls,
    Ldaps,
}

/// A directory, and a gateway before another one that is like it.
struct Scene {
    one: Slapd,
    _other: Slapd,
    gateway: Gateway,
    ldaps: u16,
    authority: Authority,
    _folder: TestFolder,
}

impl Scene {
    fn new(channel: Channel) -> Self {
        let folder = TestFolder::new("transparency");
        let authority = Authority::make(&folder, "authority");
        let own = authority.for_loopback(&folder, "server");
        let own = (channel != Channel::Clear).then_some(&own);
        let (one, other) = (directory(own), directory(own));
        let mut ldaps = 0;
        let gateway = Gateway::configured(other.port(), |settings, _| {
            let clients = format!("[{}]", quoted(ADMIN));
            settings.set("[[directory]]", "proxied_authorisation_clients", clients);
            // What is added to entries is shown by `tests/serving.rs`.
            settings.set("[directory.serve]", "member_of", "false");
            if let Some(own) = own {
                ldaps = settings.add_ldaps(own);
            }
        });
        Self { one, _other: other, gateway, ldaps, authority, _folder: folder }
    }

    /// What the directory answers to the script, and what the gateway does.
    fn play(&self, channel: Channel) -> [Vec<Answered>; 2] {
        let client = certs::client(&self.authority.file);
        let ldaps = || [self.one.ldaps(), self.ldaps];
        [0, 1].map(|side| {
            let clear = [self.one.port(), self.gateway.port()][side];
            let connect = || match channel {
                Channel::Clear => Raw::connect(clear),
                Channel::StartTls => {
                    let mut raw = Raw::connect(clear);
                    raw.start_tls(&client);
                    raw
                }
                Channel::Ldaps => {
                    Raw::try_connect_over_tls(ldaps()[side], &client).expect("it is served")
                }
            };
            play(&connect, &script::steps())
        })
    }
}

/// Panics with every step that was answered differently.
#[track_caller]
fn expect_same(direct: &[Answered], other: &[Answered], may_differ: &dyn Fn(&str) -> bool) {
    assert_eq!(direct.len(), other.len());
    let differences: Vec<String> =
        direct
            .iter()
            .zip(other)
            .filter(|(direct, other)| {
                if may_differ(direct.step) { direct.code != other.code } else { direct != other }
            })
            .map(|(direct, other)| format!("{}:\n  {direct}\n  {other}", direct.step))
            .collect();
    assert!(differences.is_empty(), "answered differently:\n{}", differences.join("\n"));
}

fn is_an_exception(step: &str) -> bool {
    EXCEPTIONS.iter().any(|(name, _)| *name == step)
}

#[track_caller]
fn check(channel: Channel) -> [Vec<Answered>; 2] {
    let [direct, relayed] = Scene::new(channel).play(channel);
    expect_same(&direct, &relayed, &is_an_exception);
    [direct, relayed]
}

/// In clear every exception is also seen to be one: what does not differ any more leaves the list.
#[test]
fn the_script_is_answered_through_the_gateway_as_it_is_without_it() {
    let [direct, relayed] = check(Channel::Clear);
    let alike = direct.iter().zip(&relayed).filter(|(direct, relayed)| direct == relayed);
    let needless: Vec<_> =
        alike.map(|(direct, _)| direct.step).filter(|step| is_an_exception(step)).collect();
    assert!(needless.is_empty(), "no exceptions any more: {needless:?}");
}

#[test]
fn the_script_is_answered_over_start_tls_as_it_is_without_the_gateway() {
    check(Channel::StartTls);
}

#[test]
fn the_script_is_answered_over_ldaps_as_it_is_without_the_gateway() {
    check(Channel::Ldaps);
}

#[test]
fn the_script_is_answered_alike_by_two_directories_that_are_alike() {
    let (one, other) = (directory(None), directory(None));
    let first = play(&|| Raw::connect(one.port()), &script::steps());
    expect_same(&first, &play(&|| Raw::connect(other.port()), &script::steps()), &|_| false);
    let codes: BTreeSet<Option<u32>> = first.iter().map(|answered| answered.code).collect();
    assert!(codes.len() >= 20, "the script meets many results: {codes:?}");
}

/// Controls that slapd 2.5 takes and does not show in its root DSE (`servers/slapd/controls.c`).
const HIDDEN: [&str; 9] = [
    "1.2.840.113556.1.4.1339",
    "1.2.840.113556.1.4.1340",
    "1.2.840.113556.1.4.1413",
    "1.2.840.113556.1.4.619",
    "1.3.6.1.4.1.4203.666.5.2",
    "1.3.6.1.4.1.4203.666.5.12",
    "1.3.6.1.4.1.4203.666.5.17",
    "1.3.6.1.4.1.21008.108.63.1",
    "2.16.840.1.113730.3.4.16",
];

/// Controls that servers alone send: a password that has expired, and one that is about to.
const OF_SERVERS: [&str; 2] = ["2.16.840.1.113730.3.4.4", "2.16.840.1.113730.3.4.5"];

#[test]
fn every_control_and_extended_operation_of_the_directory_is_in_the_script() {
    let folder = TestFolder::new("transparency-offer");
    let own = Certificate::make(&folder);
    let slapd = directory(Some(&own));
    let offered = ["supportedControl", "supportedExtension"];
    let (entries, code) = slapd.admin().search(&Ask::entry("").of(&offered));
    assert_eq!((entries.len(), code), (1, 0));
    let values = offered.iter().flat_map(|name| entries[0].values(name));
    let shown: Vec<_> = values.map(|value| String::from_utf8_lossy(value)).collect();
    assert!(shown.len() >= 20, "slapd has its overlays: {shown:?}");
    let steps = script::steps();
    let is_sent = |oid: &str| {
        steps.iter().any(|step| step.body().windows(oid.len()).any(|found| found == oid.as_bytes()))
    };
    let all = shown.iter().map(AsRef::as_ref).chain(HIDDEN);
    let missing: Vec<&str> = all.filter(|oid| !is_sent(oid) && !OF_SERVERS.contains(oid)).collect();
    assert!(missing.is_empty(), "never sent: {missing:?}");
}

#[test]
fn every_exception_names_a_step_of_the_script_and_a_reason() {
    let steps = script::steps();
    let names: BTreeSet<&str> = steps.iter().map(player::Step::name).collect();
    assert_eq!(names.len(), steps.len(), "every step has a name of its own");
    for (name, why) in EXCEPTIONS {
        assert!(names.contains(name), "{name} is no step");
        assert!(why.len() > 20, "{name} has no reason");
    }
}
