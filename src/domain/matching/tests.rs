//! The three-valued logic, and each matching rule by example.

use super::*;
use proptest::prelude::*;

fn entry(dn: &str, attributes: &[(&str, &[&str])]) -> Entry {
    let attributes = attributes.iter().map(|(name, values)| Attribute {
        name: (*name).to_owned(),
        values: values.iter().map(|value| value.as_bytes().to_vec()).collect(),
    });
    Entry { dn: dn.to_owned(), attributes: attributes.collect() }
}

fn ann() -> Entry {
    let mut entry = entry(
        "uid=ann,ou=People,dc=example,dc=com",
        &[
            ("objectClass", &["inetOrgPerson"]),
            ("uid", &["Ann"]),
            ("cn", &["Ann  Müller-Lee"]),
            ("cn;lang-de", &["Anne"]),
            ("memberUid", &["Ann"]),
            ("telephoneNumber", &["+49 30-12 34"]),
            ("uidNumber", &["1000"]),
            ("userAccountControl", &["514"]),
            ("groupType", &["-2147483646"]),
            ("memberOf", &["CN=Lee\\, A,DC=x", "cn=b,dc=x"]),
            ("uniqueMember", &["cn=c,dc=x#'0101'B", "cn=d,dc=x"]),
            ("pwdReset", &["TRUE"]),
            ("pwdChangedTime", &["20240229120000Z"]),
            ("member;range=0-1", &["cn=e,dc=x"]),
            ("description", &[]),
        ],
    );
    let octets = vec![vec![1, 0xff, b'A']];
    entry.attributes.push(Attribute { name: "objectGUID".to_owned(), values: octets });
    entry
}

#[track_caller]
fn check(filter: &str, expected: Truth) {
    let parsed = Filter::parse(filter).unwrap_or_else(|e| panic!("{filter}: {e}"));
    assert_eq!(evaluate(&parsed, &ann()), expected, "{filter}");
}

#[track_caller]
fn yes(filter: &str) {
    check(filter, Truth::True);
    check(&format!("(!{filter})"), Truth::False);
}

#[track_caller]
fn no(filter: &str) {
    check(filter, Truth::False);
    check(&format!("(!{filter})"), Truth::True);
}

#[track_caller]
fn undefined(filter: &str) {
    check(filter, Truth::Undefined);
    check(&format!("(!{filter})"), Truth::Undefined);
    check(&format!("(&{filter}(uid=ann))"), Truth::Undefined);
    check(&format!("(&{filter}(uid=bob))"), Truth::False);
    check(&format!("(|{filter}(uid=bob))"), Truth::Undefined);
    check(&format!("(|{filter}(uid=ann))"), Truth::True);
}

#[test]
fn absolute_filters_are_true_and_false() {
    yes("(&)");
    no("(|)");
}

#[test]
fn text_is_equal_without_regard_to_case_and_blanks() {
    yes("(UID=aNN)");
    yes("(userid= ann )");
    yes("(0.9.2342.19200300.100.1.1=ann)");
    yes("(cn=ann müller-lee)");
    yes("(cn=ANN MÜLLER-LEE)");
    yes("(cn~=ann müller-lee)");
    no("(cn=annmüller-lee)");
    yes("(memberUid=Ann)");
    no("(memberUid=ann)");
    yes("(telephoneNumber=+4930 1234)");
    no("(employeeType=x)");
}

#[test]
fn options_make_subtypes() {
    yes("(cn=anne)");
    yes("(cn;lang-de=anne)");
    no("(cn;lang-de=ann müller-lee)");
    yes("(member=cn=e,dc=x)");
}

#[test]
fn presence_is_of_the_attribute() {
    yes("(uid=*)");
    yes("(description=*)");
    no("(mail=*)");
    let bare = entry("", &[]);
    assert_eq!(evaluate(&Filter::any_entry(), &bare), Truth::True);
}

#[test]
fn names_are_compared_as_names() {
    yes("(memberOf=cn=lee\\5c2c a , dc=X)");
    no("(memberOf=cn=lee,dc=x)");
    undefined("(memberOf=lee)");
    undefined("(memberOf=cn=l*)");
    undefined("(memberOf>=cn=b,dc=x)");
    yes("(uniqueMember=CN=c,dc=x#'0101'B)");
    no("(uniqueMember=cn=c,dc=x)");
    yes("(uniqueMember=cn=d,dc=x)");
}

#[test]
fn integers_times_and_booleans_are_compared_by_value() {
    yes("(uidNumber=01000)");
    yes("(uidNumber>=999)");
    no("(uidNumber<=999)");
    undefined("(uidNumber=x)");
    undefined("(uidNumber=1*)");
    yes("(pwdChangedTime>=20240229125959+0100)");
    no("(pwdChangedTime<=20240229115959Z)");
    undefined("(pwdChangedTime>=yesterday)");
    yes("(pwdReset=true)");
    undefined("(pwdReset=yes)");
    undefined("(pwdReset>=TRUE)");
}

#[test]
fn octets_are_compared_as_they_are() {
    yes("(objectGUID=\\01\\ffA)");
    no("(objectGUID=\\01\\ffa)");
    yes("(objectGUID>=\\01)");
    yes("(objectGUID=*\\ff*)");
}

#[test]
fn text_is_ordered_without_regard_to_case() {
    yes("(uid>=anm)");
    yes("(uid<=ANN)");
    no("(uid<=anm)");
}

#[test]
fn substrings_stand_in_order_and_do_not_overlap() {
    yes("(cn=ann*lee)");
    yes("(cn=*MÜLL*)");
    yes("(cn=a*n*-*e)");
    yes("(cn=ann *)");
    no("(cn=*lee*müller*)");
    no("(uid=ann*n)");
    no("(uid=an*nn)");
    no("(mail=*a)");
    yes("(telephoneNumber=*30 12*)");
}

#[test]
fn object_classes_are_found_by_name_oid_and_superior() {
    yes("(objectClass=INETORGPERSON)");
    yes("(objectClass=person)");
    yes("(objectClass=2.5.6.6)");
    yes("(objectClass=top)");
    no("(objectClass=posixAccount)");
}

#[test]
fn bits_are_tested_by_the_rules_of_active_directory() {
    yes("(userAccountControl:1.2.840.113556.1.4.803:=2)");
    no("(userAccountControl:1.2.840.113556.1.4.803:=3)");
    yes("(userAccountControl:1.2.840.113556.1.4.804:=3)");
    no("(userAccountControl:1.2.840.113556.1.4.804:=1)");
    yes("(groupType:1.2.840.113556.1.4.803:=2147483648)");
    no("(absent:1.2.840.113556.1.4.803:=2)");
    undefined("(userAccountControl:1.2.840.113556.1.4.803:=x)");
    undefined("(memberOf:1.2.840.113556.1.4.1941:=cn=b,dc=x)");
}

#[test]
fn extensible_matches_use_the_rule_that_they_name() {
    yes("(uid:=ann)");
    no("(uid:caseExactMatch:=ann)");
    yes("(memberUid:2.5.13.2:=ANN)");
    yes("(:caseExactMatch:=Ann)");
    no("(:caseExactMatch:=ann)");
    yes("(ou:dn:=people)");
    no("(ou:=people)");
    yes("(:dn:caseIgnoreMatch:=PEOPLE)");
    no("(:caseIgnoreMatch:=people)");
    undefined("(uid:someOtherMatch:=ann)");
    undefined("(:someOtherMatch:=ann)");
}

#[test]
fn what_is_no_attribute_description_is_undefined() {
    let truth = evaluate(&Filter::equal("a b", "x"), &ann());
    assert_eq!(truth, Truth::Undefined);
    assert_eq!(evaluate(&Filter::Present(String::new()), &ann()), Truth::Undefined);
}

#[test]
fn values_are_equal_by_the_rule_of_their_attribute() {
    assert!(values_equal("cn", b"Ann  Lee", b"ann lee "));
    assert!(values_equal("member;x-a", b"CN=a,DC=x", b"cn=a, dc=x"));
    assert!(!values_equal("memberUid", b"Ann", b"ann"));
    assert!(!values_equal("userPassword", b"Ann", b"ann"));
    assert!(values_equal("member", b"no dn", b"no dn"));
    assert!(!values_equal("member", b"no dn", b"No DN"));
    assert!(values_equal("a b", b"x", b"x"));
    assert!(!values_equal("objectClass", b"inetOrgPerson", b"person"));
}

fn any_truth() -> impl Strategy<Value = (Filter, Truth)> {
    let leaf = prop_oneof![
        Just((Filter::equal("uid", "ann"), Truth::True)),
        Just((Filter::equal("uid", "bob"), Truth::False)),
        Just((Filter::equal("uidNumber", "x"), Truth::Undefined)),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        let rank = |truth: &Truth| match truth {
            Truth::False => 0,
            Truth::Undefined => 1,
            Truth::True => 2,
        };
        let several = || proptest::collection::vec(inner.clone(), 0..4);
        prop_oneof![
            several().prop_map(move |all| {
                let least = all.iter().map(|(_, truth)| *truth).min_by_key(rank);
                let filters = all.into_iter().map(|(filter, _)| filter).collect();
                (Filter::And(filters), least.unwrap_or(Truth::True))
            }),
            several().prop_map(move |all| {
                let greatest = all.iter().map(|(_, truth)| *truth).max_by_key(rank);
                let filters = all.into_iter().map(|(filter, _)| filter).collect();
                (Filter::Or(filters), greatest.unwrap_or(Truth::False))
            }),
            inner.clone().prop_map(|(filter, truth)| {
                let swapped = match truth {
                    Truth::True => Truth::False,
                    Truth::False => Truth::True,
                    Truth::Undefined => Truth::Undefined,
                };
                (Filter::Not(Box::new(filter)), swapped)
            }),
        ]
    })
}

proptest! {
    #[test]
    fn and_is_the_least_and_or_the_greatest_of_its_parts((filter, expected) in any_truth()) {
        prop_assert_eq!(evaluate(&filter, &ann()), expected);
    }

    #[test]
    fn equality_is_symmetric_and_holds_of_a_value_and_itself(
        name in "cn|member|uniqueMember|uidNumber|pwdReset|memberUid|objectGUID|telephoneNumber|createTimestamp",
        left in "\\PC{0,8}|cn=[aA ,#]{0,4}|-?[0-9]{1,3}|TRUE|true",
        right in "\\PC{0,8}|cn=[aA ,#]{0,4}|-?[0-9]{1,3}|TRUE|true",
    ) {
        let (left, right) = (left.as_bytes(), right.as_bytes());
        prop_assert!(values_equal(&name, left, left));
        prop_assert_eq!(values_equal(&name, left, right), values_equal(&name, right, left));
    }

    #[test]
    fn a_value_that_contains_the_parts_matches(a in "[a-z]{1,5}", b in "[a-z ]{1,5}", c in "[a-z]{1,5}") {
        let entry = entry("", &[("cn", &[&format!("{a}{b}{c}")])]);
        let filter = Filter::parse(&format!("(cn={a}*{c})")).unwrap();
        prop_assert_eq!(evaluate(&filter, &entry), Truth::True);
    }
}
