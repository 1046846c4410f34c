//! How a strategy is chosen: on what was found out, and never on what was not.

use bindgate::domain::kind::Kind;
use bindgate::domain::membership::MemberAttribute;
use bindgate::domain::numbering::{NotNumbered, Numbering};
use bindgate::domain::policy::{Flatten, GroupPolicy, ReplicaPolicy, Resolve};
use bindgate::domain::strategy::{
    Choice, Facts, Listing, MemberOf, Strategy, attribute_names, choose,
};
use bindgate::proto::dn::DistinguishedName;
use bindgate::proto::filter::Filter;
use bindgate::proto::oid;
use proptest::prelude::{Just, ProptestConfig, Strategy as Values, any, prop_assert, prop_oneof};
use proptest::prelude::{prop_assert_eq, proptest};
use std::time::Duration;

fn policy(resolve: Resolve, replica: Option<ReplicaPolicy>) -> GroupPolicy {
    GroupPolicy {
        base: DistinguishedName::parse("ou=groups,dc=x").expect("a name"),
        filter: Filter::any_entry(),
        member_attributes: MemberAttribute::usual(),
        name_attribute: "cn".to_owned(),
        max_depth: 4,
        max_groups_per_user: 9,
        max_filter_size: 1 << 16,
        flatten: Flatten::Ancestors,
        resolve,
        canary: None,
        replica,
        max_replica_pause: Duration::from_secs(60),
        max_replica_names: 1000,
        max_kept_lookups: 0,
    }
}

fn facts(controls: &[&[u8]], has_marker: bool, member_of: MemberOf) -> Facts {
    let names = ["member", "uniquemember", "memberuid", "memberof"];
    Facts {
        vendor: "x".to_owned(),
        kind: Kind::OpenLdap,
        in_chain: Listing::NotTried,
        token_groups: Listing::NotTried,
        controls: controls.iter().map(|oid| String::from_utf8_lossy(oid).into_owned()).collect(),
        has_marker,
        numbering: Err(NotNumbered::OtherKind),
        sees_deleted: false,
        schema: Some(names.map(str::to_owned).into()),
        sees_groups: true,
        has_bits: false,
        member_of,
    }
}

const AUTO: Option<ReplicaPolicy> = Some(ReplicaPolicy::Auto(9));

#[track_caller]
fn check(
    resolve: Resolve,
    replica: Option<ReplicaPolicy>,
    facts: &Facts,
    first: Strategy,
    walk: Strategy,
    warnings: usize,
) {
    let choice = choose(&policy(resolve, replica), facts);
    assert_eq!((choice.first(), choice.walk), (first, walk), "{choice:?}");
    assert_eq!(choice.warnings.len(), warnings, "{choice:?}");
    assert!(!choice.reasons.is_empty());
}

#[test]
fn s6_6_the_choice_follows_from_what_the_directory_offers() {
    use Strategy::{MemberOfComputed, MemberOfWalk, MemberWalk, Replica};
    let whole = |member_of| facts(&[oid::SYNC_REQUEST], true, member_of);
    let silent = MemberOf::Silent;
    check(Resolve::Auto, AUTO, &whole(silent), Replica, MemberWalk, 0);
    check(Resolve::Auto, None, &whole(silent), MemberWalk, MemberWalk, 0);
    check(Resolve::Auto, AUTO, &facts(&[], true, silent), MemberWalk, MemberWalk, 0);
    let no_marker = facts(&[oid::SYNC_REQUEST], false, silent);
    check(Resolve::Auto, AUTO, &no_marker, MemberWalk, MemberWalk, 0);
    check(Resolve::Replica, AUTO, &no_marker, MemberWalk, MemberWalk, 1);
    check(Resolve::Walk, AUTO, &whole(MemberOf::Direct), MemberWalk, MemberWalk, 0);
    let member_of = |kept, walk, warnings| {
        check(Resolve::MemberOf, AUTO, &whole(kept), walk, walk, warnings);
    };
    member_of(MemberOf::Direct, MemberOfWalk, 0);
    member_of(MemberOf::Computed, MemberOfComputed, 0);
    member_of(MemberOf::Unproven, MemberOfComputed, 0);
    member_of(MemberOf::Silent, MemberWalk, 1);
    member_of(MemberOf::NotInSchema, MemberWalk, 1);
    member_of(MemberOf::NothingToTry, MemberWalk, 1);
}

#[test]
fn s6_6_a_copy_is_kept_where_changes_can_be_asked_for_by_their_numbers() {
    use Strategy::{MemberWalk, Replica};
    let last = "lastusn;userroot".to_owned();
    for (kind, numbering, first) in [
        (Kind::ActiveDirectory, Ok(Numbering::ActiveDirectory), Replica),
        (Kind::Ds389, Ok(Numbering::Ds389 { last }), Replica),
        (Kind::ActiveDirectory, Err(NotNumbered::Silent), MemberWalk),
        (Kind::Ds389, Err(NotNumbered::Silent), MemberWalk),
        (Kind::Ds389, Err(NotNumbered::SeveralParts), MemberWalk),
        (Kind::ActiveDirectory, Err(NotNumbered::SeveralServers), MemberWalk),
    ] {
        // What else it offers counts for nothing then.
        let plain = facts(&[oid::SYNC_REQUEST], true, MemberOf::Silent);
        let mut reasons = Vec::new();
        for sees_deleted in [false, true] {
            let facts = Facts { kind, numbering: numbering.clone(), sees_deleted, ..plain.clone() };
            check(Resolve::Auto, AUTO, &facts, first, MemberWalk, 0);
            check(Resolve::Auto, None, &facts, MemberWalk, MemberWalk, 0);
            let choice = choose(&policy(Resolve::Auto, AUTO), &facts);
            assert_eq!(choice.replica, (first == Replica).then_some(ReplicaPolicy::Groups));
            reasons.push(choice.reasons[0]);
        }
        let tells = kind == Kind::ActiveDirectory && first == Replica;
        assert_eq!(reasons[0] != reasons[1], tells, "{reasons:?}");
    }
}

#[test]
fn what_may_be_missing_is_warned_of() {
    let blind = Facts { sees_groups: false, ..facts(&[], false, MemberOf::Silent) };
    check(Resolve::Walk, None, &blind, Strategy::MemberWalk, Strategy::MemberWalk, 1);
    let old = Facts { schema: Some(["member".to_owned()].into()), ..blind };
    check(Resolve::Walk, None, &old, Strategy::MemberWalk, Strategy::MemberWalk, 3);
    let unread = Facts { schema: None, has_bits: true, ..old };
    check(Resolve::Walk, None, &unread, Strategy::MemberWalk, Strategy::MemberWalk, 2);
}

#[test]
fn names_are_read_from_the_description_of_an_attribute_type() {
    for (text, names) in [
        ("( 2.5.4.31 NAME 'member' DESC 'NAME of x' SUP distinguishedName )", vec!["member"]),
        ("( 2.5.4.3 NAME ( 'cn' 'commonName' ) SUP name )", vec!["cn", "commonName"]),
        ("( 1.2.3 DESC 'no name' )", vec![]),
        ("( 1.2.3 NAME 'x", vec!["x"]),
        ("NAME ( )", vec![]),
        ("( 1.2 XNAME 'a' NAME 'b' )", vec!["b"]),
    ] {
        assert_eq!(attribute_names(text), names, "{text}");
    }
}

fn any_facts() -> impl Values<Value = Facts> {
    let kept = prop_oneof![
        Just(MemberOf::NotInSchema),
        Just(MemberOf::NothingToTry),
        Just(MemberOf::Silent),
        Just(MemberOf::Direct),
        Just(MemberOf::Computed),
        Just(MemberOf::Unproven),
    ];
    (any::<bool>(), any::<bool>(), kept).prop_map(|(syncs, has_marker, kept)| {
        let controls: &[&[u8]] = if syncs { &[oid::SYNC_REQUEST] } else { &[] };
        facts(controls, has_marker, kept)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_chosen_that_was_not_seen_to_work_or_that_is_ruled_out(
        facts in any_facts(),
        resolve in prop_oneof![
            Just(Resolve::Auto), Just(Resolve::Replica), Just(Resolve::Walk), Just(Resolve::MemberOf),
        ],
        replica in prop_oneof![Just(None), Just(AUTO), Just(Some(ReplicaPolicy::Groups))],
    ) {
        let choice: Choice = choose(&policy(resolve, replica), &facts);
        let syncs = !facts.controls.is_empty() && facts.has_marker;
        let takes = matches!(resolve, Resolve::Auto | Resolve::Replica);
        prop_assert_eq!(choice.replica, replica.filter(|_| syncs && takes));
        let by_member_of = choice.walk != Strategy::MemberWalk;
        let works = matches!(
            facts.member_of,
            MemberOf::Direct | MemberOf::Computed | MemberOf::Unproven
        );
        prop_assert_eq!(by_member_of, works && resolve == Resolve::MemberOf);
        prop_assert!(choice.walk != Strategy::Replica);
        // What is configured and cannot be had is told.
        let lacks = (resolve == Resolve::Replica && choice.replica.is_none())
            || (resolve == Resolve::MemberOf && !by_member_of);
        prop_assert_eq!(!choice.warnings.is_empty(), lacks);
    }

    #[test]
    fn any_text_has_names_or_none(text: String) {
        let names = attribute_names(&text);
        prop_assert!(names.iter().all(|name| text.contains(name) && !name.contains('\'')));
    }
}
