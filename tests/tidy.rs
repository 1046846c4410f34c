//! The repository lints itself: floors, purity, sizes, shortcuts, links, keys.
//!
//! Method: `tests/tidy/source.rs` blanks comments and strings, `tests/tidy/rules.rs` looks for
//! breaches; every rule is held against the repository, and against small bad sources that show
//! that it can fail.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "tidy/conformance.rs"]
mod conformance;
#[path = "tidy/limits.rs"]
mod limits;
#[path = "tidy/monitoring.rs"]
mod monitoring;
#[path = "tidy/repository.rs"]
mod repository;
#[path = "tidy/rules.rs"]
mod rules;
#[path = "tidy/source.rs"]
mod source;

use repository::root;
use source::Source;
use std::collections::BTreeSet;
use std::fs;

type Rule = fn(&[Source]) -> Vec<String>;

/// No file of the repository breaks the rule.
#[track_caller]
fn holds(rule: Rule) {
    let sources = repository::sources();
    assert!(sources.len() > 10, "the sources were not found");
    let found = rule(&sources);
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

/// A file at `path` with this text breaks the rule as often as said.
#[track_caller]
fn check(rule: Rule, path: &str, text: &str, breaches: usize) {
    let found = rule(&[Source::new(path, text)]);
    assert_eq!(found.len(), breaches, "{found:?}");
}

#[test]
fn imports_go_down_or_stay_in_their_own_room() {
    holds(rules::imports_that_go_up_or_sideways);
}

#[test]
fn the_rule_about_imports_can_fail() {
    let rule = rules::imports_that_go_up_or_sideways;
    check(rule, "src/domain/plan.rs", "use crate::app::ports::Clock;", 1);
    check(rule, "src/proto/dn.rs", "fn f() { crate::domain::x() }", 1);
    check(rule, "src/store/rows.rs", "use crate::{app, upstream::Config, domain::{a, b}};", 1);
    check(rule, "src/store/rows.rs", "use super::super::admin::Config;", 1);
    check(rule, "src/store/mod.rs", "use super::admin::Config;", 1);
    check(rule, "src/app/mod.rs", "use crate::server;", 1);
    check(rule, "src/attic/mod.rs", "", 1);
    check(rule, "src/store/rows.rs", "use crate::app::x;\nuse super::y;\nuse crate::store::z;", 0);
    check(rule, "src/server/mod.rs", "use crate::{cli, upstream};", 0);
    check(
        rule,
        "src/store/mod.rs",
        "// use crate::admin;\n#[cfg(test)]\nmod t { use crate::admin; }",
        0,
    );
    check(rule, "src/store/rows.rs", "mod tests {\n    use super::super::writer::x;\n}", 0);
}

#[test]
fn decisions_and_the_wire_know_nothing_of_the_world() {
    holds(rules::impure_decisions);
}

#[test]
fn the_rule_about_purity_can_fail() {
    let rule = rules::impure_decisions;
    check(rule, "src/domain/plan.rs", "async fn f() {}", 1);
    check(rule, "src/domain/plan.rs", "let now = std::time::Instant::now();", 1);
    check(rule, "src/proto/ber.rs", "use std::io::Read;\nuse std::sync::Mutex;", 2);
    check(
        rule,
        "src/domain/plan.rs",
        "use std::net::TcpStream;\nuse std::net::{IpAddr, UdpSocket};",
        2,
    );
    check(rule, "src/domain/plan.rs", "use std::net::{IpAddr, SocketAddr};", 0);
    check(rule, "src/domain/plan.rs", "// async\nlet brand = \"Mutex\"; let string_ring_x = 1;", 0);
    check(rule, "src/app/mod.rs", "async fn f() {}", 0);
    check(rule, "src/domain/plan.rs", "#[cfg(test)]\nmod tests { use std::io; }", 0);
}

#[test]
fn the_other_ldap_library_stays_with_the_commands_and_the_tests() {
    holds(rules::ldap3_outside_the_commands);
    check(rules::ldap3_outside_the_commands, "src/upstream/mod.rs", "use ldap3::Ldap;", 1);
    check(rules::ldap3_outside_the_commands, "src/cli/init.rs", "use ldap3::Ldap;", 0);
    check(rules::ldap3_outside_the_commands, "tests/jit.rs", "use ldap3::Ldap;", 0);
}

#[test]
fn files_and_functions_keep_to_their_sizes() {
    holds(rules::sizes);
}

#[test]
fn the_rule_about_sizes_can_fail() {
    let body = "    x();\n".repeat(69);
    check(rules::sizes, "src/a.rs", &format!("fn f() {{\n{body}}}\n"), 1);
    check(rules::sizes, "src/a.rs", &format!("fn f() {{\n{}}}\n", "    x();\n".repeat(68)), 0);
    check(rules::sizes, "src/a.rs", &"\n".repeat(601), 1);
    check(rules::sizes, "src/a.rs", &format!("fn f();\nfn g() {{ let c = '{{'; }}\n{body}"), 0);
}

#[test]
fn nothing_is_unfinished_or_unwrapped() {
    holds(rules::shortcuts);
}

#[test]
fn the_rule_about_shortcuts_can_fail() {
    let rule = rules::shortcuts;
    check(rule, "src/a.rs", "fn f() { todo!() }", 1);
    check(rule, "tests/a.rs", "fn f() { dbg!(1); unimplemented!() }", 2);
    check(rule, "src/a.rs", "fn f() { x.unwrap(); }", 1);
    check(rule, "src/a.rs", "fn f() { x\n    .unwrap();\n}", 1);
    check(
        rule,
        "src/a.rs",
        "#[cfg(test)]\nmod tests { fn f() { x.unwrap() } }\nfn g() { y.unwrap_or(1) }",
        0,
    );
    check(rule, "src/a/tests.rs", "fn f() { x.unwrap() }", 0);
    check(rule, "src/a.rs", "// todo!()\nlet x = r#\"todo!() \"unwrap()\"#;", 0);
}

#[test]
fn no_test_sleeps() {
    holds(rules::sleeping_tests);
    check(rules::sleeping_tests, "tests/a.rs", "fn f() { std::thread::sleep(x) }", 1);
    check(
        rules::sleeping_tests,
        "src/a.rs",
        "#[cfg(test)]\nmod t { fn f() { sleep(x).await } }",
        1,
    );
    check(rules::sleeping_tests, "src/a.rs", "fn f() { sleep(x).await }", 0);
    check(rules::sleeping_tests, "tests/support/mod.rs", "fn f() { sleep(x) }", 0);
}

#[test]
fn every_module_has_a_name_that_says_what_it_is() {
    holds(rules::nameless_modules);
    check(rules::nameless_modules, "src/util.rs", "", 1);
    check(rules::nameless_modules, "src/common/mod.rs", "", 1);
}

#[test]
fn the_scanner_tells_code_from_what_stands_in_quotes() {
    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(source::blank(text), expected);
    }
    check("a // b\nc", "a     \nc");
    check("a /* b /* c */ d */ e", "a                   e");
    check("x(\"a\\\"{\") y", "x(      ) y");
    check("r#\"a\"{\"# z", "         z");
    check("br\"a\" z", "b     z");
    check("'{' '\\'' '\\u{1}' 'ä' <'a, 'b>", &format!("{:22}<'a, 'b>", ""));
    check("for_r\"x\"", "for_r   ");
}

#[test]
fn the_scanner_finds_functions_and_their_lengths() {
    let text = "fn a() {}\npub fn b<T>(x: [u8; 2]) -> T\nwhere\n    T: X,\n{\n    { }\n}\ntrait T { fn c(); }\ntype F = fn(u8);\n";
    let found: Vec<_> = Source::new("src/a.rs", text)
        .functions()
        .into_iter()
        .map(|function| (function.name, function.line, function.length))
        .collect();
    assert_eq!(found, [("a".to_owned(), 1, 1), ("b".to_owned(), 2, 6)]);
}

#[test]
fn unsafe_code_is_forbidden_in_the_whole_package() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let lints = manifest.split("[lints.rust]").nth(1).unwrap_or_default();
    let lints = lints.split("\n[").next().unwrap_or_default();
    assert!(lints.lines().any(|line| line.replace(' ', "") == "unsafe_code=\"forbid\""), "{lints}");
}

#[test]
fn there_is_one_tls_provider() {
    let lock = fs::read_to_string(root().join("Cargo.lock")).unwrap();
    let packages = repository::locked_packages(&lock);
    assert!(packages.contains(&"ring"), "the lock file was not understood");
    for provider in ["aws-lc-rs", "aws-lc-sys", "openssl-sys"] {
        assert!(!packages.contains(&provider), "{provider} came in beside ring");
    }
    assert_eq!(repository::locked_packages("[[package]]\nname = \"aws-lc-rs\"\n"), ["aws-lc-rs"]);
}

#[test]
fn links_between_documents_lead_to_files() {
    let mut broken = Vec::new();
    for page in repository::files() {
        if page.extension().is_none_or(|extension| extension != "md") {
            continue;
        }
        let text = fs::read_to_string(&page).unwrap();
        let folder = page.parent().unwrap_or(root());
        for target in repository::linked_files(&text) {
            if !folder.join(&target).exists() {
                broken.push(format!("{}: {target}", repository::relative(&page)));
            }
        }
    }
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

#[test]
fn every_metric_stands_in_the_documentation_with_its_help() {
    let page = fs::read_to_string(root().join("docs/metrics.md")).unwrap();
    let missing: Vec<_> = bindgate::telemetry::METRICS
        .iter()
        .filter(|metric| {
            let row = |line: &&str| line.starts_with(&format!("| `{}` |", metric.name));
            !page.lines().find(row).is_some_and(|line| line.contains(metric.help))
        })
        .map(|metric| metric.name)
        .collect();
    assert!(missing.is_empty(), "not in docs/metrics.md: {missing:?}");
    let rows = page.lines().filter(|line| line.starts_with("| `")).count();
    assert_eq!(rows, bindgate::telemetry::METRICS.len(), "docs/metrics.md names others");
}

#[test]
fn the_page_of_rules_names_tests_that_exist_and_leaves_out_none_that_bears_an_id() {
    let page = fs::read_to_string(root().join("docs/semantics.md")).unwrap();
    let named = repository::named_tests(&page);
    let sources = repository::sources();
    let tests: BTreeSet<String> = sources.iter().flat_map(Source::test_functions).collect();
    assert!(named.len() > 50 && tests.len() > 100, "the page or the sources were not understood");
    let invented: Vec<_> = named.difference(&tests).collect();
    assert!(invented.is_empty(), "docs/semantics.md names what is no test: {invented:?}");
    let silent: Vec<_> = tests.difference(&named).filter(|name| bears_id(name)).collect();
    assert!(silent.is_empty(), "not in docs/semantics.md: {silent:?}");
}

/// Whether a test is named after a rule: `s3_10_…`.
fn bears_id(test: &str) -> bool {
    let mut parts = test.split('_');
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let section = parts.next().and_then(|part| part.strip_prefix('s'));
    section.is_some_and(is_number) && parts.next().is_some_and(is_number)
}

#[test]
fn the_page_of_conformance_leads_to_code_and_tests_and_leaves_nothing_open() {
    let page = fs::read_to_string(root().join("docs/conformance.md")).unwrap();
    let found = conformance::breaches(&page, &repository::sources());
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

#[test]
fn every_limit_has_an_effect_a_counter_and_a_test() {
    let read = |path: &str| fs::read_to_string(root().join(path)).unwrap();
    let (page, reference) = (read("docs/limits.md"), read("config/reference.toml"));
    let sources = repository::sources();
    let found = limits::breaches(&page, &reference, &sources);
    assert!(found.is_empty(), "{}", found.join("\n"));
    for (from, to) in [
        ("`[listen] max_unread`", "`[listen] max_unheard`"),
        ("::a_request_outside_the_limits", "::no_request_outside_the_limits"),
        ("| 413 |", "| |"),
        ("| the client is cut off | `bindgate_limit_hits_total`", "| it is cut off | not counted"),
    ] {
        let found = limits::breaches(&page.replacen(from, to, 1), &reference, &sources);
        assert!(!found.is_empty(), "{to} is not noticed");
    }
}

#[test]
fn the_rule_about_conformance_can_fail() {
    let page = fs::read_to_string(root().join("docs/conformance.md")).unwrap();
    let sources = repository::sources();
    let before = conformance::breaches(&page, &sources);
    let check = |from: &str, to: &str, breach: &str| {
        assert!(page.contains(from), "{from} is not on the page");
        let found = conformance::breaches(&page.replacen(from, to, 1), &sources);
        let is_new = |line: &&String| line.contains(breach) && !before.contains(line);
        assert!(found.iter().any(|line| is_new(&line)), "{from}: {found:?}");
    };
    check("::a_bind_waits_for_the_search_before_it", "::a_bind_waits", "is no test");
    check("`src/domain/session.rs`", "`src/domain/sessions.rs`", "is no file");
    check("| 17 |", "| 99 |", "no row for 17");
    check("RFC 4511 4.13", "RFC 4511 4.15", "no row for RFC 4511 4.13");
    check("None: the resolver", "To be done: the resolver", "left open");
    check("None: the resolver is the system's; reloading is not built yet.", "None: ", "left open");
    check("| 52 |", "| 52 | |", "a row has");
    let name = "an_unknown_extended_operation_is_relayed_untouched";
    let named = format!("`tests/conformance/rfc4511_4_12_extended.rs::{name}`, ");
    check(&named, "", "the page has not");
}

#[test]
fn the_comparison_of_rules_and_tests_can_fail() {
    let row = "| S1 | `not_this` | `s1_2_that`, `A` |\n| S2 | x | |\n";
    assert_eq!(repository::named_tests(row).into_iter().collect::<Vec<_>>(), ["s1_2_that"]);
    assert!(bears_id("s1_2_that") && !bears_id("s1_that") && !bears_id("same_2"));
    let source = Source::new("src/a.rs", "fn a_b() {}\n#[cfg(test)]\nmod t { fn s1_2_c() {} }\n");
    assert_eq!(source.test_functions(), ["s1_2_c"]);
}

#[test]
fn links_are_found_where_they_are_links() {
    let text = "[a](b.md) [c](https://x) [d](#e) `[f](g)` ![h](i.png \"t\") [j](k.md#l)\n```\n[m](n)\n```\n";
    assert_eq!(repository::linked_files(text), ["b.md", "i.png", "k.md"]);
}

#[test]
fn the_page_of_clients_shows_the_configurations_that_the_tests_use() {
    let page = fs::read_to_string(root().join("docs/clients.md")).unwrap();
    let used: BTreeSet<String> = repository::files()
        .into_iter()
        .filter(|path| path.starts_with(root().join("tests/real_clients")))
        .filter(|path| path.extension().is_none_or(|ending| ending != "rs"))
        .filter(|path| path.file_name().is_none_or(|name| name != "site.py"))
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    let shown: BTreeSet<String> = repository::fenced(&page).into_iter().collect();
    assert!(used.len() > 4, "the configurations were not found");
    assert_eq!(shown, used);
    assert_eq!(repository::fenced("a\n```x\nb\n\n c\n```\nd\n```\n```\n"), ["b\n\n c\n", ""]);
}

#[test]
fn no_private_key_is_in_the_repository() {
    let mut found = Vec::new();
    for path in repository::files() {
        let text = fs::read(&path).unwrap();
        if repository::holds_private_key(&String::from_utf8_lossy(&text)) {
            found.push(repository::relative(&path));
        }
    }
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn a_private_key_is_told_from_talk_about_one() {
    let mark = "-----BEGIN EC PRIVATE KEY-----";
    assert!(repository::holds_private_key(&format!("x\n  {mark}\n  MHcCAQEEIIGo5X1x\n")));
    assert!(!repository::holds_private_key(&format!("{mark}\n")));
    assert!(!repository::holds_private_key(&format!("a line with {mark}\nMHcCAQEEIIGo5X1x\n")));
}

#[test]
fn every_configuration_key_stands_in_the_reference() {
    let reference = fs::read_to_string(root().join("config/reference.toml")).unwrap();
    for key in bindgate::config::KEYS {
        let stands =
            |line: &str| line.trim_start_matches('#').starts_with(&format!("{} = ", key.name));
        assert!(reference.lines().any(stands), "[{}] {}", key.section, key.name);
    }
}
