//! Spellings of one name are equal, different names are not, and nothing is quadratic or panics.

use super::*;
use proptest::prelude::*;

fn parse(text: &str) -> DistinguishedName {
    DistinguishedName::parse(text).unwrap_or_else(|e| panic!("{text:?}: {e}"))
}

#[track_caller]
fn check(text: &str, expected: &str) {
    let name = parse(text);
    assert_eq!(name.normalized().as_str(), expected, "{text:?}");
    assert_eq!(name.as_str(), text);
    assert_eq!(parse(expected), name, "the normal form of {text:?} means something else");
}

#[track_caller]
fn refused(text: &str) {
    assert!(DistinguishedName::parse(text).is_err(), "{text:?}");
}

#[test]
fn the_spellings_of_a_name_have_one_normal_form() {
    check("", "");
    check("UID=Ann,OU=People,DC=Example,DC=Com", "uid=ann,ou=people,dc=example,dc=com");
    check("2.5.4.3=Ann", "cn=ann");
    check("oid.2.5.4.3=Ann", "cn=ann");
    check("commonName=Ann", "cn=ann");
    check(" cn = Ann  Lee , dc = x ", "cn=ann lee,dc=x");
    check("cn=Ann;dc=x", "cn=ann,dc=x");
    check("cn=\"Lee, Ann\",dc=x", "cn=lee\\2c ann,dc=x");
    check("cn=Lee\\, Ann,dc=x", "cn=lee\\2c ann,dc=x");
    check("cn=Lee\\2C Ann,dc=x", "cn=lee\\2c ann,dc=x");
    check("cn=\\ a\\ ,dc=x", "cn=a,dc=x");
    check("cn=\\  ", "cn=\\20");
    check("cn=a=b", "cn=a=b");
    check("cn=a\\=b", "cn=a=b");
    check("cn=\\23a", "cn=\\23a");
    check("cn=a#b", "cn=a#b");
    check("cn=J\\C3\\84GER", "cn=jäger");
    check("cn=JÄGER", "cn=jäger");
    check("cn=a\\00b", "cn=a\\00b");
    check("cn=\\FFa", "cn=\\ffa");
    check("cn=,dc=x", "cn=,dc=x");
    check("cn=#040341 ,dc=x".replace("040341", "040141").as_str(), "cn=a,dc=x");
    check("cn=#0C0141", "cn=a");
    check("cn=#3003020105", "cn=#3003020105");
    check("sn=Lee+cn=Ann,dc=x", "cn=ann+sn=lee,dc=x");
    check("cn=Ann + sn=Lee,dc=x", "cn=ann+sn=lee,dc=x");
    check("memberUid=Ann", "memberuid=Ann");
    check("1.2.3=A", "1.2.3=a");
}

#[test]
fn what_is_no_name_is_refused() {
    for text in [
        " ",
        ",",
        "cn",
        "cn=a,",
        ",cn=a",
        "cn=a,,dc=x",
        "cn=a+",
        "=a",
        "c n=a",
        "cn=\"a",
        "cn=a\"b",
        "cn=\"a\"b",
        "cn=\\",
        "cn=\\4",
        "cn=\\zz",
        "cn=#",
        "cn=#4",
        "cn=#zz",
        "cn=a\0",
        "<GUID=1>",
        "ann@example.com",
        "EXAMPLE\\ann",
        "1.=a",
        "cn;lang-de=a",
        "cn=\\é",
    ] {
        refused(text);
    }
    assert!(DistinguishedName::from_bytes(b"cn=\xff").is_err());
}

#[test]
fn different_names_stay_different() {
    for (left, right) in [
        ("cn=a\\,dc\\=x", "cn=a,dc=x"),
        ("cn=a\\+sn=b", "cn=a+sn=b"),
        ("cn=\\\\2c", "cn=\\2c"),
        ("cn=\\#0401", "cn=#3000"),
        ("cn=a", "cn=a\\00"),
        ("cn=a", "sn=a"),
        ("cn=\\c3", "cn=\u{c3}"),
        ("cn=", "cn=\\20"),
        ("cn=ad\u{200b}min", "cn=admin"),
        ("cn=strauß", "cn=strauss"),
        ("cn=\u{131}", "cn=i"),
    ] {
        assert_ne!(parse(left), parse(right));
    }
}

#[test]
fn names_past_a_limit_are_refused() {
    let rdns = |count: usize| vec!["a=b"; count].join(",");
    assert!(DistinguishedName::parse(&rdns(MAX_RDNS)).is_ok());
    refused(&rdns(MAX_RDNS + 1));
    let values = |count: usize| vec!["a=b"; count].join("+");
    assert!(DistinguishedName::parse(&values(MAX_VALUES_PER_RDN)).is_ok());
    refused(&values(MAX_VALUES_PER_RDN + 1));
    let long = |length: usize| format!("cn={}", "a".repeat(length - 3));
    assert!(DistinguishedName::parse(&long(MAX_DN_LENGTH)).is_ok());
    refused(&long(MAX_DN_LENGTH + 1));
}

#[test]
fn a_name_lies_within_itself_and_what_is_above_it() {
    let ann = parse("cn=Lee\\, Ann,ou=People,dc=x");
    for base in ["", "dc=X", "OU=people,dc=x", "cn=lee\\2c ann,ou=people,dc=x"] {
        assert!(ann.is_within(&parse(base)), "{base:?}");
    }
    for base in ["dc=y", "cn=a,ou=people,dc=x", "ple,dc=x".replace("ple", "ou=ple").as_str()] {
        assert!(!ann.is_within(&parse(base)), "{base:?}");
    }
    assert!(!parse("dc=x").is_within(&ann));
    assert!(!parse("xdc=x").is_within(&parse("dc=x")));
}

#[test]
fn a_parent_keeps_the_spelling() {
    let parents = |text: &str| {
        let above = std::iter::successors(Some(parse(text)), DistinguishedName::parent);
        above.map(|name| name.as_str().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(
        parents("cn=Lee\\, Ann , ou=\"a,b\";DC=X"),
        ["cn=Lee\\, Ann , ou=\"a,b\";DC=X", "ou=\"a,b\";DC=X", "DC=X", ""]
    );
    assert_eq!(parse("").parent(), None);
    assert!(parse("").is_root());
}

#[test]
fn the_values_of_a_name_are_given_as_they_were_written() {
    let values = parse("CN=Lee\\, Ann+2.5.4.4=Lee,dc=#0c0158").named_values();
    let values: Vec<_> =
        values.iter().map(|v| (v.attribute_type.as_str(), v.value.as_slice())).collect();
    assert_eq!(values, [("cn", &b"Lee, Ann"[..]), ("sn", b"Lee"), ("dc", b"X")]);
}

/// The normal form without the short cut for what is written as usual.
fn the_long_way(text: &str) -> Result<String, DnError> {
    let mut normalized = String::new();
    each_rdn(text, |reader| {
        if !normalized.is_empty() {
            normalized.push(',');
        }
        write_rdn(&mut normalized, &reader.rdn()?);
        Ok(())
    })?;
    Ok(normalized)
}

proptest! {
    #[test]
    fn the_short_cut_leads_where_the_long_way_does(text in "((cn|CN|Cn|uid|ou|DC|o|sn) ?=[ aB#@.\\PC]{0,3}(\\PC|[ ,+;#\"<>=aBz]|\\\\2[0-9a-f]){0,4}[,+;]){0,4}(dc=[a-zA-Z ]{1,5})?") {
        let short = DistinguishedName::parse(&text).map(|name| name.normalized().as_str().to_owned());
        prop_assert_eq!(short, the_long_way(&text));
    }

    #[test]
    fn an_escaped_value_comes_back(value: Vec<u8>, below in "(,dc=x)?") {
        let name = parse(&format!("userPassword={}{below}", escape_value(&value)));
        prop_assert_eq!(&name.named_values()[0].value, &value);
    }

    #[test]
    fn a_normal_form_is_a_name_that_is_equal(text in "((cn|uid|2\\.5\\.4\\.3|userPassword)=(\\PC|[ ,+;#\"<>=aBÄİΣß]|\\\\[0-9a-f]{2}|\\\\[,+ #]){0,6}[,+;]?){1,4}") {
        if let Ok(name) = DistinguishedName::parse(&text) {
            let again = parse(name.normalized().as_str());
            prop_assert_eq!(again.normalized(), name.normalized());
            let parent = name.parent().expect("it is not the root");
            prop_assert_eq!(&parse(parent.as_str()), &parent);
            prop_assert!(name.is_within(&parent));
            prop_assert_eq!(name.normalized().parent(), Some(parent.normalized().clone()));
        }
    }

    #[test]
    fn names_of_other_octets_are_other_names(left: Vec<u8>, right: Vec<u8>) {
        let name = |value: &[u8]| parse(&format!("userPassword={}", escape_value(value)));
        prop_assert_eq!(name(&left) == name(&right), left == right);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC*|[a-c=,+\\\\\"#; 0]*") {
        let _ = DistinguishedName::parse(&text);
    }
}
