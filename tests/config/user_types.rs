//! What `[[directory.user_type]]` says of attributes, of groups that are given or left alone, and
//! of accounts that are disabled, gone or back.

use super::{LEAST, check, sound};
use bindgate::domain::policy::{
    Absent, AttributeUpdate, OnReactivateLocal, Switch, UnknownReactivation, UserType,
};
use bindgate::domain::record::{Group, UpstreamId};
use std::time::Duration;

#[track_caller]
fn user_type(lines: &str) -> UserType {
    let text = LEAST.replace("name = \"staff\"", &format!("name = \"staff\"\n{lines}"));
    let (config, warnings) = sound(&text);
    assert!(warnings.is_empty(), "{warnings:?}");
    config.directories[0].policy.user_types[0].clone()
}

#[track_caller]
fn check_line(line: &str, at: &str, words: &[&str]) {
    check("name = \"staff\"", &format!("name = \"staff\"\n{line}"), at, words);
}

#[test]
fn attributes_have_rules_of_their_own() {
    let text = format!(
        "{LEAST}\n[directory.user_type.attributes]\nmail = \"mail\"\n\
         phone = {{ from = \"telephoneNumber\", update = \"fill-if-empty\", absent = \"clear\" }}\n"
    );
    let (config, _) = sound(&text);
    let mut mappings = config.directories[0].policy.user_types[0].attributes.clone();
    mappings.sort_by(|a, b| a.local.cmp(&b.local));
    let [mail, phone] = mappings.as_slice() else { panic!("{mappings:?}") };
    assert_eq!((mail.update, mail.absent), (AttributeUpdate::Overwrite, Absent::Keep));
    assert_eq!(phone.upstream, "telephoneNumber");
    assert_eq!((phone.update, phone.absent), (AttributeUpdate::FillIfEmpty, Absent::Clear));
}

#[track_caller]
fn check_attribute(value: &str, at: &str, words: &[&str]) {
    let section = format!("\n[directory.user_type.attributes]\nphone = {value}\n[log]");
    let end = "base = \"ou=people,dc=example,dc=com\"";
    check(end, &format!("{end}{section}"), at, words);
}

#[test]
fn a_rule_of_an_attribute_that_is_none_is_told() {
    check_attribute("{ update = \"never\" }", "{ update = \"never\" }", &["`from` is missing"]);
    check_attribute("{ from = \"a\", when = \"b\" }", "when", &["from, update, absent"]);
    check_attribute("{ from = \"a\", update = \"often\" }", "\"often\"", &["fill-if-empty"]);
    check_attribute("{ from = \"a\", absent = \"go\" }", "\"go\"", &["clear"]);
    check_attribute("{ from = 1 }", "1", &["a string"]);
}

#[test]
fn everything_about_accounts_and_given_groups_is_read() {
    let staff = user_type(
        "update_attributes = false\nadd_from_partial = true\n\
         default_groups = [\"cn=new,ou=groups,dc=example,dc=com\"]\n\
         always_groups = [\"cn=all,ou=own,dc=example,dc=com\"]\n\
         ignored_groups = [\"Temp*\"]\ndisabled_filter = \"(employeeType=left)\"\n\
         on_reactivate_local = \"keep\"\non_unknown_reactivation = \"without-groups\"\n\
         missing_grace = \"1h\"\nparking_group = \"cn=gone,ou=own,dc=example,dc=com\"",
    );
    assert_eq!((staff.update_attributes, staff.add_from_partial), (Switch::Off, true));
    assert_eq!((staff.default_groups.len(), staff.always_groups.len()), (1, 1));
    assert!(staff.disabled.is_some() && staff.missing.parking.is_some());
    assert_eq!(staff.on_reactivate_local, OnReactivateLocal::Keep);
    assert_eq!(staff.unknown_reactivation, UnknownReactivation::WithoutGroups);
    assert_eq!(staff.missing.grace, Duration::from_secs(3600));
    let plain = user_type("");
    assert_eq!(plain.on_reactivate_local, OnReactivateLocal::Review);
    assert_eq!(plain.unknown_reactivation, UnknownReactivation::Deny);
    assert_eq!(plain.missing.grace, Duration::from_secs(30 * 24 * 3600));
    assert!(plain.missing.parking.is_none() && plain.disabled.is_none());
}

#[test]
fn limits_and_mistakes_of_given_groups_are_told() {
    let many: Vec<String> = (0..17).map(|n| format!("\"cn=g{n},dc=example,dc=com\"")).collect();
    let list = format!("[{}]", many.join(", "));
    check_line(&format!("always_groups = {list}"), &list, &["at most 16 groups"]);
    check_line("ignored_groups = [\"*\"]", "\"*\"", &["ignore every group"]);
    check_line("default_groups = [\"staff\"]", "\"staff\"", &["a distinguished name"]);
}

#[track_caller]
fn check_ignored(pattern: &str, expected: bool) {
    let staff = user_type(&format!("ignored_groups = [\"{pattern}\"]"));
    let group = Group {
        id: UpstreamId::new("0a1b-2c"),
        dn: "cn=Team Blue,ou=groups,dc=example,dc=com".to_owned(),
        name: "Team Blue".to_owned(),
    };
    assert_eq!(staff.ignores(&group), expected, "{pattern}");
}

#[test]
fn a_group_is_ignored_by_id_dn_or_name_in_any_case() {
    for pattern in [
        "0A1B-2C",
        "team blue",
        "Team*",
        "*blue",
        "*M B*",
        "t*m*e",
        "CN=team blue, OU=Groups, DC=example, DC=com",
        "*,ou=groups,dc=example,dc=com",
    ] {
        check_ignored(pattern, true);
    }
    for pattern in
        ["team", "blue*", "*red", "t*x*e", "cn=team,dc=example,dc=com", "team blue team*"]
    {
        check_ignored(pattern, false);
    }
}

#[test]
fn what_is_too_much_at_once_and_what_becomes_of_who_is_gone_are_read() {
    use bindgate::domain::mass_change::{Limits, Many};
    use bindgate::domain::policy::AfterGrace;
    use std::time::Duration;
    let (config, _) = sound(LEAST);
    let by_default = Limits {
        many: Many::Held,
        window: Duration::from_secs(600),
        share: 30,
        least_users: 20,
        groups: 1,
        last_groups: None,
    };
    assert_eq!(config.directories[0].mass_change, by_default);
    let staff = &config.directories[0].policy.user_types[0];
    assert_eq!((staff.minimum_interval, staff.missing.then), (Duration::ZERO, AfterGrace::Keep));
    let section = "[directory.mass_change]\nenabled = false\nshare = 100\nlast_groups = 3\n";
    let text = LEAST.replace("[directory.groups]", &format!("{section}[directory.groups]"));
    let name = "name = \"staff\"";
    let text = text.replace(name, &format!("{name}\nafter_grace = \"delete\""));
    let (config, _) = sound(&text);
    let limits = config.directories[0].mass_change;
    assert_eq!((limits.many, limits.share, limits.last_groups), (Many::Believed, 100, Some(3)));
    let staff = &config.directories[0].policy.user_types[0];
    assert_eq!(staff.missing.then, AfterGrace::Delete);
    for wrong in ["share = 0", "share = 101", "least_users = 1"] {
        let value = wrong.split(' ').nth(2).unwrap();
        let section = format!("[directory.mass_change]\n{wrong}\n[directory.groups]");
        check("[directory.groups]", &section, value, &["to"]);
    }
}
