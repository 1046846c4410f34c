//! `[accounts]`: service accounts of the gateway's own.

use super::{LEAST, check_line, sound};

#[test]
fn accounts_are_below_the_records_suffix_unless_something_else_is_said() {
    let base = |text: &str| sound(text).0.accounts.base.to_string();
    assert_eq!(base(LEAST), "ou=accounts,dc=bindgate");
    let own = format!("[records]\nsuffix = \"dc=here\"\n{LEAST}");
    assert_eq!(base(&own), "ou=accounts,dc=here");
    let own =
        format!("[accounts]\nbase = \"o=apps\"\nmax_verifying = 2\nremember = false\n{LEAST}");
    let (config, said) = sound(&own);
    assert!(said.is_empty(), "{said:?}");
    let accounts = config.accounts;
    assert_eq!(accounts.base.as_str(), "o=apps");
    assert_eq!((accounts.max_verifying, accounts.remember), (2, false));
}

#[test]
fn a_name_below_which_accounts_cannot_be_is_refused() {
    let directory = &["names that no directory has"];
    for base in ["ou=apps,dc=example,dc=com", "DC=Example,dc=com", "dc=com"] {
        let value = format!("\"{base}\"");
        check_line("accounts", &format!("base = {value}"), &value, directory);
    }
    check_line("accounts", "base = \"\"", "\"\"", &["every name"]);
    check_line("accounts", "base = \"accounts\"", "\"accounts\"", &["distinguished name"]);
    check_line("accounts", "max_verifying = 0", "0", &["1 to"]);
}
