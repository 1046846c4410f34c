//! The order within the columns: each vertex goes where its neighbours in the column before or after
//! are in the mean, and of all orders that come of it the one with the fewest crossings is taken.

use super::Columns;

/// How often it is gone there and back.
const ROUNDS: usize = 8;

/// Which neighbours decide.
#[derive(Clone, Copy)]
enum By {
    Before,
    After,
}

pub(super) fn order(columns: &mut Columns) {
    let mut best = (crossings(columns), columns.all.clone());
    for round in 0..2 * ROUNDS {
        if best.0 == 0 {
            break;
        }
        if round % 2 == 0 {
            (1..columns.all.len()).for_each(|column| sort(columns, column, By::Before));
        } else {
            (1..columns.all.len()).rev().for_each(|column| sort(columns, column - 1, By::After));
        }
        let crossings = crossings(columns);
        if crossings < best.0 {
            best = (crossings, columns.all.clone());
        }
    }
    columns.all = best.1;
}

fn sort(columns: &mut Columns, column: usize, by: By) {
    let (beside, neighbours) = match by {
        By::Before => (column - 1, &columns.before),
        By::After => (column + 1, &columns.after),
    };
    let place = places(columns, beside);
    let mean = |(at, vertex): (usize, &usize)| {
        let all = &neighbours[*vertex];
        let sum: usize = all.iter().map(|neighbour| place[*neighbour]).sum();
        // Who has no neighbour there stays where it is.
        let mean = if all.is_empty() { at as f64 } else { sum as f64 / all.len() as f64 };
        (mean, *vertex)
    };
    let mut sorted: Vec<_> = columns.all[column].iter().enumerate().map(mean).collect();
    sorted.sort_by(|left, right| left.0.total_cmp(&right.0));
    columns.all[column] = sorted.into_iter().map(|(_, vertex)| vertex).collect();
}

/// The place of each vertex of a column.
fn places(columns: &Columns, column: usize) -> Vec<usize> {
    let mut places = vec![0; columns.before.len()];
    for (place, vertex) in columns.all[column].iter().enumerate() {
        places[*vertex] = place;
    }
    places
}

/// How many pairs of lines cross.
pub(super) fn crossings(columns: &Columns) -> usize {
    (1..columns.all.len()).map(|column| between(columns, column)).sum()
}

/// Those before a column: pairs of lines whose ends are in the other order than their beginnings.
fn between(columns: &Columns, column: usize) -> usize {
    let place = places(columns, column);
    let mut passed = Passed::new(columns.all[column].len());
    let mut crossings = 0;
    for vertex in &columns.all[column - 1] {
        let ends = columns.after[*vertex].iter().map(|end| place[*end]);
        crossings += ends.clone().map(|end| passed.beyond(end)).sum::<usize>();
        ends.for_each(|end| passed.add(end));
    }
    crossings
}

/// How many lines end at which place, in sums that are found quickly (a Fenwick tree).
struct Passed {
    sums: Vec<usize>,
    all: usize,
}

impl Passed {
    fn new(places: usize) -> Self {
        Self { sums: vec![0; places + 1], all: 0 }
    }

    fn add(&mut self, place: usize) {
        self.all += 1;
        let mut at = place + 1;
        while at < self.sums.len() {
            self.sums[at] += 1;
            at += at & at.wrapping_neg();
        }
    }

    /// How many end beyond a place.
    fn beyond(&self, place: usize) -> usize {
        let mut up_to = 0;
        let mut at = place + 1;
        while at > 0 {
            up_to += self.sums[at];
            at -= at & at.wrapping_neg();
        }
        self.all - up_to
    }
}
