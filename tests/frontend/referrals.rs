//! References to other servers: none is followed, and by default none reaches a client.

use super::play::check_relaying;
use bindgate::domain::referral::Referrals;
use bindgate::domain::relay::RelayPolicy;

#[track_caller]
fn check(referrals: Referrals, script: &str) {
    check_relaying(RelayPolicy { referrals, ..RelayPolicy::default() }, script);
}

/// What comes of two references and a result that refers elsewhere, on an exclusive connection.
#[track_caller]
fn check_answers(referrals: Referrals, asked: &str, told: &str) {
    check(
        referrals,
        &format!(
            "> 1 bind ann
             1< 1 bind ann
             1> 1 bound 0
             < 1 bound 0
             > 2 search x & 3 search y
             1< 2 search x & 3 search y
             1> {asked}
             < {told}
             < nothing"
        ),
    );
}

#[test]
fn references_are_stripped_and_a_referral_is_a_refusal() {
    check_answers(
        Referrals::Strip,
        "2 entry x & 2 reference ldap://dc1/dc=one & 2 done 0 & 3 referred ldap://dc1/dc=two",
        "2 entry x & 2 done 0 & 3 done 53",
    );
}

#[test]
fn references_pass_as_they_are_where_that_is_configured() {
    check_answers(
        Referrals::Pass,
        "2 reference ldap://dc1/dc=one & 2 done 0 & 3 referred ldap://dc1/dc=two",
        "2 reference ldap://dc1/dc=one & 2 done 0 & 3 referred ldap://dc1/dc=two",
    );
}

/// The bind goes to `dc=one`: a referral to a name there would come again for ever.
#[test]
fn references_lead_here_where_the_gateway_holds_the_name() {
    check_answers(
        Referrals::Rewrite,
        "2 reference ldap://dc1/cn=a,dc=one & 2 reference ldap://dc1/dc=three & 2 done 0
         1> 3 referred ldap://dc1/dc=two??sub",
        "2 reference ldap://gateway/cn=a,dc=one & 2 done 0
         < 3 referred ldap://gateway/dc=two??sub",
    );
    check_answers(
        Referrals::Rewrite,
        "2 referred ldap://dc1/cn=a,dc=one & 3 referred ldap://dc1/dc=three",
        "2 done 53 & 3 done 53",
    );
}

#[test]
fn a_bind_that_is_referred_elsewhere_is_refused_and_the_session_is_nobodys() {
    check(
        Referrals::Strip,
        "> 1 bind ann
         1< 1 bind ann
         1> 1 bound-elsewhere ldap://dc1/dc=one
         < 1 bound 53
         event referral stripped
         > 2 whoami
         < 2 answer 0
         1< nothing",
    );
}

/// Without a bind the connection is a shared one; what comes on it goes the same way.
#[test]
fn references_on_a_shared_connection_are_settled_too() {
    check(
        Referrals::Strip,
        "> 1 search x & 2 search y
         1< 1 search x & 2 search y
         1> 1 reference ldap://dc1/dc=one & 1 entry x & 1 done 0 & 2 referred ldap://dc1/dc=two
         < 1 entry x & 1 done 0 & 2 done 53",
    );
    check(
        Referrals::Rewrite,
        "> 1 search x
         1< 1 search x
         1> 1 reference ldap://dc1/dc=two & 1 done 0
         < 1 reference ldap://gateway/dc=two & 1 done 0",
    );
}
