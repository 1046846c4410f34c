//! Binds under a name that is no DN: whose entry it is, is asked before the answer goes out.

use super::play::play_of_kind;
use bindgate::domain::kind::Kind;
use bindgate::domain::policy::OnUnknown;

const WHO_AM_I: &str = "extended 1.3.6.1.4.1.4203.1.11.3";

#[track_caller]
fn check(kind: Kind, on_unknown: OnUnknown, script: &str) {
    play_of_kind(kind, on_unknown, script);
}

#[test]
fn s9_2_a_name_that_is_no_dn_is_settled_before_the_reply() {
    check(
        Kind::Generic,
        OnUnknown::Keep,
        &format!(
            "> 1 bind ann@one
             1< 1 bind ann@one
             1> 1 bound 0
             1< 2 search -
             < nothing
             1> 2 done 0
             1< 3 {WHO_AM_I}
             < nothing
             1> 3 named dn:uid=ann,dc=one
             < 1 bound 0
             event created +0 -0
             > 2 whoami & 3 search x
             < 2 answer 0 dn:uid=ann,dc=one
             1< 4 search x"
        ),
    );
}

#[test]
fn s9_4_a_name_that_leads_to_no_entry_is_let_in_only_where_nobody_is_denied() {
    for (told, reason) in [("3 named u:ann", "no-entry"), ("3 answer 2", "untold")] {
        let asked = format!(
            "> 1 bind ann@one
             1< 1 bind ann@one
             1> 1 bound 0
             1< 2 search -
             1> 2 done 32
             1< 3 {WHO_AM_I}
             1> {told}"
        );
        check(
            Kind::ActiveDirectory,
            OnUnknown::Keep,
            &format!(
                "{asked}
                 < 1 bound 0
                 event unidentified {reason}"
            ),
        );
        check(
            Kind::ActiveDirectory,
            OnUnknown::Deny,
            &format!(
                "{asked}
                 < 1 bound 52
                 1 closed"
            ),
        );
    }
}

#[test]
fn whoever_is_not_told_in_time_or_by_a_lost_connection_is_not_let_in() {
    let asked = "> 1 bind ann@one
                 1< 1 bind ann@one
                 1> 1 bound 0
                 1< 2 search -";
    for end in ["wait 31", "1 dies"] {
        check(Kind::Generic, OnUnknown::Keep, &format!("{asked}\n{end}\n< 1 bound 52"));
    }
}

#[test]
fn a_directory_that_takes_dns_alone_is_not_asked() {
    for kind in [Kind::OpenLdap, Kind::Ds389] {
        check(
            kind,
            OnUnknown::Keep,
            "> 1 bind ann@one
             1< 1 bind ann@one
             1> 1 bound 0
             < 1 bound 0
             1< nothing",
        );
    }
}
