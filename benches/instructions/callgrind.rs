//! What is read from callgrind's output file.

use std::collections::HashMap;

/// What one run collected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Collected {
    /// Instructions.
    pub(crate) instructions: u64,
    /// Calls of the C library's functions that give memory.
    pub(crate) allocations: u64,
}

/// The functions that give memory. Without debug symbols they bear their inner names.
const ALLOCATORS: [&str; 5] = ["malloc", "calloc", "realloc", "posix_memalign", "aligned_alloc"];

impl Collected {
    /// Reads an output file: lines `cfn=(number) name`, where the name is given once only, each
    /// followed by `calls=count …`; and `totals: count`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut names: HashMap<&str, &str> = HashMap::new();
        let (mut callee, mut allocations, mut instructions) = ("", 0, None);
        for line in text.lines() {
            if let Some(calls) = line.strip_prefix("calls=") {
                if names.get(callee).is_some_and(|name| is_allocator(name)) {
                    allocations += calls.split(' ').next()?.parse::<u64>().ok()?;
                }
            } else if let Some(totals) = line.strip_prefix("totals:") {
                instructions = Some(totals.trim().parse().ok()?);
            } else if let Some((kind, function)) = line.split_once("fn=") {
                let (number, name) = function.split_once(' ').unwrap_or((function, ""));
                if !name.is_empty() {
                    names.insert(number, name);
                }
                if kind == "c" {
                    callee = number;
                }
            }
        }
        Some(Self { instructions: instructions?, allocations })
    }
}

fn is_allocator(name: &str) -> bool {
    let name = name.split('@').next().unwrap_or(name);
    ALLOCATORS.contains(&name.strip_prefix("__libc_").unwrap_or(name))
}
