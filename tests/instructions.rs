//! The comparison of instruction counts can fail: held against made-up counts, since a run under
//! valgrind (`scripts/instruction-counts`) is no part of the ordinary tests.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../benches/instructions/callgrind.rs"]
mod callgrind;
#[path = "../benches/instructions/comparison.rs"]
mod comparison;

use callgrind::Collected;
use comparison::{Count, Counts, compare};

fn counts(of: &[(&str, f64)]) -> Counts {
    let count = |instructions: f64| Count { instructions, allocations: 1.0 };
    of.iter().map(|(name, instructions)| ((*name).to_owned(), count(*instructions))).collect()
}

/// With `committed` in the file and `counted` now, exactly these things are said, and the change
/// passes or not.
#[track_caller]
fn check(committed: &[(&str, f64)], counted: &[(&str, f64)], said: &[&str], passes: bool) {
    let findings = compare(&counts(committed), &counts(counted));
    let texts: Vec<_> = findings.iter().map(ToString::to_string).collect();
    assert_eq!(texts, said);
    assert_eq!(!findings.iter().any(comparison::Finding::is_fault), passes);
}

#[test]
fn a_count_may_grow_by_three_per_cent_and_no_more() {
    check(&[("bind", 1000.0)], &[("bind", 1000.0)], &[], true);
    check(&[("bind", 1000.0)], &[("bind", 1029.9)], &[], true);
    let grown = "bind grew by 3.1 %: 1000.0 -> 1031.0";
    check(&[("bind", 1000.0)], &[("bind", 1031.0)], &[grown], false);
}

#[test]
fn a_growth_of_one_is_not_made_up_for_by_another() {
    let grown = "a grew by 50.0 %: 10.0 -> 15.0";
    let shrunk = "b shrank by 50.0 %: 1000.0 -> 500.0; update the file (--write)";
    let committed = [("a", 10.0), ("b", 1000.0)];
    check(&committed, &[("a", 15.0), ("b", 500.0)], &[grown, shrunk], false);
}

#[test]
fn a_count_that_shrank_passes_with_the_advice_to_update_the_file() {
    let shrunk = "bind shrank by 4.0 %: 1000.0 -> 960.0; update the file (--write)";
    check(&[("bind", 1000.0)], &[("bind", 960.0)], &[shrunk], true);
    check(&[("bind", 1000.0)], &[("bind", 980.0)], &[], true);
}

#[test]
fn what_stands_on_one_side_only_does_not_pass() {
    check(&[], &[("bind", 1.0)], &["bind is not in the file (--write)"], false);
    check(&[("bind", 1.0)], &[], &["bind is in the file, but is not counted"], false);
    check(&[("bind", 0.0)], &[("bind", 0.0)], &["bind grew by NaN %: 0.0 -> 0.0"], false);
}

#[test]
fn what_is_written_is_read_back() {
    let counted = counts(&[("framing", 29.0), ("relayed-bind", 3822.8)]);
    let text = comparison::write(counted.iter().map(|(name, count)| (name.as_str(), *count)));
    assert_eq!(comparison::read(&text).unwrap(), counted);
    assert!(comparison::read("[bind]\ninstructions = 1.0\nallocations = 0.0\nmore = 1").is_err());
}

#[test]
fn the_committed_file_is_read() {
    let committed = comparison::read(include_str!("../benches/instructions.toml")).unwrap();
    assert!(committed.contains_key("relayed-bind"));
}

#[test]
fn callgrinds_file_gives_instructions_and_calls_for_memory() {
    let text = "events: Ir\n\
        fn=(1) main\n1 5\ncfi=(2) malloc.c\ncfn=(2) malloc\ncalls=3 0 \n1 30\n\
        fn=(3) other\n1 7\ncfn=(4) free\ncalls=9 0\n1 9\ncfn=(2)\ncalls=4 0\n1 40\n\
        cfn=(5) __libc_calloc@@GLIBC_2.2.5\ncalls=2 0\n1 2\ncfn=(6) _int_malloc\ncalls=7 0\n\
        totals: 4711\n";
    let collected = Collected { instructions: 4711, allocations: 9 };
    assert_eq!(Collected::parse(text), Some(collected));
    assert_eq!(Collected::parse("events: Ir\n"), None);
}
