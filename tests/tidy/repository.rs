//! The repository as files: what is in it, and rules about files that are no Rust.

use super::source::Source;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The package's root.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The Rust files of the library, the tests, the benches and the fuzz bodies.
pub(crate) fn sources() -> Vec<Source> {
    let mut sources = Vec::new();
    for folder in ["src", "tests", "benches", "fuzz"] {
        for path in files_below(&root().join(folder)) {
            if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("a source file is UTF-8");
                sources.push(Source::new(&relative(&path), &text));
            }
        }
    }
    sources
}

/// The files that are in the repository, or would be: what git knows and does not ignore, or,
/// where there is no git, everything but build results.
pub(crate) fn files() -> Vec<PathBuf> {
    let arguments = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    let listed = Command::new("git").arg("-C").arg(root()).args(arguments).output();
    match listed {
        Ok(output) if output.status.success() => output
            .stdout
            .split(|byte| *byte == 0)
            .filter(|name| !name.is_empty())
            .map(|name| root().join(String::from_utf8_lossy(name).as_ref()))
            .filter(|path| path.is_file())
            .collect(),
        _ => files_below(root()),
    }
}

/// A path from the package's root, with `/`.
pub(crate) fn relative(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).to_string_lossy().replace('\\', "/")
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let name = entry.file_name();
            match path.is_dir() {
                true if name == "target" || name == ".git" => {}
                true => folders.push(path),
                false => found.push(path),
            }
        }
    }
    found.sort();
    found
}

/// Whether a text holds a private key in PEM form: the line that opens one, and a line of it.
pub(crate) fn holds_private_key(text: &str) -> bool {
    let mut lines = text.lines().map(str::trim);
    while let Some(line) = lines.by_ref().next() {
        if line.starts_with("-----BEGIN ") && line.ends_with("PRIVATE KEY-----") {
            let next = lines.next().unwrap_or_default();
            if next.len() >= 16 && !next.contains(' ') {
                return true;
            }
        }
    }
    false
}

/// The targets of a Markdown text's links that are files: without those in code, those with a
/// scheme and those within the page.
pub(crate) fn linked_files(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut in_code = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code {
            continue;
        }
        let outside_code: String = line.split('`').step_by(2).collect::<Vec<_>>().join("`");
        for link in outside_code.split("](").skip(1) {
            let target = link.split([')', ' ']).next().unwrap_or_default();
            let file = target.split('#').next().unwrap_or_default();
            if !file.is_empty() && !file.contains(':') {
                found.push(file.to_owned());
            }
        }
    }
    found
}

/// What stands in a Markdown text's fences.
pub(crate) fn fenced(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut in_code = false;
    for line in text.lines() {
        if line.starts_with("```") {
            in_code = !in_code;
            if in_code {
                found.push(String::new());
            }
        } else if let (true, Some(last)) = (in_code, found.last_mut()) {
            last.push_str(line);
            last.push('\n');
        }
    }
    found
}

/// What stands in backticks in the last column of a table's rows, where it is the name of a test.
pub(crate) fn named_tests(page: &str) -> BTreeSet<String> {
    let rows = page.lines().filter(|line| line.starts_with("| "));
    let columns = rows.filter_map(|row| row.trim_end_matches(['|', ' ']).rsplit('|').next());
    let is_name = |name: &&str| {
        name.contains('_') && name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_'))
    };
    let quoted = columns.flat_map(|column| column.split('`').skip(1).step_by(2));
    quoted.filter(is_name).map(str::to_owned).collect()
}

/// The names of the packages in a lock file.
pub(crate) fn locked_packages(lock: &str) -> Vec<&str> {
    let names = lock.lines().filter_map(|line| line.strip_prefix("name = \""));
    names.map(|name| name.trim_end_matches('"')).collect()
}
