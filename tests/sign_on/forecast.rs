//! What the answer to an edit foretells, against what the next sign-on then does: every edit under
//! every policy that it depends on.

use super::fakes::{ANN, Ticks, dn, group_dn};
use super::stage::Stage;
use bindgate::app::edits::{Edit, Edited, Pin, make};
use bindgate::app::forecast::{Forecast, Rules, forecast};
use bindgate::app::ports::Records;
use bindgate::app::sign_on::{SyncMode, Verdict};
use bindgate::app::switches;
use bindgate::domain::policy::{GroupPattern, GroupSync, Switch, UserType};
use bindgate::domain::record::{Group, MembershipKey, Provenance, Record, UpstreamId, UserKey};
use bindgate::domain::time::Timestamp;

fn ann() -> UserKey {
    UserKey { directory: "one".into(), upstream_id: UpstreamId::new("id-ann") }
}

fn group(name: &str) -> Group {
    let id = UpstreamId::new(&format!("id-{name}"));
    Group { id, dn: group_dn(name), name: name.to_owned() }
}

fn has(record: &Record, name: &str, provenance: Provenance) -> bool {
    record.memberships.contains_key(&MembershipKey { group: group(name).id, provenance })
}

fn is_in(record: &Record, name: &str) -> bool {
    record.effective_groups().contains(&group(name).id)
}

/// What the policy is, so that edits mean different things.
#[derive(Debug, Clone, Copy)]
struct Rule {
    sync: GroupSync,
    own_switch: Option<Switch>,
    ignored: bool,
    always: bool,
    pinned: Option<Pin>,
}

fn every_rule() -> Vec<Rule> {
    let mut all = Vec::new();
    for sync in [GroupSync::Always, GroupSync::FirstSignOn, GroupSync::Never] {
        for own_switch in [None, Some(Switch::On), Some(Switch::Off)] {
            for (ignored, always) in [(false, false), (true, false), (false, true)] {
                for pinned in [None, Some(Pin::Allow), Some(Pin::Deny)] {
                    all.push(Rule { sync, own_switch, ignored, always, pinned });
                }
            }
        }
    }
    all
}

/// Every edit of the group that the directory says.
fn every_edit() -> Vec<Edit> {
    let until = Some(Timestamp(i64::MAX));
    vec![
        Edit::Leave(group("a").id),
        Edit::Unpin(group("a").id),
        Edit::Join(group("a")),
        Edit::Pin { group: group("a"), pin: Pin::Deny, until: None },
        Edit::Pin { group: group("a"), pin: Pin::Allow, until },
        Edit::Name(Some("Dr. Ann".to_owned())),
        Edit::Switch(Some(Switch::Off)),
        Edit::Disable,
    ]
}

async fn edit(stage: &Stage, wanted: &Edit) -> Option<Edited> {
    make(&stage.memory, &Ticks::default(), &ann(), wanted, "alice").await.ok()
}

fn apply(user_type: &mut UserType, rule: Rule) {
    user_type.groups = rule.sync;
    if rule.always {
        user_type.always_groups = vec![dn("cn=everybody")];
    }
}

/// What is foretold has to be what is there after the next sign-on.
fn check(rule: Rule, wanted: &Edit, next: Forecast, edited: &Edited, after: &Record) {
    let told = format!("{rule:?} {wanted:?} {next:?}");
    match (wanted, next) {
        (Edit::Leave(_), Forecast::ComesBack) => {
            assert!(has(after, "a", Provenance::Managed), "{told}");
        }
        (Edit::Leave(_), Forecast::NotFollowed | Forecast::Stays) => {
            assert!(!has(after, "a", Provenance::Managed), "{told}");
        }
        (Edit::Join(_), Forecast::Denied) => {
            assert!(has(after, "a", Provenance::Local) && !is_in(after, "a"), "{told}");
        }
        (Edit::Join(_), Forecast::ReviewedOnReturn) => {
            assert!(has(after, "a", Provenance::Local) && is_in(after, "a"), "{told}");
        }
        (Edit::Pin { pin: Pin::Deny, .. }, Forecast::Stays) => {
            assert!(!is_in(after, "a"), "{told}");
        }
        (Edit::Pin { pin: Pin::Allow, .. }, Forecast::StaysUntil(_)) => {
            assert!(is_in(after, "a"), "{told}");
        }
        (Edit::Unpin(_), Forecast::Follows | Forecast::NotFollowed | Forecast::Stays) => {
            assert_eq!(is_in(after, "a"), has(after, "a", Provenance::Managed), "{told}");
        }
        (Edit::Name(name), Forecast::Stays) => assert_eq!(after.local_name, *name, "{told}"),
        (Edit::Switch(_), Forecast::LeftAlone) => {
            let rows = |record: &Record| record.managed_memberships().count();
            assert_eq!(rows(after), rows(&edited.after), "{told}");
        }
        (Edit::Disable, Forecast::Refused) => assert!(after.is_barred(), "{told}"),
        other => panic!("nobody foretells {other:?}: {told}"),
    }
}

#[tokio::test]
async fn s7_2_what_each_edit_foretells_is_what_the_next_sign_on_does() {
    let mut seen = std::collections::BTreeSet::new();
    for rule in every_rule() {
        for wanted in every_edit() {
            let mut policy = None;
            let stage = Stage::with(SyncMode::BeforeReply, |user_type| {
                apply(user_type, rule);
                if rule.ignored {
                    user_type.ignored_groups = vec![GroupPattern::new("a")];
                }
                policy = Some(user_type.clone());
            });
            let user_type = policy.expect("the stage has a user type");
            stage.tree.group("a", &[ANN]);
            assert_eq!(stage.sign_on().await, Verdict::Admit);
            edit(&stage, &Edit::Switch(rule.own_switch)).await.expect("it is set");
            if let Some(pin) = rule.pinned {
                let pinned = Edit::Pin { group: group("a"), pin, until: None };
                edit(&stage, &pinned).await.expect("it is pinned");
            }
            let Some(edited) = edit(&stage, &wanted).await else { continue };
            let record = &edited.after;
            let switch = switches::effective(&stage.memory, "one", &user_type, Some(record));
            let kept = stage.memory.group("one", &group("a").id);
            let rules = Rules { user_type: Some(&user_type), switch, group: kept.as_deref() };
            let next = forecast(&wanted, &edited.before, record, rules);
            // A group that came since shows whether the record follows.
            stage.tree.group("b", &[ANN]);
            let verdict = stage.sign_on().await;
            assert_eq!(verdict == Verdict::Admit, next != Forecast::Refused, "{rule:?} {wanted:?}");
            let after = stage.memory.record("ann").expect("she has a record");
            check(rule, &wanted, next, &edited, &after);
            seen.insert(next.name());
        }
    }
    let expected = [
        "comes-back",
        "denied",
        "follows",
        "left-alone",
        "not-followed",
        "refused",
        "reviewed-on-return",
        "stays",
        "stays-until",
    ];
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), expected);
}
