//! How high everything stands: as near to the mean of its neighbours as the order and the room that
//! each takes allow.

use super::{Columns, HEIGHT};

/// How much lies between what stands one above the other.
const SPACE: f64 = 12.0;
/// Half of the room that a bend takes.
const HALF_BEND: f64 = 2.0;
/// How much more a bend wants to lie straight than a box does.
const STRAIGHT: f64 = 4.0;
/// How often it is gone there and back.
const ROUNDS: usize = 10;

/// The middle of each vertex; the highest box or bend has nothing above it.
pub(super) fn place(columns: &Columns) -> Vec<i32> {
    let mut middles = vec![0.0; columns.before.len()];
    for column in &columns.all {
        settle(columns, column, &mut middles, |_, _| None);
    }
    for _ in 0..ROUNDS {
        for column in &columns.all {
            settle(columns, column, &mut middles, |vertex, middles| {
                mean(&columns.before[vertex], middles)
            });
        }
        for column in columns.all.iter().rev() {
            settle(columns, column, &mut middles, |vertex, middles| {
                mean(&columns.after[vertex], middles)
            });
        }
    }
    whole(columns, &middles)
}

fn mean(neighbours: &[usize], middles: &[f64]) -> Option<f64> {
    let sum: f64 = neighbours.iter().map(|neighbour| middles[*neighbour]).sum();
    (!neighbours.is_empty()).then(|| sum / neighbours.len() as f64)
}

/// Moves a column's vertices as near to where each wants to be as possible, by the sum of the squares
/// (an isotonic regression: those who stand in each other's way become a block, which stands where
/// its members want to be in the mean).
fn settle(
    columns: &Columns,
    column: &[usize],
    middles: &mut [f64],
    wish: impl Fn(usize, &[f64]) -> Option<f64>,
) {
    struct Block {
        weight: f64,
        /// Where it wants to be, without the room that those before take.
        at: f64,
        members: usize,
    }
    let offsets = offsets(columns, column);
    let mut blocks: Vec<Block> = Vec::new();
    for (vertex, offset) in column.iter().zip(&offsets) {
        let at = wish(*vertex, middles).unwrap_or(middles[*vertex]) - offset;
        let weight = if columns.is_bend(*vertex) { STRAIGHT } else { 1.0 };
        let mut block = Block { weight, at, members: 1 };
        while let Some(last) = blocks.pop_if(|last| last.at >= block.at) {
            let weight = last.weight + block.weight;
            let at = (last.weight * last.at + block.weight * block.at) / weight;
            block = Block { weight, at, members: last.members + block.members };
        }
        blocks.push(block);
    }
    let places = blocks.iter().flat_map(|block| std::iter::repeat_n(block.at, block.members));
    for ((vertex, offset), at) in column.iter().zip(offsets).zip(places) {
        middles[*vertex] = at + offset;
    }
}

fn half(columns: &Columns, vertex: usize) -> f64 {
    if columns.is_bend(vertex) { HALF_BEND } else { f64::from(HEIGHT) / 2.0 }
}

/// How far below the first each of a column stands at least.
fn offsets(columns: &Columns, column: &[usize]) -> Vec<f64> {
    let mut offset = 0.0;
    let mut last = None;
    let next = |vertex: &usize| {
        let half = half(columns, *vertex);
        offset += last.map_or(0.0, |last: f64| last + SPACE + half);
        last = Some(half);
        offset
    };
    column.iter().map(next).collect()
}

/// The same in whole numbers, from zero, and with all the room between that there has to be.
fn whole(columns: &Columns, middles: &[f64]) -> Vec<i32> {
    let tops = (0..middles.len()).map(|vertex| middles[vertex] - half(columns, vertex));
    let top = tops.fold(f64::INFINITY, f64::min);
    let mut whole = vec![0; middles.len()];
    for column in &columns.all {
        let mut last = None;
        for vertex in column {
            let half = half(columns, *vertex);
            let least = last.map_or(f64::NEG_INFINITY, |last| last + SPACE + half);
            let middle = (middles[*vertex] - top).round().max(least);
            // exact: a picture has far fewer than 2^31 pixels
            whole[*vertex] = middle as i32;
            last = Some(middle + half);
        }
    }
    whole
}
