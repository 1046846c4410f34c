//! Transparency: what the gateway does not decide itself, it does not change.
//!
//! Goal: one script of operations, played directly to a directory and through the gateway, is
//! answered with the same bytes; all that may differ is the messageID, the way in which the
//! envelope's length is written, and what `exceptions.rs` lists with its reason. Method: two
//! servers loaded with one tree, one behind the gateway; the same script to both; comparison
//! message by message.

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
use support::gateway::Gateway;
use support::settings::quoted;
use support::slapd::{Options, Slapd};
use support::tree::{ADMIN, Extra};

fn directory() -> Slapd {
    let lines = |of: &[&str]| of.iter().map(|line| (*line).to_owned()).collect();
    Slapd::with(&Options {
        extra: Extra { people: 40, groups: 0 },
        global_lines: lines(&["moduleload sssvlv", "moduleload deref", "moduleload ppolicy"]),
        database_lines: lines(&["overlay sssvlv", "overlay deref", "overlay ppolicy"]),
        ..Options::default()
    })
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

#[test]
fn the_script_is_answered_through_the_gateway_as_it_is_without_it() {
    let (one, other) = (directory(), directory());
    let gateway = Gateway::configured(other.port(), |settings, _| {
        let clients = format!("[{}]", quoted(ADMIN));
        settings.set("[[directory]]", "proxied_authorisation_clients", clients);
        // What is added to entries is shown by `tests/serving.rs`.
        settings.set("[directory.serve]", "member_of", "false");
    });
    let direct = play(one.port(), &script::steps());
    let relayed = play(gateway.port(), &script::steps());
    expect_same(&direct, &relayed, &|step| EXCEPTIONS.iter().any(|(name, _)| *name == step));
}

#[test]
fn the_script_is_answered_alike_by_two_directories_that_are_alike() {
    let (one, other) = (directory(), directory());
    let first = play(one.port(), &script::steps());
    expect_same(&first, &play(other.port(), &script::steps()), &|_| false);
    let codes: BTreeSet<Option<u32>> = first.iter().map(|answered| answered.code).collect();
    assert!(codes.len() >= 20, "the script meets many results: {codes:?}");
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
