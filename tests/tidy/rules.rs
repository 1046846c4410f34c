//! The rules about code. Each takes files and gives one line a breach: path, line, what is wrong.

use super::source::Source;

/// The most lines of a file.
const MAX_FILE_LINES: usize = 600;
/// The most lines of a function.
const MAX_FUNCTION_LINES: usize = 70;

/// The floors, from the ground: a module uses modules of lower floors, and itself.
const FLOORS: [&[&str]; 5] = [
    &["proto"],
    &["domain"],
    &["app"],
    &["frontend", "upstream", "store", "admin", "console", "telemetry"],
    &["main", "lib", "cli", "server", "config", "sample"],
];

/// What decisions and the wire's values must not know, with the reason.
const IMPURE: [(&str, &str); 24] = [
    ("async", "nothing waits here"),
    ("await", "nothing waits here"),
    ("tokio", "no runtime"),
    ("futures", "no runtime"),
    ("std::io", "no input or output"),
    ("std::fs", "no input or output"),
    ("std::env", "no input or output"),
    ("std::process", "no input or output"),
    ("std::thread", "no threads"),
    ("std::net", "no input or output"),
    ("Instant::now", "time is an argument"),
    ("SystemTime", "time is an argument"),
    ("jiff", "time is an argument"),
    ("rand", "no randomness"),
    ("ring", "no randomness"),
    ("getrandom", "no randomness"),
    ("log::", "no logging"),
    ("tracing", "no logging"),
    ("println!", "no logging"),
    ("eprintln!", "no logging"),
    ("serde", "no serialisation"),
    ("metrics", "no metrics"),
    ("Mutex", "no locks"),
    ("RwLock", "no locks"),
];

/// Addresses are values: naming one opens nothing.
const VALUES_OF_NET: [&str; 4] = ["IpAddr", "Ipv4Addr", "Ipv6Addr", "SocketAddr"];

/// The top module of a file: `src/store/rows.rs` is in `store`.
fn top_module(path: &str) -> Option<&str> {
    let inside = path.strip_prefix("src/")?;
    Some(inside.split('/').next().unwrap_or(inside).trim_end_matches(".rs"))
}

fn floor(module: &str) -> Option<usize> {
    FLOORS.iter().position(|modules| modules.contains(&module))
}

fn breach(source: &Source, at: usize, what: &str) -> String {
    format!("{}:{}: {what}", source.path, source.line(at))
}

/// Imports go down or stay within their own top module.
pub(crate) fn imports_that_go_up_or_sideways(sources: &[Source]) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources {
        let Some(module) = top_module(&source.path) else {
            continue;
        };
        let Some(own) = floor(module) else {
            found.push(format!("{}: `{module}` has no floor", source.path));
            continue;
        };
        for (at, used) in roots(source).into_iter().filter(|(at, _)| !source.is_test(*at)) {
            let goes_down = floor(&used).is_some_and(|other| other < own);
            if used != module && !goes_down && own + 1 < FLOORS.len() {
                found.push(breach(source, at, &format!("`{module}` must not use `{used}`")));
            }
        }
    }
    found
}

/// The top modules that a file names, as `crate::x`, `crate::{x, y::z}` or by climbing with
/// `super` to the root.
fn roots(source: &Source) -> Vec<(usize, String)> {
    let mut roots = Vec::new();
    for at in source.words("crate::") {
        let rest = &source.code[at + "crate::".len()..];
        roots.extend(first_names(rest).into_iter().map(|name| (at, name)));
    }
    let mut next_free = 0;
    for at in source.words("super::") {
        if at < next_free {
            continue;
        }
        let chain = source.code[at..].split("super::").take_while(|part| part.is_empty()).count();
        let climbs = chain.max(1);
        next_free = at + climbs * "super::".len();
        if climbs >= depth(&source.path) + source.inline_modules(at) {
            let names = first_names(&source.code[next_free..]);
            roots.extend(names.into_iter().map(|name| (at, name)));
        }
    }
    roots.retain(|(_, name)| name.chars().next().is_some_and(char::is_lowercase));
    roots
}

/// How many modules deep a file is: 1 for `src/store/mod.rs`, 2 for `src/store/rows.rs`.
fn depth(path: &str) -> usize {
    let inside = path.trim_start_matches("src/").trim_end_matches(".rs").trim_end_matches("/mod");
    inside.split('/').count()
}

/// The first names of what follows `crate::`: one, or those of a group.
fn first_names(rest: &str) -> Vec<String> {
    let name = |text: &str| -> String {
        text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
    };
    let Some(group) = rest.strip_prefix('{') else {
        return vec![name(rest)];
    };
    let mut names = vec![name(group)];
    let mut depth = 0_usize;
    for (at, byte) in group.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 0 => break,
            b'}' => depth -= 1,
            b',' if depth == 0 => names.push(name(&group[at + 1..])),
            _ => {}
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

/// `proto` and `domain` know nothing of time, locks, logs and the world outside.
pub(crate) fn impure_decisions(sources: &[Source]) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources.iter().filter(|s| matches!(top_module(&s.path), Some("proto" | "domain")))
    {
        for (word, why) in IMPURE {
            let places = source.words(word).filter(|at| !source.is_test(*at));
            for at in places.filter(|at| word != "std::net" || !names_a_value(source, *at)) {
                found.push(breach(source, at, &format!("`{word}`: {why}")));
            }
        }
    }
    found
}

fn names_a_value(source: &Source, at: usize) -> bool {
    let after = &source.code[at + "std::net".len()..];
    let names = first_names(after.trim_start_matches("::"));
    names.iter().all(|name| VALUES_OF_NET.contains(&name.as_str()))
}

/// `ldap3`, which cannot stand hostile input, serves commands and tests only.
pub(crate) fn ldap3_outside_the_commands(sources: &[Source]) -> Vec<String> {
    let outside = |source: &&Source| top_module(&source.path).is_some_and(|module| module != "cli");
    let mut found = Vec::new();
    for source in sources.iter().filter(outside) {
        let places = source.words("ldap3").filter(|at| !source.is_test(*at));
        found.extend(places.map(|at| breach(source, at, "`ldap3` is for cli only")));
    }
    found
}

/// Files and functions keep to their sizes.
pub(crate) fn sizes(sources: &[Source]) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources {
        let lines = source.lines();
        if lines > MAX_FILE_LINES {
            found.push(format!("{}: {lines} lines, above {MAX_FILE_LINES}", source.path));
        }
        for function in source.functions() {
            if function.length > MAX_FUNCTION_LINES {
                let (name, length) = (&function.name, function.length);
                let line = function.line;
                found.push(format!("{}:{line}: `{name}` has {length} lines", source.path));
            }
        }
    }
    found
}

/// Nothing unfinished, and nothing that panics for want of a thought.
pub(crate) fn shortcuts(sources: &[Source]) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources {
        for word in ["todo!", "unimplemented!", "dbg!"] {
            found.extend(source.words(word).map(|at| breach(source, at, word)));
        }
        if source.path.starts_with("src/") {
            let places = source.words(".unwrap()").filter(|at| !source.is_test(*at));
            found.extend(places.map(|at| breach(source, at, "`unwrap` outside tests")));
        }
    }
    found
}

/// Tests wait for events. What waits for another process polls in `tests/support`, with a bound.
pub(crate) fn sleeping_tests(sources: &[Source]) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources.iter().filter(|s| !s.path.starts_with("tests/support/")) {
        let places = source.words("sleep(").filter(|at| source.is_test(*at));
        found.extend(places.map(|at| breach(source, at, "a test sleeps")));
    }
    found
}

/// Modules are named after what they are.
pub(crate) fn nameless_modules(sources: &[Source]) -> Vec<String> {
    let nameless = ["util", "utils", "helper", "helpers", "common", "misc", "handy"];
    let mut found = Vec::new();
    for source in sources {
        if source.path.split('/').any(|part| nameless.contains(&part.trim_end_matches(".rs"))) {
            found.push(format!("{}: a name that says nothing", source.path));
        }
    }
    found
}
