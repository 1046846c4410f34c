//! Whose entry it is: upstream id, user type, directory, and what has to be read to tell.

use super::graph::dn;
use super::scene::{ANN, staff};
use bindgate::domain::activation;
use bindgate::domain::identity::{
    ID_ATTRIBUTES, MAX_ID_LENGTH, attributes_to_read, directory_for, upstream_id, user_type,
};
use bindgate::domain::observation::UnknownReason;
use bindgate::domain::policy::{AttributeMapping, DirectoryPolicy, UserType};
use bindgate::proto::filter::Filter;
use bindgate::proto::search::{Attribute, Entry};
use proptest::prelude::*;
use std::sync::Arc;

fn entry(dn: &str, attributes: &[(&str, &[&[u8]])]) -> Entry {
    let attributes = attributes.iter().map(|(name, values)| Attribute {
        name: (*name).to_owned(),
        values: values.iter().map(|value| value.to_vec()).collect(),
    });
    Entry { dn: dn.to_owned(), attributes: attributes.collect() }
}

fn directory(suffixes: &[&str], user_types: Vec<UserType>) -> DirectoryPolicy {
    DirectoryPolicy {
        name: Arc::from("corp"),
        suffixes: suffixes.iter().map(|suffix| dn(suffix)).collect(),
        is_default: false,
        service_account: dn("cn=gateway,ou=people,dc=example,dc=com"),
        groups: None,
        user_types,
    }
}

#[track_caller]
fn check_id(attributes: &[(&str, &[&[u8]])], expected: Option<&str>) {
    let id = upstream_id(&entry(ANN, attributes));
    match expected {
        Some(text) => assert_eq!(id.expect("the entry bears an id").as_str(), text),
        None => assert_eq!(id, Err(UnknownReason::NoUpstreamId)),
    }
}

const UUID: &[u8] = b"A1B2C3D4-0000-1111-2222-ABCDEFABCDEF";
const GUID: &[u8; 16] = b"\x33\x22\x11\x00\x55\x44\x77\x66\x88\x99\xaa\xbb\xcc\xdd\xee\xff";

#[test]
fn an_id_that_is_text_is_kept_in_lower_case() {
    check_id(&[("entryUUID", &[UUID])], Some("a1b2c3d4-0000-1111-2222-abcdefabcdef"));
    check_id(&[("ENTRYUUID", &[UUID])], Some("a1b2c3d4-0000-1111-2222-abcdefabcdef"));
    check_id(
        &[("nsUniqueId", &[b"0A1B2C3D-4E5F6071-82939AB4-C5D6E7F8"])],
        Some("0a1b2c3d-4e5f6071-82939ab4-c5d6e7f8"),
    );
    check_id(&[("ipaUniqueID", &[b"f00"])], Some("f00"));
}

#[test]
fn an_object_guid_is_written_in_the_byte_order_of_its_directory() {
    check_id(&[("objectGUID", &[GUID])], Some("00112233-4455-6677-8899-aabbccddeeff"));
}

#[test]
fn an_entry_without_exactly_one_good_id_has_none() {
    check_id(&[], None);
    check_id(&[("entryUUID", &[UUID, b"another"])], None);
    check_id(&[("entryUUID", &[b""])], None);
    check_id(&[("entryUUID", &[b"\xff\xfe"])], None);
    check_id(&[("entryUUID", &[b"a b"])], None);
    check_id(&[("entryUUID", &[&[b'a'; MAX_ID_LENGTH + 1]])], None);
    check_id(&[("objectGUID", &[&GUID[..15]])], None);
    check_id(&[("objectGUID", &[GUID, GUID])], None);
}

#[test]
fn the_first_id_attribute_that_is_there_decides_even_if_it_is_bad() {
    check_id(&[("nsUniqueId", &[b"other"]), ("entryUUID", &[b"one"])], Some("one"));
    check_id(&[("nsUniqueId", &[b"other"]), ("entryUUID", &[b"one", b"two"])], None);
}

fn named(name: &str, base: &str, filter: &str) -> UserType {
    let filter = Filter::parse(filter).expect("a filter in a test is well formed");
    UserType { name: Arc::from(name), base: dn(base), filter, ..staff() }
}

#[track_caller]
fn check_type(dn: &str, title: &str, expected: Option<&str>) {
    let types = vec![
        named("chiefs", "ou=people,dc=example,dc=com", "(title=chief)"),
        named("staff", "ou=people,dc=example,dc=com", "(title=*)"),
        named("rest", "dc=example,dc=com", "(!(title=guest))"),
    ];
    let directory = directory(&["dc=example,dc=com"], types);
    let entry = entry(dn, &[("title", &[title.as_bytes()])]);
    assert_eq!(user_type(&directory, &entry).map(|found| &*found.name), expected);
}

#[test]
fn the_first_user_type_whose_base_and_filter_hold_takes_an_entry() {
    check_type(ANN, "chief", Some("chiefs"));
    check_type("UID=ann, OU=People, DC=example, DC=com", "Chief", Some("chiefs"));
    check_type(ANN, "clerk", Some("staff"));
    check_type("uid=ann,ou=others,dc=example,dc=com", "clerk", Some("rest"));
    check_type("uid=ann,ou=others,dc=example,dc=com", "guest", None);
    check_type("uid=ann,dc=example,dc=org", "clerk", None);
}

#[test]
fn the_service_account_and_a_dn_that_cannot_be_read_are_no_users() {
    check_type("cn=gateway,ou=people,dc=example,dc=com", "clerk", None);
    check_type("CN=Gateway, ou=people,dc=example,dc=com", "clerk", None);
    check_type("no dn", "clerk", None);
}

#[test]
fn every_attribute_that_decides_is_read_once() {
    let mut first = named("first", "dc=com", "(&(Title=x)(!(MAIL=*))(objectclass=person))");
    first.attributes = vec![AttributeMapping::new("m", "mail")];
    let second = UserType { username: "UID".to_owned(), ..named("second", "dc=com", "(l=x)") };
    let names = attributes_to_read(&directory(&["dc=com"], vec![first, second]));
    let mut lower: Vec<String> = names.iter().map(|name| name.to_ascii_lowercase()).collect();
    lower.sort_unstable();
    let mut expected: Vec<String> = ID_ATTRIBUTES
        .iter()
        .chain(&activation::ATTRIBUTES)
        .map(|n| n.to_ascii_lowercase())
        .collect();
    expected.extend(
        ["cn", "displayname", "l", "mail", "objectclass", "title", "uid"].map(str::to_owned),
    );
    expected.sort_unstable();
    assert_eq!(lower, expected);
}

#[track_caller]
fn check_directory(default: Option<usize>, name: &str, expected: Option<usize>) {
    let mut directories = [
        directory(&["dc=org", "dc=example,dc=com"], Vec::new()),
        directory(&["ou=lab,dc=example,dc=com"], Vec::new()),
        directory(&["dc=com", "dc=example,dc=com"], Vec::new()),
    ];
    if let Some(at) = default {
        directories[at].is_default = true;
    }
    assert_eq!(directory_for(directories.iter(), &dn(name)), expected, "{name}");
    assert_eq!(directory_for([].into_iter(), &dn(name)), None);
}

#[test]
fn a_name_goes_to_the_longest_suffix_else_to_the_default_else_to_the_first() {
    check_directory(None, "uid=a,ou=lab,dc=example,dc=com", Some(1));
    check_directory(None, "OU=Lab, DC=Example, DC=Com", Some(1));
    check_directory(None, "uid=a,dc=example,dc=com", Some(0));
    check_directory(None, "uid=a,dc=com", Some(2));
    check_directory(None, "uid=a,dc=net", Some(0));
    check_directory(Some(2), "uid=a,dc=net", Some(2));
    check_directory(Some(2), "uid=a,dc=org", Some(0));
    check_directory(Some(1), "", Some(1));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_id_of_any_bytes_is_canonical_or_none(
        name in prop::sample::select(ID_ATTRIBUTES.to_vec()),
        value in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        if let Ok(id) = upstream_id(&entry(ANN, &[(name, &[&value])])) {
            prop_assert!(id.as_str().bytes().all(|b| b.is_ascii_graphic() && !b.is_ascii_uppercase()));
            prop_assert!((1..=MAX_ID_LENGTH).contains(&id.as_str().len()));
        }
    }

    #[test]
    fn two_object_guids_never_become_one_id(left: [u8; 16], right: [u8; 16]) {
        let id = |bytes: [u8; 16]| upstream_id(&entry(ANN, &[("objectGUID", &[&bytes])]));
        prop_assert_eq!(id(left) == id(right), left == right);
    }
}
