//! Controls that the gateway has to look at: who asks as somebody else, and what keeps state.

use super::fakes::dn;
use super::play::{check, check_relaying};
use bindgate::domain::relay::RelayPolicy;

const PROXY: &str = "2.16.840.1.113730.3.4.18";
const DRAFT: &str = "2.16.840.1.113730.3.4.12";

/// Trap 38: a control that names somebody else, relayed on a connection of the service account's,
/// would lend that account's rights to whoever asks.
#[test]
fn nobody_asks_as_somebody_else_who_was_not_named() {
    for oid in [PROXY, DRAFT] {
        check(&format!(
            "> 1 search@{oid} x & 2 whoami@{oid} & 3 delete@{oid} x & 4 extended@{oid} 1.2.3
             < 1 done 123 & 2 answer 123 & 3 deleted 123 & 4 answer 123
             event answered 0 123 0
             > 5 bind ann
             1< 1 bind ann
             1> 1 bound 0
             < 5 bound 0
             > 6 search@{oid} x & 7 compare@{oid} x & 8 search y
             < 6 done 123 & 7 compared 123
             1< 2 search y
             1> 2 done 0
             < 8 done 0"
        ));
    }
}

#[test]
fn who_was_named_asks_as_somebody_else_on_a_connection_of_its_own() {
    let proxied_authorisation_clients = vec![dn("cn=App, dc=one")];
    let relay = RelayPolicy { proxied_authorisation_clients, ..RelayPolicy::default() };
    check_relaying(
        relay.clone(),
        &format!(
            "> 1 bind CN=app,dc=one
             1< 1 bind CN=app,dc=one
             1> 1 bound 0
             < 1 bound 0
             > 2 search@{PROXY} x & 3 whoami@{PROXY} & 4 whoami
             1< 2 search x as dn:cn=x & 3 extended 1.3.6.1.4.1.4203.1.11.3 as dn:cn=x
             < 4 answer 0 dn:CN=app,dc=one
             1> 2 done 0 & 3 named u:x
             < 2 done 0 & 3 answer 0 u:x
             > 5 unbind
             < end
             1 closed"
        ),
    );
    check_relaying(
        relay,
        &format!(
            "> 1 bind cn=app,dc=one wrong
             1< 1 bind cn=app,dc=one
             1> 1 bound 49
             < 1 bound 49
             > 2 search@{PROXY} x
             < 2 done 123
             1< nothing"
        ),
    );
}

/// An abandon is of the client's own operation, and of nobody else's.
#[test]
fn an_abandon_is_done_as_nobody_else() {
    check(&format!(
        "> 1 bind ann
         1< 1 bind ann
         1> 1 bound 0
         < 1 bound 0
         > 2 search x
         1< 2 search x
         > 3 abandon@{PROXY} 2
         1< 3 abandon 2"
    ));
}

/// The list view's context is one of the cookies, of which a client has only so many.
#[test]
fn a_window_of_a_list_counts_like_a_page_of_a_result() {
    check(
        "> 1 view$ a
         1< 1 search a
         1> 1 viewed$ one
         < 1 done 0
         > 2 search$ b
         1< 2 search b
         1> 2 done$ two
         < 2 done 0
         > 3 view$ c
         < 3 done 11
         event limit max_cookies
         > 4 view$ a one
         1< 3 search a
         1> 3 viewed$ one
         < 4 done 0
         > 5 search$ b two
         1< 4 search b
         1> 4 done$ -
         < 5 done 0
         > 6 view$ c
         1< 5 search c",
    );
}

/// RFC 5805: which update failed is said by its messageID, and that was the gateway's own.
#[test]
fn the_update_that_failed_is_named_as_the_client_knows_it() {
    check(
        "> 700 bind ann
         1< 1 bind ann
         1> 1 bound 0
         < 700 bound 0
         > 701 extended 1.3.6.1.1.21.1 & 702 delete@1.3.6.1.1.21.2 x & 703 delete@1.3.6.1.1.21.2 y
         1< 2 extended 1.3.6.1.1.21.1 & 3 delete x & 4 delete y
         1> 2 answer 0 & 3 deleted 0 & 4 deleted 0
         < 701 answer 0 & 702 deleted 0 & 703 deleted 0
         > 704 extended 1.3.6.1.1.21.3
         1< 5 extended 1.3.6.1.1.21.3
         1> 5 end$ 4
         < 704 answer 32 failed 703
         > 705 extended 1.3.6.1.1.21.3
         1< 6 extended 1.3.6.1.1.21.3
         1> 6 end$ 4
         < 705 answer 32 failed 4",
    );
}

#[test]
fn a_transaction_has_only_so_many_updates() {
    check(
        "> 1 extended 1.3.6.1.1.21.1 & 2 delete@1.3.6.1.1.21.2 x & 3 delete@1.3.6.1.1.21.2 y
         1< 1 extended 1.3.6.1.1.21.1 & 2 delete x & 3 delete y
         1> 1 answer 0 & 2 deleted 0 & 3 deleted 0
         < 1 answer 0 & 2 deleted 0 & 3 deleted 0
         > 4 delete@1.3.6.1.1.21.2 z & 5 extended 1.3.6.1.1.21.3
         < 4 deleted 11
         event limit max_transaction
         1< 4 extended 1.3.6.1.1.21.3
         1> 4 answer 0
         < 5 answer 0
         > 6 extended 1.3.6.1.1.21.1 & 7 delete@1.3.6.1.1.21.2 z
         1< 5 extended 1.3.6.1.1.21.1 & 6 delete z",
    );
}

#[test]
fn that_a_transaction_was_aborted_is_told_to_its_client_and_to_no_other() {
    check(
        "> 1 bind ann
         1< 1 bind ann
         1> 1 bound 0
         < 1 bound 0
         1> 0 aborted
         < nothing
         > 2 extended 1.3.6.1.1.21.1
         1< 2 extended 1.3.6.1.1.21.1
         1> 2 answer 0 & 0 aborted
         < 2 answer 0 & 0 answer 0",
    );
}

/// Persistent search, the notification and the change control of Active Directory, and whatever is
/// unknown here: none is sent on a connection that others use, and a client that waits is not idle.
#[test]
fn a_search_that_does_not_end_has_a_connection_that_is_nobody_elses() {
    for oid in ["2.16.840.1.113730.3.4.3", "1.2.840.113556.1.4.528", "1.2.840.113556.1.4.841"] {
        check(&format!(
            "> 1 search@{oid} x
             1< 1 search x
             1> 1 entry a
             < 1 entry a
             wait 100
             1> 1 entry b
             < 1 entry b
             > 2 search y
             1< 2 search y
             kept 1
             > 3 unbind
             < end
             1 closed"
        ));
    }
}

/// The gateway answers that there is nothing to cancel, so it is the one who heeds the control.
#[test]
fn a_critical_control_on_a_cancel_that_is_answered_here_is_refused() {
    check(
        "> 1 cancel@1.2.3 7 & 2 cancel 7
         < 1 answer 12 & 2 answer 119",
    );
}

/// The controls of a Cancel that is relayed were lost on the way.
#[test]
fn a_cancel_keeps_its_controls() {
    check_relaying(
        RelayPolicy {
            proxied_authorisation_clients: vec![dn("cn=app,dc=one")],
            ..RelayPolicy::default()
        },
        &format!(
            "> 1 bind cn=app,dc=one
             1< 1 bind cn=app,dc=one
             1> 1 bound 0
             < 1 bound 0
             > 2 search x & 3 cancel@{PROXY} 2
             1< 2 search x & 3 cancel 2 as dn:cn=x"
        ),
    );
}
