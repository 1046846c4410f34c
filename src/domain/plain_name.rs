//! Names that an administrator gives to what belongs to the gateway alone: tokens and accounts. They
//! stand in addresses, DNs and tables, and need no quoting in any of them.

/// The most bytes of one.
pub const MAX: usize = 64;

/// Whether it is one: 1 to [`MAX`] of the characters a-z, A-Z, 0-9, `.`, `_` and `-`.
pub fn is_plain_name(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    (1..=MAX).contains(&name.len()) && name.chars().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_short_and_plain() {
        let long = "x".repeat(MAX + 1);
        for (name, good) in [("ci.read-1_x", true), ("", false), ("a b", false), (&*long, false)] {
            assert_eq!(is_plain_name(name), good, "{name:?}");
        }
    }
}
