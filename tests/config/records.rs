//! `[records]`: the records' own suffix.

use super::{LEAST, check_line, refused, sound};
use bindgate::domain::suffix::Inactive;
use std::time::Duration;

#[test]
fn the_suffix_is_off_without_readers_and_has_a_name_of_its_own() {
    let of = |lines: &str| sound(&format!("[records]\n{lines}\n{LEAST}")).0.records;
    let off = sound(LEAST).0.records;
    assert!(!off.is_on());
    assert_eq!(off.layout.suffix().as_str(), "dc=bindgate");
    assert_eq!((off.inactive, off.size_limit), (Inactive::Hide, Some(10_000)));
    let on = of("readers = [\"cn=App,dc=example,dc=com\"]\nsuffix = \"o=people, dc=x\"");
    assert!(on.is_on());
    assert_eq!(on.layout.people().as_str(), "ou=people,o=people, dc=x");
    let none = of("size_limit = 0\ntime_limit = \"0s\"\ninactive = \"show\"");
    assert_eq!((none.size_limit, none.time_limit), (None, Duration::ZERO));
    assert_eq!(none.inactive, Inactive::Show);
}

#[test]
fn a_suffix_that_cannot_be_one_and_a_reader_who_is_anybody_are_refused() {
    check_line("records", "suffix = \"cn=records\"", "\"cn=records\"", &["dc, o or ou"]);
    check_line("records", "suffix = \"\"", "\"\"", &["root"]);
    check_line("records", "suffix = \"records\"", "\"records\"", &["distinguished name"]);
    check_line("records", "readers = [\"\"]", "\"\"", &["anybody"]);
    check_line("records", "max_sorted = 0", "0", &["1 to"]);
}

#[test]
fn no_directory_lies_within_the_suffix() {
    let readers = "readers = [\"cn=app,dc=example,dc=com\"]";
    for (suffix, hidden) in
        [("dc=com", true), ("DC=Example,dc=com", true), ("dc=records,dc=example,dc=com", false)]
    {
        let text = format!("[records]\nsuffix = \"{suffix}\"\n{readers}\n{LEAST}");
        if hidden {
            let told = refused(&text).render();
            assert!(told.contains("lies within"), "{told}");
        } else {
            sound(&text);
        }
    }
}
