//! The ways from a user up to each of her groups.

use super::Name;
use super::drawing::{self, Head, Joined, Role, Shown};
use super::layers::{Course, lay_out};
use super::markup::{Markup, cut};
use crate::domain::record::{Provenance, UpstreamId};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// The most groups that are drawn; the nearest are.
pub const MAX_GROUPS: usize = 60;
/// The most steps that are drawn; those that lead to a group at all come first.
const MAX_STEPS: usize = 200;
/// How much of a name a step's title has room for.
const NAME_IN_TITLE: usize = 40;

/// A row of a record: that the user is in a group, and who says so. A record's memberships are rows;
/// what the directory says now beyond them is a row that does not count.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// Who says so.
    pub provenance: Provenance,
    /// Whether it counts (`Record::is_effective`); a denial does.
    pub counts: bool,
    /// Whether the user is also a direct member (`Route::direct`).
    pub direct: bool,
    /// From the group that holds the user to the group that the row is about (`Route::path`).
    pub path: &'a [UpstreamId],
}

/// What is drawn.
pub struct Paths<'a> {
    /// The user.
    pub user: Name,
    /// The rows of her record.
    pub rows: &'a [Row<'a>],
    /// Which group is in which, as far as that is known beyond the rows: first who is in, then in
    /// what. Of an observed closure: each of `ObservedGroup::members`, and the group.
    pub nested: &'a [(UpstreamId, UpstreamId)],
    /// How a group is called.
    pub name: &'a dyn Fn(&UpstreamId) -> Name,
}

/// The picture, as `<figure class="picture">`.
pub fn paths(paths: &Paths<'_>) -> String {
    let graph = Graph::new(paths);
    let layout = lay_out(graph.names.len(), &graph.ends());
    let steps = layout.courses.iter().filter(|course| **course != Course::LeftOut).count();
    let left_out = graph.steps_left_out + layout.courses.len() - steps;
    let user = &paths.user.text;
    let groups = graph.names.len() - 1;
    let title = format!("Ways to the groups of {user}");
    let description = match groups {
        0 => format!("{user} is in no group."),
        _ => format!(
            "{} and {} that lead there, from the left to the right. The table of groups says the same in words.",
            counted(groups, "group"),
            counted(steps, "step")
        ),
    };
    let draw = |svg: &mut Markup| {
        for (at, step) in graph.steps.iter().enumerate() {
            let title = graph.title(step);
            let joined = Joined { title: &title, class: class(step.kind), head: head(step.kind) };
            drawing::draw_edge(svg, &layout, (at, step.from), &joined);
        }
        for (node, name) in graph.names.iter().enumerate() {
            let (below, classes) = graph.look(node);
            let shown = Shown { name, below: &below, classes: &classes };
            drawing::draw_box(svg, layout.boxes[node], &shown);
        }
    };
    let caption = |caption: &mut Markup| {
        graph.legend(caption, &layout.courses);
        if graph.groups_left_out + left_out > 0 {
            let more = [(graph.groups_left_out, "group"), (left_out, "step")];
            let more = more.iter().filter(|(count, _)| *count > 0);
            let more: Vec<_> = more.map(|(count, what)| counted(*count, what)).collect();
            let text = format!("Not drawn: {}. The nearest are.", more.join(" and "));
            caption.said("p", &[("class", "left-out")], &text);
        }
    };
    let size = (layout.width, layout.height);
    drawing::figure(("picture paths", Role::Group), (&title, &description), size, draw, caption)
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// A step of a way.
struct Step {
    from: usize,
    to: usize,
    kind: Provenance,
}

/// What is known of a group.
#[derive(Default)]
struct Known {
    /// Who says that the user is in it.
    said_by: BTreeSet<Provenance>,
    /// Whether she is.
    counts: bool,
}

/// What is drawn, by numbers: the user is 0, the groups follow from the nearest on.
struct Graph {
    names: Vec<Name>,
    known: Vec<Known>,
    steps: Vec<Step>,
    groups_left_out: usize,
    steps_left_out: usize,
}

/// A step before anything has a number. The user has no id.
type Found<'a> = (Option<&'a UpstreamId>, &'a UpstreamId, Provenance);

impl Graph {
    fn new(paths: &Paths<'_>) -> Self {
        let mut known: BTreeMap<&UpstreamId, Known> = BTreeMap::new();
        let mut found: BTreeSet<Found<'_>> = BTreeSet::new();
        for row in paths.rows {
            let Some(group) = row.path.last() else { continue };
            let group_known = known.entry(group).or_default();
            group_known.said_by.insert(row.provenance);
            group_known.counts |= row.counts && row.provenance != Provenance::PinDeny;
            if row.direct {
                found.insert((None, group, row.provenance));
            }
            found.insert((None, &row.path[0], row.provenance));
            let nested = row.path.windows(2);
            found.extend(nested.map(|pair| (Some(&pair[0]), &pair[1], Provenance::Managed)));
        }
        let nested = paths.nested.iter();
        found.extend(nested.map(|(member, group)| (Some(member), group, Provenance::Managed)));
        let names = named(&found, paths.name);
        let (order, leading) = nearest(&found, &names);
        let numbers: BTreeMap<_, _> = order.iter().take(MAX_GROUPS).copied().zip(1..).collect();
        let number = |id: Option<&UpstreamId>| id.map_or(Some(0), |id| numbers.get(id).copied());
        let mut found: Vec<_> = found.into_iter().collect();
        found.sort_by_key(|step| !leading.contains(step));
        let mut steps: Vec<_> = found
            .into_iter()
            .filter_map(|(from, to, kind)| {
                Some(Step { from: number(from)?, to: number(Some(to))?, kind })
            })
            .collect();
        let steps_left_out = steps.len().saturating_sub(MAX_STEPS);
        steps.truncate(MAX_STEPS);
        let kept = order.iter().take(MAX_GROUPS);
        let shown = kept.clone().map(|id| names[*id].clone());
        Self {
            names: std::iter::once(paths.user.clone()).chain(shown).collect(),
            known: std::iter::once(Known::default())
                .chain(kept.map(|id| known.remove(*id).unwrap_or_default()))
                .collect(),
            steps,
            groups_left_out: order.len().saturating_sub(MAX_GROUPS),
            steps_left_out,
        }
    }

    fn ends(&self) -> Vec<(usize, usize)> {
        self.steps.iter().map(|step| (step.from, step.to)).collect()
    }

    fn title(&self, step: &Step) -> String {
        let name = |node: usize| cut(&self.names[node].text, NAME_IN_TITLE);
        let (from, to) = (name(step.from), name(step.to));
        match (step.from, step.kind) {
            (0, Provenance::PinDeny) => format!("{from} is kept out of {to} by a pin"),
            (0, kind) => format!("{from} is in {to}: {}", said(kind)),
            (_, _) if step.from == step.to => format!("{from} is in itself"),
            (_, _) => format!("{from} is in {to}"),
        }
    }

    /// What stands below a box's name, and how it looks.
    fn look(&self, node: usize) -> (String, String) {
        if node == 0 {
            return (String::new(), "user".to_owned());
        }
        let known = &self.known[node];
        let mut below: Vec<_> = known.said_by.iter().map(|provenance| said(*provenance)).collect();
        let class = match (known.counts, known.said_by.contains(&Provenance::PinDeny)) {
            (true, _) => "group",
            (false, true) => "group denied",
            (false, false) => {
                below.push(if known.said_by.is_empty() {
                    "not taken over"
                } else {
                    "does not count"
                });
                "group off"
            }
        };
        (below.join(", "), class.to_owned())
    }

    fn legend(&self, caption: &mut Markup, courses: &[Course]) {
        let drawn = || self.steps.iter().zip(courses).filter(|(_, c)| **c != Course::LeftOut);
        let kinds: BTreeSet<_> = drawn().map(|(step, _)| step.kind).collect();
        let is_cycle = |course: &Course| matches!(course, Course::Back(_) | Course::Loop);
        let has_cycle = drawn().any(|(_, course)| is_cycle(course));
        if kinds.is_empty() {
            return;
        }
        caption.element("ul", &[("class", "legend")], |list| {
            for kind in kinds {
                drawing::legend(list, class(kind), head(kind), said(kind));
            }
            if has_cycle {
                drawing::legend(list, "managed cycle", Head::Arrow, "closes a cycle");
            }
        });
    }
}

fn named<'a>(
    found: &BTreeSet<Found<'a>>,
    name: &dyn Fn(&UpstreamId) -> Name,
) -> BTreeMap<&'a UpstreamId, Name> {
    let ends = found.iter().flat_map(|(from, to, _)| from.iter().copied().chain([*to]));
    let ids: BTreeSet<_> = ends.collect();
    ids.into_iter().map(|id| (id, name(id))).collect()
}

/// The groups that the user comes to, from the nearest on and by name; and one step to each.
fn nearest<'a>(
    found: &BTreeSet<Found<'a>>,
    names: &BTreeMap<&'a UpstreamId, Name>,
) -> (Vec<&'a UpstreamId>, BTreeSet<Found<'a>>) {
    let mut out: BTreeMap<Option<&UpstreamId>, Vec<Found<'a>>> = BTreeMap::new();
    for step in found {
        out.entry(step.0).or_default().push(*step);
    }
    for steps in out.values_mut() {
        steps.sort_by_cached_key(|(_, to, kind)| (names[to].text.to_lowercase(), *to, *kind));
    }
    let mut order = Vec::new();
    let (mut seen, mut leading) = (BTreeSet::new(), BTreeSet::new());
    let mut waiting = VecDeque::from([None]);
    while let Some(at) = waiting.pop_front() {
        for step in out.get(&at).into_iter().flatten() {
            if seen.insert(step.1) {
                order.push(step.1);
                leading.insert(*step);
                waiting.push_back(Some(step.1));
            }
        }
    }
    (order, leading)
}

/// Who says so, in words.
fn said(provenance: Provenance) -> &'static str {
    match provenance {
        Provenance::Managed => "directory",
        Provenance::Local => "local",
        Provenance::Default => "default",
        Provenance::PinAllow => "pinned in",
        Provenance::PinDeny => "pinned out",
    }
}

fn class(provenance: Provenance) -> &'static str {
    provenance.name()
}

fn head(provenance: Provenance) -> Head {
    if provenance == Provenance::PinDeny { Head::Cross } else { Head::Arrow }
}
