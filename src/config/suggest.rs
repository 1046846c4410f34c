//! "Did you mean": the known name that is nearest to a misspelt one.

/// The longest name that is compared, in characters; longer ones are like nothing.
const LONGEST: usize = 64;

/// The name of `known` that is most like `name`, if one is alike at all.
pub(super) fn nearest<'k>(name: &str, known: &[&'k str]) -> Option<&'k str> {
    let wanted = fold(name);
    if wanted.len() > LONGEST {
        return None;
    }
    let tolerated = wanted.len().div_ceil(3);
    known
        .iter()
        .map(|candidate| (distance(&wanted, &fold(candidate)), *candidate))
        .filter(|(distance, _)| *distance <= tolerated)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Letters in lower case, with one sort of dash.
fn fold(name: &str) -> Vec<char> {
    name.chars().map(|c| if c == '-' { '_' } else { c.to_ascii_lowercase() }).collect()
}

/// How many characters have to be put in, taken out or changed to get from one to the other.
fn distance(left: &[char], right: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, l) in left.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, r) in right.iter().enumerate() {
            let changed = diagonal + usize::from(l != r);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_misspelt_name_finds_the_one_that_was_meant() {
        let known = ["ldap", "ldaps", "max_clients", "max_controls"];
        assert_eq!(nearest("max-client", &known), Some("max_clients"));
        assert_eq!(nearest("LDAPS", &known), Some("ldaps"));
        assert_eq!(nearest("port", &known), None);
        assert_eq!(nearest(&"x".repeat(1000), &known), None);
    }

    proptest! {
        #[test]
        fn distance_is_symmetric_and_zero_only_for_the_same(a in "[ab]{0,6}", b in "[ab]{0,6}") {
            let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
            prop_assert_eq!(distance(&a, &b), distance(&b, &a));
            prop_assert_eq!(distance(&a, &b) == 0, a == b);
        }
    }
}
