//! Records at random: whatever they say, the picture says it too.

use super::seen::Seen;
use super::{Name, id};
use bindgate::console::picture::{Neighbours, Paths, Row, neighbours, paths};
use bindgate::domain::record::{Provenance, UpstreamId};
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use std::collections::BTreeSet;

/// A group by number.
fn group(number: usize) -> UpstreamId {
    id(&format!("g{number:02}"))
}

/// A record: paths by numbers, and who says so.
type Rows = Vec<(Provenance, Vec<usize>, bool)>;

fn rows(groups: usize) -> impl Strategy<Value = Rows> {
    let provenance = (0..Provenance::ALL.len()).prop_map(|at| Provenance::ALL[at]);
    vec((provenance, vec(0..groups, 1..5), any::<bool>()), 0..12)
}

fn nested(groups: usize) -> impl Strategy<Value = BTreeSet<(usize, usize)>> {
    btree_set((0..groups, 0..groups), 0..40)
}

fn picture(
    rows: &Rows,
    nested: &BTreeSet<(usize, usize)>,
    name: &dyn Fn(&UpstreamId) -> Name,
) -> String {
    let paths_of: Vec<Vec<_>> =
        rows.iter().map(|(_, path, _)| path.iter().map(|at| group(*at)).collect()).collect();
    let rows: Vec<_> = rows
        .iter()
        .zip(&paths_of)
        .map(|((provenance, path, counts), ids)| Row {
            provenance: *provenance,
            counts: *counts,
            direct: path.len() == 1,
            path: ids,
        })
        .collect();
    let nested: Vec<_> = nested.iter().map(|(a, b)| (group(*a), group(*b))).collect();
    let user = Name { text: "u".to_owned(), title: String::new(), link: None };
    paths(&Paths { user, rows: &rows, nested: &nested, name })
}

/// The steps of a picture, found in the plainest way: those whose beginning the user comes to.
fn steps(rows: &Rows, nested: &BTreeSet<(usize, usize)>) -> Vec<String> {
    let mut first: BTreeSet<(Provenance, usize)> = BTreeSet::new();
    let mut edges = nested.clone();
    for (provenance, path, _) in rows {
        first.insert((*provenance, path[0]));
        edges.extend(path.windows(2).map(|pair| (pair[0], pair[1])));
    }
    let mut reached: BTreeSet<usize> = first.iter().map(|(_, at)| *at).collect();
    while let Some((_, new)) =
        edges.iter().find(|(from, to)| reached.contains(from) && !reached.contains(to))
    {
        reached.insert(*new);
    }
    let said = |(provenance, at): &(Provenance, usize)| match provenance {
        Provenance::Managed => format!("u is in g{at:02}: directory"),
        Provenance::Local => format!("u is in g{at:02}: local"),
        Provenance::Default => format!("u is in g{at:02}: default"),
        Provenance::PinAllow => format!("u is in g{at:02}: pinned in"),
        Provenance::PinDeny => format!("u is kept out of g{at:02} by a pin"),
    };
    let between = edges.iter().filter(|(from, _)| reached.contains(from)).map(|(from, to)| {
        if from == to {
            format!("g{from:02} is in itself")
        } else {
            format!("g{from:02} is in g{to:02}")
        }
    });
    let mut all: Vec<_> = first.iter().map(said).chain(between).collect();
    all.sort();
    all
}

fn plain(id: &UpstreamId) -> Name {
    Name { text: id.to_string(), title: String::new(), link: None }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Reading it also shows that no boxes overlap and all lies within.
    #[test]
    fn every_step_is_drawn_once_and_nothing_else(rows in rows(12), nested in nested(12)) {
        let text = picture(&rows, &nested, &plain);
        let seen = Seen::read(&text);
        prop_assert_eq!(seen.steps(), steps(&rows, &nested));
    }

    #[test]
    fn the_order_of_rows_makes_no_difference(rows in rows(12), nested in nested(12)) {
        let text = picture(&rows, &nested, &plain);
        let mut turned = rows;
        turned.reverse();
        prop_assert_eq!(text, picture(&turned, &nested, &plain));
    }

    #[test]
    fn names_are_never_markup(
        rows in rows(6),
        hostile in "\\PC{0,4}[<>&\"'\\x00-\\x1f\u{fffe}\u{202e}]{0,6}\\PC{0,30}",
    ) {
        let name = |_: &UpstreamId| Name {
            text: hostile.clone(),
            title: hostile.clone(),
            link: Some(hostile.clone()),
        };
        let text = picture(&rows, &BTreeSet::new(), &name);
        let boxes = Seen::read(&text).boxes().len();
        let groups: BTreeSet<_> = rows.iter().flat_map(|(_, path, _)| path).collect();
        prop_assert_eq!(boxes, groups.len() + 1);
        let one = name(&group(0));
        let beside = Neighbours { group: one.clone(), parents: vec![one.clone()], children: vec![one] };
        Seen::read(&neighbours(&beside));
    }

    #[test]
    fn every_size_comes_to_an_end(rows in rows(300), nested in btree_set((0..300_usize, 0..300_usize), 0..2000)) {
        let text = picture(&rows, &nested, &plain);
        Seen::read(&text);
        prop_assert!(text.len() < 100_000, "{} bytes", text.len());
    }
}
