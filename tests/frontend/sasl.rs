//! SASL binds: steps on one connection, who somebody is, and what comes in between.

use super::play::play_relaying;
use bindgate::domain::policy::OnUnknown;
use bindgate::domain::relay::RelayPolicy;

const WHO_AM_I: &str = "extended 1.3.6.1.4.1.4203.1.11.3";

fn relay() -> RelayPolicy {
    let mechanisms = ["PLAIN", "SCRAM-SHA-1", "CRAM-MD5", "DIGEST-MD5", "GSSAPI"];
    RelayPolicy { sasl_mechanisms: mechanisms.map(str::to_owned).into(), ..RelayPolicy::default() }
}

#[track_caller]
fn check(script: &str) {
    play_relaying(OnUnknown::Keep, relay(), script);
}

#[test]
fn the_steps_of_an_exchange_stay_on_one_connection_and_its_success_is_a_sign_on() {
    check(&format!(
        "> 7 sasl SCRAM-SHA-1 n,,n=ann,r=1
         1< 1 sasl SCRAM-SHA-1 n,,n=ann,r=1
         1> 1 challenge r=12
         < 7 bound 14 r=12
         event bind 14
         kept 1
         > 8 sasl SCRAM-SHA-1 p=3
         1< 2 sasl SCRAM-SHA-1 p=3
         1> 2 bound 0
         < nothing
         1< 3 {WHO_AM_I}
         1> 3 named dn:uid=ann,dc=one
         < 8 bound 0
         event created +0 -0
         event bind 0
         > 9 whoami & 10 search x
         < 9 answer 0 dn:uid=ann,dc=one
         1< 4 search x
         1> 4 done 0
         < 10 done 0
         > 11 unbind
         < end
         1 closed"
    ));
}

/// Credentials that are empty and such that are absent are two things, both ways.
#[test]
fn credentials_pass_as_they_are() {
    check(
        "> 1 sasl CRAM-MD5
         1< 1 sasl CRAM-MD5
         1> 1 challenge -
         < 1 bound 14 -
         > 2 sasl CRAM-MD5 -
         1< 2 sasl CRAM-MD5 -
         1> 2 bound 49
         < 2 bound 49
         > 3 whoami
         < 3 answer 0",
    );
}

#[test]
fn a_mechanism_that_is_not_carried_is_refused_and_leaves_the_session_nobodys() {
    for mechanism in ["SCRAM-SHA-1-PLUS", "EXTERNAL", "GSS-SPNEGO", "-"] {
        check(&format!(
            "> 1 bind ann
             1< 1 bind ann
             1> 1 bound 0
             < 1 bound 0
             > 2 sasl {mechanism} x & 3 whoami
             < 2 bound 7 & 3 answer 0
             1< nothing"
        ));
    }
}

#[test]
fn what_comes_between_two_steps_is_refused_and_the_exchange_goes_on() {
    check(&format!(
        "> 1 sasl SCRAM-SHA-1 n,,n=ann,r=1
         1< 1 sasl SCRAM-SHA-1 n,,n=ann,r=1
         1> 1 challenge r=12
         < 1 bound 14 r=12
         > 2 search x & 3 whoami & 4 abandon 1
         < 2 done 1 & 3 answer 1
         1< nothing
         > 5 sasl SCRAM-SHA-1 p=3
         1< 2 sasl SCRAM-SHA-1 p=3
         1> 2 bound 0
         1< 3 {WHO_AM_I}
         1> 3 named dn:uid=ann,dc=one
         < 5 bound 0"
    ));
}

/// Another mechanism, or another kind of bind, aborts the exchange (RFC 4513 section 5.2.1.2), and
/// begins on a connection that knows nothing of it.
#[test]
fn another_bind_aborts_the_exchange_and_is_sent_on_another_connection() {
    for (bind, sent, end) in [
        ("sasl CRAM-MD5", "sasl CRAM-MD5", 49),
        ("sasl PLAIN x", "sasl PLAIN x", 49),
        ("bind ann", "bind ann", 0),
        ("bind - -", "bind -", 0),
    ] {
        check(&format!(
            "> 1 sasl SCRAM-SHA-1 n,,n=ann,r=1
             1< 1 sasl SCRAM-SHA-1 n,,n=ann,r=1
             1> 1 challenge r=12
             < 1 bound 14 r=12
             > 2 {bind}
             1 closed
             2< 1 {sent}
             2> 1 bound {end}
             < 2 bound {end}"
        ));
    }
}

/// A server may keep something of an exchange, whatever came of it.
#[test]
fn a_connection_that_carried_an_exchange_takes_no_other_bind_of_anybody() {
    for (mechanism, code) in [("PLAIN", 49), ("CRAM-MD5", 80), ("DIGEST-MD5", 0), ("PLAIN", 0)] {
        let who = format!("1< 2 {WHO_AM_I}\n1> 2 named dn:uid=ann,dc=one\n");
        let who = if code == 0 { who.as_str() } else { "" };
        check(&format!(
            "> 1 sasl {mechanism} x
             1< 1 sasl {mechanism} x
             1> 1 bound {code}
             {who} < 1 bound {code}
             > 2 bind bob
             1 closed
             2< 1 bind bob
             2> 1 bound 0
             < 2 bound 0
             > 3 unbind
             < end
             2 back Binds"
        ));
    }
}

#[test]
fn a_client_that_leaves_between_two_steps_leaves_a_connection_that_is_closed() {
    for end in ["leave", "> 2 unbind\n< end", "drain\n< 0 notice 52 & end"] {
        check(&format!(
            "> 1 sasl SCRAM-SHA-1 n,,n=ann,r=1
             1< 1 sasl SCRAM-SHA-1 n,,n=ann,r=1
             1> 1 challenge r=12
             < 1 bound 14 r=12
             {end}
             1 closed"
        ));
    }
}

#[test]
fn a_connection_that_is_lost_between_two_steps_ends_the_session() {
    check(
        "> 1 sasl SCRAM-SHA-1 n,,n=ann,r=1
         1< 1 sasl SCRAM-SHA-1 n,,n=ann,r=1
         1> 1 challenge r=12
         < 1 bound 14 r=12
         1 dies
         < 0 notice 52 & end",
    );
    // One that is lost behind a step is not made up for on another, which knows nothing of the first.
    check(
        "> 1 sasl SCRAM-SHA-1 n,,n=ann,r=1
         1< 1 sasl SCRAM-SHA-1 n,,n=ann,r=1
         1> 1 challenge r=12
         < 1 bound 14 r=12
         > 2 sasl SCRAM-SHA-1 p=3
         1< 2 sasl SCRAM-SHA-1 p=3
         1 dies
         < 2 bound 52
         > 3 whoami
         < 3 answer 0",
    );
}

#[test]
fn each_step_has_its_time_on_either_side() {
    check(
        "> 1 sasl SCRAM-SHA-1 n,,n=ann,r=1
         1< 1 sasl SCRAM-SHA-1 n,,n=ann,r=1
         wait 20
         1> 1 challenge r=12
         < 1 bound 14 r=12
         wait 10
         > 2 sasl SCRAM-SHA-1 p=3
         1< 2 sasl SCRAM-SHA-1 p=3
         wait 25
         1> 2 challenge r=34
         < 2 bound 14 r=34
         wait 16
         event limit sasl_step_timeout
         < 0 notice 52 & end
         1 closed",
    );
    check(
        "> 1 sasl SCRAM-SHA-1 n,,n=ann,r=1
         1< 1 sasl SCRAM-SHA-1 n,,n=ann,r=1
         1> 1 challenge r=12
         < 1 bound 14 r=12
         > 2 sasl SCRAM-SHA-1 p=3
         1< 2 sasl SCRAM-SHA-1 p=3
         wait 31
         < 2 bound 52
         1 closed
         > 3 whoami
         < 3 answer 0",
    );
}

/// The directory is asked who it is, and has its time for that, too.
#[test]
fn a_success_whose_user_is_not_told_is_no_sign_on() {
    let asked = format!(
        "> 1 sasl PLAIN x
         1< 1 sasl PLAIN x
         1> 1 bound 0
         1< 2 {WHO_AM_I}"
    );
    for (told, reason, who) in [
        ("2 named u:ann", "no-entry", "u:ann"),
        ("2 named dn:no-name", "no-entry", "u:no-name"),
        ("2 answer 2", "untold", "u:PLAIN"),
        ("2 named what", "untold", "u:PLAIN"),
    ] {
        check(&format!(
            "{asked}
             1> {told}
             < 1 bound 0
             event unidentified {reason}
             > 2 whoami & 3 search x
             < 2 answer 0 {who}
             1< 3 search x"
        ));
        play_relaying(
            OnUnknown::Deny,
            relay(),
            &format!(
                "{asked}
                 1> {told}
                 < 1 bound 52
                 1 closed
                 > 2 whoami
                 < 2 answer 0"
            ),
        );
    }
    check(&format!(
        "{asked}
         wait 31
         < 1 bound 52
         1 closed"
    ));
    check(&format!(
        "{asked}
         1 dies
         < 1 bound 52"
    ));
    check(&format!(
        "{asked}
         1> 2 answer 0
         < 1 bound 0
         > 2 whoami & 3 search x
         < 2 answer 0
         1< 3 search x"
    ));
}

#[test]
fn a_layer_is_taken_out_of_the_offer_and_refused_as_a_choice() {
    check(
        "> 1 sasl DIGEST-MD5
         1< 1 sasl DIGEST-MD5
         1> 1 challenge qop=\"auth,auth-int,auth-conf\",nonce=\"1\"
         < 1 bound 14 qop=\"auth\",nonce=\"1\"
         > 2 sasl DIGEST-MD5 username=\"ann\",qop=auth-conf
         < 2 bound 7
         1 closed
         > 3 whoami
         < 3 answer 0",
    );
    check(
        "> 1 sasl DIGEST-MD5
         1< 1 sasl DIGEST-MD5
         1> 1 challenge qop=\"auth-conf\",nonce=\"1\"
         < 1 bound 7
         1 closed",
    );
}
