//! Lays a graph out in columns, so that every edge leads from the left to the right but those that
//! close a cycle, few edges cross, and none runs through a box.
//!
//! A node stands one column right of the last that leads to it (longest path). An edge that passes
//! columns has a bend in each of them, which takes room as boxes do; boxes and bends are ordered by
//! the mean place of their neighbours, and then moved as near to them as the order allows.

mod order;
mod place;

/// How wide a box is.
pub(super) const WIDTH: i32 = 172;
/// How high a box is.
pub(super) const HEIGHT: i32 = 40;
/// How much lies between two columns.
const GAP: i32 = 56;
/// How much lies around everything.
const MARGIN: i32 = 12;
/// The most bends of all edges together; edges beyond are left out, the later ones first.
const MAX_BENDS: usize = 700;
/// How far apart edges begin that join the same boxes.
const LANES: [i32; 5] = [0, 7, -7, 14, -14];

/// Where everything is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    /// The left upper corner of each node's box.
    pub(super) boxes: Vec<Point>,
    /// The course of each edge.
    pub(super) courses: Vec<Course>,
    pub(super) width: i32,
    pub(super) height: i32,
}

/// A place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Point {
    pub(super) x: i32,
    pub(super) y: i32,
}

/// The course of an edge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Course {
    /// To the right.
    Forward(Line),
    /// It closes a cycle: the line is that from its end to its beginning.
    Back(Line),
    /// From a node to itself.
    Loop,
    /// There are too many.
    LeftOut,
}

/// A line from the right side of a box to the left side of one in a later column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) start: Point,
    /// Where it enters the columns between, each of which it passes straight.
    pub(super) bends: Vec<Point>,
    pub(super) end: Point,
}

/// Boxes and bends in columns. Boxes are numbered as their nodes, bends follow.
struct Columns {
    /// The vertices of each column, from above.
    all: Vec<Vec<usize>>,
    nodes: usize,
    /// The neighbours of each vertex in the columns before and after its own.
    before: Vec<Vec<usize>>,
    after: Vec<Vec<usize>>,
    /// The bends of each edge, from the left; `None` if it has no line.
    bends: Vec<Option<Vec<usize>>>,
}

/// Lays out so many nodes, in their order where nothing else decides. Edges name two of them; what
/// is there twice is drawn twice.
pub(super) fn lay_out(nodes: usize, edges: &[(usize, usize)]) -> Layout {
    let is_back = back_edges(nodes, edges);
    let layers = layers(nodes, edges, &is_back);
    let mut columns = columns(&layers, edges, &is_back);
    order::order(&mut columns);
    let middles = place::place(&columns);
    let x = |layer: usize| MARGIN + layer as i32 * (WIDTH + GAP);
    let corner = |node: usize| Point { x: x(layers[node]), y: middles[node] + MARGIN - HEIGHT / 2 };
    let boxes: Vec<_> = (0..nodes).map(corner).collect();
    let mut courses = Vec::with_capacity(edges.len());
    for (at, &(from, to)) in edges.iter().enumerate() {
        let Some(bends) = &columns.bends[at] else {
            courses.push(if from == to { Course::Loop } else { Course::LeftOut });
            continue;
        };
        let (left, right) = if is_back[at] { (to, from) } else { (from, to) };
        let joins_same = |&&other: &&(usize, usize)| other == (from, to) || other == (to, from);
        let lane = LANES[edges[..at].iter().filter(joins_same).count() % LANES.len()];
        let side = |node: usize| boxes[node].y + HEIGHT / 2 + lane;
        let bend = |(passed, bend): (usize, &usize)| Point {
            x: x(layers[left] + passed + 1),
            y: middles[*bend] + MARGIN,
        };
        let line = Line {
            start: Point { x: boxes[left].x + WIDTH, y: side(left) },
            bends: bends.iter().enumerate().map(bend).collect(),
            end: Point { x: boxes[right].x, y: side(right) },
        };
        courses.push(if is_back[at] { Course::Back(line) } else { Course::Forward(line) });
    }
    let width = x(columns.all.len()) - GAP + MARGIN;
    let lowest = middles.iter().max().map_or(0, |lowest| lowest + HEIGHT / 2);
    Layout { boxes, courses, width, height: lowest + 2 * MARGIN }
}

/// Which edges lead back to a node on the way to them, or from a node to itself.
fn back_edges(nodes: usize, edges: &[(usize, usize)]) -> Vec<bool> {
    #[derive(Clone, Copy, PartialEq)]
    enum Seen {
        Not,
        OnTheWay,
        Done,
    }
    let mut out = vec![Vec::new(); nodes];
    for (at, (from, _)) in edges.iter().enumerate() {
        out[*from].push(at);
    }
    let mut is_back = vec![false; edges.len()];
    let mut seen = vec![Seen::Not; nodes];
    for root in 0..nodes {
        if seen[root] != Seen::Not {
            continue;
        }
        seen[root] = Seen::OnTheWay;
        let mut way = vec![(root, 0)];
        while let Some((node, next)) = way.last_mut() {
            let Some(edge) = out[*node].get(*next) else {
                seen[*node] = Seen::Done;
                way.pop();
                continue;
            };
            *next += 1;
            let to = edges[*edge].1;
            match seen[to] {
                Seen::Not => {
                    seen[to] = Seen::OnTheWay;
                    way.push((to, 0));
                }
                Seen::OnTheWay => is_back[*edge] = true,
                Seen::Done => {}
            }
        }
    }
    is_back
}

/// The column of each node: the number of steps on the longest way there.
fn layers(nodes: usize, edges: &[(usize, usize)], is_back: &[bool]) -> Vec<usize> {
    let forward =
        || edges.iter().zip(is_back).filter(|(_, is_back)| !**is_back).map(|(edge, _)| edge);
    let mut missing = vec![0_usize; nodes];
    let mut out = vec![Vec::new(); nodes];
    for (from, to) in forward() {
        missing[*to] += 1;
        out[*from].push(*to);
    }
    let mut layers = vec![0; nodes];
    let mut ready: Vec<_> = (0..nodes).filter(|node| missing[*node] == 0).collect();
    while let Some(node) = ready.pop() {
        for to in &out[node] {
            layers[*to] = layers[*to].max(layers[node] + 1);
            missing[*to] -= 1;
            if missing[*to] == 0 {
                ready.push(*to);
            }
        }
    }
    layers
}

fn columns(layers: &[usize], edges: &[(usize, usize)], is_back: &[bool]) -> Columns {
    let nodes = layers.len();
    let mut columns = Columns {
        all: vec![Vec::new(); layers.iter().max().map_or(0, |last| last + 1)],
        nodes,
        before: vec![Vec::new(); nodes],
        after: vec![Vec::new(); nodes],
        bends: Vec::with_capacity(edges.len()),
    };
    for (node, layer) in layers.iter().enumerate() {
        columns.all[*layer].push(node);
    }
    for (&(from, to), is_back) in edges.iter().zip(is_back) {
        let (left, right) = if *is_back { (to, from) } else { (from, to) };
        let between = layers[left] + 1..layers[right];
        let has_room = columns.before.len() - nodes + between.len() <= MAX_BENDS;
        let bends = (from != to && has_room).then(|| columns.join(left, right, between));
        columns.bends.push(bends);
    }
    columns
}

impl Columns {
    /// Joins two nodes by bends in the columns between, and gives those.
    fn join(&mut self, left: usize, right: usize, between: std::ops::Range<usize>) -> Vec<usize> {
        let mut last = left;
        let mut bends = Vec::with_capacity(between.len());
        for column in between {
            let bend = self.before.len();
            self.before.push(vec![last]);
            self.after.push(Vec::new());
            self.after[last].push(bend);
            self.all[column].push(bend);
            bends.push(bend);
            last = bend;
        }
        self.after[last].push(right);
        self.before[right].push(last);
        bends
    }

    fn is_bend(&self, vertex: usize) -> bool {
        vertex >= self.nodes
    }
}

#[cfg(test)]
mod tests;
