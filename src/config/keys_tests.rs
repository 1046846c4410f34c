//! What holds of the table of keys.

use super::*;

#[test]
fn every_key_stands_once_in_a_section_that_exists() {
    for (at, key) in KEYS.iter().enumerate() {
        assert!(SECTIONS.iter().any(|info| info.name == key.section), "{}", key.section);
        let again = KEYS[at + 1..].iter().any(|k| (k.section, k.name) == (key.section, key.name));
        assert!(!again, "{}.{} stands twice", key.section, key.name);
    }
}

#[test]
fn no_key_is_both_there_and_not_yet_there() {
    for (section, name) in NOT_YET {
        assert!(!allowed(section).contains(name), "{section}.{name}");
    }
}

#[test]
fn every_purpose_is_one_sentence() {
    for purpose in KEYS.iter().map(|key| key.purpose) {
        assert!(purpose.ends_with('.') && !purpose.contains('\n'), "{purpose}");
    }
}

#[test]
fn the_names_of_a_section_are_its_keys_and_what_lies_right_below() {
    assert_eq!(
        allowed(""),
        [
            "listen",
            "store",
            "admin",
            "log",
            "traces",
            "sign_on",
            "reconcile",
            "throttle",
            "records",
            "view",
            "directory"
        ]
    );
    assert_eq!(allowed("directory.tls"), ["ca", "start_tls", "server_name"]);
    assert!(allowed("listen").contains(&"tls"));
    assert!(!allowed("directory").contains(&"attributes"));
}
