//! `[[view]]`.

use super::{LEAST, check, sound};
use bindgate::domain::policy::Flatten;
use bindgate::domain::serving::Inactive;
use bindgate::domain::view::{Kind, VisibleTo, Writes};

const DIRECTORY: &str = "[[directory]]";

/// A view with these lines, before the directory.
fn view(lines: &str) -> String {
    format!("[[view]]\n{lines}\n{DIRECTORY}")
}

#[test]
fn a_view_that_says_nothing_changes_nothing_and_one_that_says_all_is_read() {
    let (config, said) = sound(&LEAST.replace(DIRECTORY, &view("name = \"it\"")));
    let [it] = config.listen.views.all() else { panic!("one view") };
    assert_eq!(**it, bindgate::domain::view::View { name: "it".into(), ..Default::default() });
    assert!(said.is_empty() && sound(LEAST).0.listen.views.is_empty());
    let lines = "name = \"it\"
        match = { listeners = [\"127.0.0.1:3890\"], addresses = [\"10.0.0.0/8\"], bind_dns = [\"cn=a\"] }
        flatten = \"depth:2\"
        inactive = \"hide\"
        visible_to = [\"cn=b\"]
        writes = \"deny\"
        operations = [\"bind\", \"search\"]";
    let (config, said) = sound(&LEAST.replace(DIRECTORY, &view(lines)));
    assert!(said.is_empty(), "{said:?}");
    let [it] = config.listen.views.all() else { panic!("one view") };
    let matching = &it.matching;
    let counts = [matching.listeners.len(), matching.addresses.len(), matching.bind_dns.len()];
    assert_eq!(counts, [1, 1, 1]);
    assert_eq!((it.flatten, it.inactive), (Some(Flatten::Depth(2)), Some(Inactive::Hide)));
    assert_eq!((it.writes, it.bind_only), (Writes::Deny, false));
    assert_eq!(it.operations.as_deref(), Some(&[Kind::Bind, Kind::Search][..]));
    assert!(matches!(&it.visible_to, VisibleTo::Named(names) if names.len() == 1));
}

#[test]
fn what_a_view_cannot_mean_is_refused_where_it_stands() {
    for (lines, at, words) in [
        ("flatten = \"direct\"", "[[view]]", &["`name` is missing"][..]),
        ("name = \"a\"\n[[view]]\nname = \"A\"", "\"A\"", &["called \"a\" already"]),
        (
            "name = \"a\"\nmatch = { listeners = [\"127.0.0.1:9\"] }",
            "\"127.0.0.1:9\"",
            &["nobody can connect", "[listen]"],
        ),
        ("name = \"a\"\nmatch = { bind_dns = [\"\"] }", "\"\"", &["nobody in particular"]),
        ("name = \"a\"\nmatch = { bind_dn = [] }", "bind_dn", &["did you mean `bind_dns`"]),
        ("name = \"a\"\nvisible_to = \"all\"", "\"all\"", &["bound", "anyone"]),
        ("name = \"a\"\nwrites = \"no\"", "\"no\"", &["allow", "deny"]),
        ("name = \"a\"\noperations = [\"read\"]", "\"read\"", &["search", "modify-dn"]),
        (
            "name = \"a\"\nmatch = { bind_dns = [\"cn=a\"] }\noperations = [\"search\"]",
            "[\"search\"]",
            &["nobody may bind"],
        ),
    ] {
        check(DIRECTORY, &view(lines), at, words);
    }
}

/// What is warned of two views that are for these.
#[track_caller]
fn warned(first: &str, second: &str, is_shadowed: bool) {
    let lines = format!("name = \"a\"\n{first}\n[[view]]\nname = \"b\"\n{second}");
    let (_, said) = sound(&LEAST.replace(DIRECTORY, &view(&lines)));
    let is_said = said.iter().any(|problem| problem.message.contains("takes everybody"));
    assert_eq!(is_said, is_shadowed, "{first} / {second}: {said:?}");
}

#[test]
fn a_view_that_would_never_count_is_warned_of() {
    let here = "match = { listeners = [\"127.0.0.1:3890\"] }";
    let net = |net: &str| format!("match = {{ addresses = [{net}] }}");
    let dns = |names: &str| format!("match = {{ bind_dns = [{names}] }}");
    warned(here, here, true);
    warned("", "", true);
    warned("", here, false);
    warned(here, "", false);
    warned(here, &dns("\"cn=a\""), false);
    warned(&dns("\"cn=a\", \"cn=b\""), &dns("\"CN=b\""), true);
    warned(&dns("\"cn=b\""), &dns("\"cn=a\", \"cn=b\""), false);
    warned(&net("\"10.0.0.0/8\""), &net("\"10.1.0.0/16\""), true);
    warned(&net("\"10.1.0.0/16\""), &net("\"10.0.0.0/8\""), false);
}
