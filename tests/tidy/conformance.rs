//! The rule about `docs/conformance.md`: its rows lead to code and to tests that exist, and none
//! of the requirements that a relay of sessions can fail is left out.

use super::source::Source;

/// The traps of sessions and leases, and of TLS.
const TRAPS: [&str; 26] = [
    "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "16", "17", "18",
    "20", "21", "33", "34", "35", "36", "48", "49", "52",
];

/// The sections that they stand for.
const SECTIONS: [&str; 22] = [
    "RFC 4511 4.1.1",
    "RFC 4511 4.1.1.1",
    "RFC 4511 4.1.9",
    "RFC 4511 4.1.11",
    "RFC 4511 4.2",
    "RFC 4511 4.2.1",
    "RFC 4511 4.3",
    "RFC 4511 4.4",
    "RFC 4511 4.4.1",
    "RFC 4511 4.5.2",
    "RFC 4511 4.11",
    "RFC 4511 4.12",
    "RFC 4511 4.13",
    "RFC 4511 4.14",
    "RFC 4511 5.1",
    "RFC 4511 5.2",
    "RFC 4513 4",
    "RFC 4513 5.1.1",
    "RFC 4513 5.1.2",
    "RFC 4513 5.1.3",
    "RFC 4513 6.3.1",
    "RFC 4513 6.3.3",
];

/// Where the tests are that exist for this page alone: each of them stands on it.
const FOLDER: &str = "tests/conformance/";

/// What is wrong with the page, one line a breach.
pub(crate) fn breaches(page: &str, sources: &[Source]) -> Vec<String> {
    let rows: Vec<Vec<&str>> = page.lines().filter_map(cells).collect();
    let mut found: Vec<String> = rows.iter().flat_map(|row| faults(row, sources)).collect();
    let missing = |column: usize, wanted: &[&str]| -> Vec<String> {
        let is_there = |value: &&&str| !rows.iter().any(|row| row.get(column) == Some(*value));
        wanted.iter().filter(is_there).map(|value| format!("no row for {value}")).collect()
    };
    found.extend(missing(0, &TRAPS));
    found.extend(missing(1, &SECTIONS));
    for source in sources.iter().filter(|source| source.path.starts_with(FOLDER)) {
        let is_silent = |name: &String| !page.contains(&format!("`{}::{name}`", source.path));
        let silent = tests(source).into_iter().filter(is_silent);
        found.extend(silent.map(|name| format!("{} has {name}, the page has not", source.path)));
    }
    found
}

/// The cells of a row of a table, without its head and rule.
fn cells(line: &str) -> Option<Vec<&str>> {
    let inner = line.strip_prefix('|')?.strip_suffix('|')?;
    let cells: Vec<&str> = inner.split('|').map(str::trim).collect();
    let is_head = cells[0] == "trap" || cells[0].starts_with("--");
    (!is_head).then_some(cells)
}

fn faults(row: &[&str], sources: &[Source]) -> Vec<String> {
    let [_, _, requirement, files, evidence] = row else {
        return vec![format!("a row has {} cells: {}", row.len(), row.join(" | "))];
    };
    let mut found = Vec::new();
    for file in quoted(files) {
        if !sources.iter().any(|source| source.path == file) {
            found.push(format!("{file} is no file: {requirement}"));
        }
    }
    if let Some(reason) = evidence.strip_prefix("None: ") {
        if reason.len() < 20 {
            found.push(format!("no test and no reason: {requirement}"));
        }
        return found;
    }
    let named: Vec<&str> = quoted(evidence).collect();
    if named.is_empty() {
        found.push(format!("left open ({evidence}): {requirement}"));
    }
    for name in named {
        if !is_test(name, sources) {
            found.push(format!("{name} is no test: {requirement}"));
        }
    }
    found
}

pub(crate) fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// Whether `path::name` is a test.
pub(crate) fn is_test(named: &str, sources: &[Source]) -> bool {
    let Some((path, name)) = named.split_once("::") else { return false };
    let file = sources.iter().find(|source| source.path == path);
    file.is_some_and(|source| tests(source).iter().any(|test| test == name))
}

/// The functions of a file that bear the attribute of a test.
fn tests(source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    let mut is_marked = false;
    for line in source.code.lines().map(str::trim) {
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            is_marked = true;
        } else if let Some((_, rest)) = line.split_once("fn ").filter(|_| is_marked) {
            let is_part = |c: &char| c.is_alphanumeric() || *c == '_';
            found.push(rest.chars().take_while(is_part).collect());
            is_marked = false;
        }
    }
    found
}
