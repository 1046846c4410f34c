//! Both forms of a filter are read, written and bounded.

use super::*;
use proptest::prelude::*;

fn substrings(initial: Option<&str>, any: &[&str], last: Option<&str>) -> Filter {
    Filter::Substrings {
        attribute: "cn".to_owned(),
        initial: initial.map(Into::into),
        any: any.iter().map(|part| (*part).into()).collect(),
        last: last.map(Into::into),
    }
}

fn extensible(attribute: Option<&str>, dn_attributes: bool, rule: Option<&str>) -> Filter {
    Filter::Extensible {
        rule: rule.map(str::to_owned),
        attribute: attribute.map(str::to_owned),
        value: b"x".to_vec(),
        dn_attributes,
    }
}

#[track_caller]
fn check(text: &str, expected: Filter) {
    assert_eq!(Filter::parse(text), Ok(expected), "{text:?}");
}

#[track_caller]
fn refused(text: &str, at: usize) {
    match Filter::parse(text) {
        Err(error) => assert_eq!(error.at, at, "{text:?}: {error}"),
        Ok(filter) => panic!("{text:?} was read as {filter}"),
    }
}

#[test]
fn the_string_form_is_read() {
    check("(cn=x)", Filter::equal("cn", "x"));
    check("(cn=)", Filter::equal("cn", ""));
    check("(cn= x )", Filter::equal("cn", " x "));
    check("(cn=a\\2a\\00\\C3\\bf=b)", Filter::equal("cn", b"a*\0\xc3\xbf=b".to_vec()));
    check("(cn=\\ff)", Filter::equal("cn", b"\xff".to_vec()));
    check("(cn=*)", Filter::Present("cn".to_owned()));
    check("(cn;lang-de>=x)", Filter::GreaterOrEqual("cn;lang-de".to_owned(), b"x".to_vec()));
    check("(cn<=x)", Filter::LessOrEqual("cn".to_owned(), b"x".to_vec()));
    check("(cn~=x)", Filter::Approximate("cn".to_owned(), b"x".to_vec()));
    check("(cn=a*b*c)", substrings(Some("a"), &["b"], Some("c")));
    check("(cn=*b*c*)", substrings(None, &["b", "c"], None));
    check("(cn=a*)", substrings(Some("a"), &[], None));
    check("(cn=*a)", substrings(None, &[], Some("a")));
    check("(cn:=x)", extensible(Some("cn"), false, None));
    check("(cn:DN:=x)", extensible(Some("cn"), true, None));
    check("(cn:caseExactMatch:=x)", extensible(Some("cn"), false, Some("caseExactMatch")));
    check("(cn:dn:2.5.13.5:=x)", extensible(Some("cn"), true, Some("2.5.13.5")));
    check("(:dn:2.5.13.5:=x)", extensible(None, true, Some("2.5.13.5")));
    check("(:2.5.13.5:=x)", extensible(None, false, Some("2.5.13.5")));
    check("(&)", Filter::And(vec![]));
    check("(|)", Filter::Or(vec![]));
    let both = vec![Filter::equal("a", "1"), Filter::Not(Box::new(Filter::equal("b", "2")))];
    check("(&(a=1)(!(b=2)))", Filter::And(both.clone()));
    check(" ( | \n (a=1)\t(! (b=2) ) ) ", Filter::Or(both));
}

#[test]
fn what_is_no_filter_is_refused_with_its_place() {
    refused("", 0);
    refused("cn=x", 0);
    refused("(cn=x", 5);
    refused("(cn)", 1);
    refused("(cn=x))", 6);
    refused("(cn=a(b)", 5);
    refused("(cn=a\\2)", 5);
    refused("(cn=a\\*)", 5);
    refused("(cn=a**b)", 6);
    refused("(cn=**)", 5);
    refused("(cn>=a*)", 6);
    refused("(c n=x)", 1);
    refused("(=x)", 1);
    refused("(:=x)", 1);
    refused("(:dn:=x)", 1);
    refused("(cn:a:b:=x)", 1);
    refused("(cn:a b:=x)", 1);
    refused("(!)", 2);
    refused("(!(a=1)(b=2))", 7);
    refused("(&(a=1)b)", 7);
    refused("(cn=\0)", 4);
}

fn nested(depth: usize) -> Vec<u8> {
    let mut bytes = vec![0x87, 2, b'c', b'n'];
    for _ in 1..depth {
        let mut outer = Vec::new();
        crate::proto::ber::write_element(&mut outer, 0xa2, &bytes);
        bytes = outer;
    }
    bytes
}

#[test]
fn nesting_and_number_are_bounded_in_both_forms() {
    let limits = FilterLimits { depth: 5, components: 5 };
    assert!(Filter::decode(&nested(5), limits).is_ok());
    assert_eq!(Filter::decode(&nested(6), limits), Err(BerError::TooDeep));
    let no_limits = FilterLimits { depth: usize::MAX, components: usize::MAX };
    assert_eq!(Filter::decode(&nested(20_000), no_limits), Err(BerError::TooDeep));
    let text = |depth: usize| "(!".repeat(depth - 1) + "(a=1)" + &")".repeat(depth - 1);
    let FilterLimits { depth, components } = FilterLimits::default();
    assert!(Filter::parse(&text(depth)).is_ok());
    refused(&text(depth + 1), 2 * depth);
    refused(&"(!".repeat(100_000), 2 * depth);
    let wide = |count: usize| format!("(&{})", "(a=1)".repeat(count));
    assert!(Filter::parse(&wide(components - 1)).is_ok());
    refused(&wide(components), 2 + 5 * (components - 1));

    let mut out = Vec::new();
    Filter::parse(&wide(5)).unwrap().encode(&mut out);
    assert_eq!(Filter::decode(&out, limits), Err(BerError::TooMany));
    let mut out = Vec::new();
    substrings(None, &["a", "b", "c", "d", "e"], None).encode(&mut out);
    assert_eq!(Filter::decode(&out, limits), Err(BerError::TooMany));
}

#[track_caller]
fn check_wire(bytes: &[u8], expected: Result<&str, BerError>) {
    let got = Filter::decode(bytes, FilterLimits::default()).map(|filter| filter.to_string());
    assert_eq!(got, expected.map(str::to_owned), "{bytes:02x?}");
}

#[test]
fn the_wire_form_is_read_and_its_faults_are_refused() {
    check_wire(&[0x87, 2, b'c', b'n'], Ok("(cn=*)"));
    check_wire(&[0xa0, 0], Ok("(&)"));
    check_wire(&[0xa0, 0x84, 0, 0, 0, 4, 0x87, 2, b'c', b'n'], Ok("(&(cn=*))"));
    check_wire(b"\x87\x05a)(b=", Ok("(a\\29\\28b\\3d=*)"));
    check_wire(&[], Err(BerError::Truncated));
    check_wire(&[0xa0, 0, 0], Err(BerError::TrailingBytes));
    check_wire(&[0xa2, 0], Err(BerError::Truncated));
    check_wire(&[0xa2, 4, 0xa0, 0, 0xa0, 0], Err(BerError::TrailingBytes));
    check_wire(&[0x87, 1, 0xff], Err(BerError::BadUtf8));
    check_wire(&[0xaf, 0], Err(BerError::UnexpectedTag { expected: 0xa0, found: 0xaf }));
    check_wire(b"\xa4\x05\x04\x01a\x30\x00", Err(BerError::BadSubstrings));
    check_wire(b"\xa4\x07\x04\x01a\x30\x02\x81\x00", Err(BerError::BadSubstrings));
    check_wire(b"\xa4\x0b\x04\x01a\x30\x06\x81\x01b\x80\x01c", Err(BerError::BadSubstrings));
    check_wire(b"\xa4\x0b\x04\x01a\x30\x06\x82\x01b\x81\x01c", Err(BerError::BadSubstrings));
}

#[test]
fn fields_of_an_extensible_match_stand_once_and_in_order() {
    let unexpected = |found| Err(BerError::UnexpectedTag { expected: 0x84, found });
    check_wire(b"\xa9\x06\x82\x01a\x83\x01x", Ok("(a:=x)"));
    check_wire(b"\xa9\x09\x82\x01a\x83\x01x\x84\x01\xff", Ok("(a:dn:=x)"));
    check_wire(b"\xa9\x09\x82\x01a\x83\x01x\x85\x01\xff", Ok("(a:=x)"));
    check_wire(b"\xa9\x09\x82\x01a\x83\x01x\x83\x01y", unexpected(0x83));
    check_wire(b"\xa9\x09\x82\x01a\x83\x01x\x81\x01y", unexpected(0x81));
}

#[test]
fn attributes_are_listed_once_each_in_order() {
    let filter = Filter::parse("(&(uid=a)(|(CN=*)(!(mail>=b)))(cn=x*)(a:dn:=y)(:2.5.13.5:=z))");
    assert_eq!(filter.unwrap().attributes(), ["uid", "CN", "mail", "a"]);
}

fn any_filter() -> impl Strategy<Value = Filter> {
    let name = || "[a-zA-Z][a-zA-Z0-9-]{0,6}(;[a-z0-9-]{1,3})?|[0-2](\\.[1-9][0-9]?){1,3}";
    let value = || proptest::collection::vec(any::<u8>(), 0..12);
    let part = || proptest::collection::vec(any::<u8>(), 1..6);
    let parts = (proptest::option::of(part()), proptest::collection::vec(part(), 0..3), part());
    let leaf = prop_oneof![
        (name(), value()).prop_map(|(name, value)| Filter::Equal(name, value)),
        (name(), value()).prop_map(|(name, value)| Filter::GreaterOrEqual(name, value)),
        (name(), value()).prop_map(|(name, value)| Filter::LessOrEqual(name, value)),
        (name(), value()).prop_map(|(name, value)| Filter::Approximate(name, value)),
        name().prop_map(Filter::Present),
        (name(), parts, any::<bool>()).prop_map(|(attribute, (initial, any, last), ends)| {
            let bare = initial.is_none() && any.is_empty();
            let last = (ends || bare).then_some(last);
            Filter::Substrings { attribute, initial, any, last }
        }),
        (name(), proptest::option::of("x[a-z]{2,4}"), value(), any::<bool>(), any::<bool>())
            .prop_map(|(attribute, rule, value, dn_attributes, named)| {
                let attribute = (named || rule.is_none()).then_some(attribute);
                Filter::Extensible { rule, attribute, value, dn_attributes }
            }),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Filter::And),
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Filter::Or),
            inner.prop_map(|filter| Filter::Not(Box::new(filter))),
        ]
    })
}

/// A matching rule for the attribute of no name, which is Undefined, was written as one for every
/// attribute: what was read in a log was another filter than the client's. Now it reads as none.
#[test]
fn an_attribute_of_no_name_is_not_written_as_if_none_were_named() {
    let of = |attribute: Option<&str>| Filter::Extensible {
        rule: Some("2.5.13.2".to_owned()),
        attribute: attribute.map(str::to_owned),
        value: b"x".to_vec(),
        dn_attributes: true,
    };
    assert_eq!(Filter::parse(&of(None).to_string()), Ok(of(None)));
    let nameless = of(Some("")).to_string();
    assert!(Filter::parse(&nameless).is_err(), "{nameless}");
}

proptest! {
    #[test]
    fn both_forms_bring_a_filter_back(filter in any_filter()) {
        prop_assert_eq!(Filter::parse(&filter.to_string()), Ok(filter.clone()));
        let mut out = Vec::new();
        filter.encode(&mut out);
        prop_assert_eq!(Filter::decode(&out, FilterLimits::default()), Ok(filter));
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC*|[()&|!a=*:\\\\2<>~ ]*") {
        if let Ok(filter) = Filter::parse(&text) {
            prop_assert_eq!(Filter::parse(&filter.to_string()), Ok(filter));
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
        let _ = Filter::decode(&bytes, FilterLimits::default());
    }
}
