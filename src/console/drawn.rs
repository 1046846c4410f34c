//! What pages have drawn: operations name the steps of ways by DN, and so do pictures made of them.

use super::picture::{self, Name, Neighbours, Paths, Row};
use super::shapes::{Explanations, Group, GroupNames, Row as Told, User, Ways};
use super::words;
use crate::domain::record::{Provenance, UpstreamId};
use maud::{Markup, PreEscaped};
use std::collections::{BTreeMap, BTreeSet};

/// A membership, or the ground of one, with its steps as pictures want them.
struct Drawn {
    provenance: Provenance,
    counts: bool,
    direct: bool,
    path: Vec<UpstreamId>,
}

impl Drawn {
    /// The way of a row without its first step, who is the user. `None` if there is none.
    fn new(row: &Told, path: &[String]) -> Option<Self> {
        let provenance = Provenance::from_name(&row.provenance)?;
        let path: Vec<_> = path.iter().skip(1).map(|step| UpstreamId::new(step)).collect();
        let counts = row.effective || provenance == Provenance::PinDeny;
        (!path.is_empty()).then_some(Self { provenance, counts, direct: row.direct, path })
    }

    fn row(&self) -> Row<'_> {
        let Self { provenance, counts, direct, ref path } = *self;
        Row { provenance, counts, direct, path }
    }
}

/// The names of groups by the steps that stand for them.
type Names<'a> = BTreeMap<&'a str, &'a str>;

fn names<'a>(groups: impl Iterator<Item = &'a GroupNames>) -> Names<'a> {
    groups.filter_map(|group| Some((group.dn.as_deref()?, group.name.as_deref()?))).collect()
}

fn name(step: &str, names: &Names<'_>) -> Name {
    let text = names.get(step).copied().unwrap_or_else(|| words::short(step));
    Name { text: text.to_owned(), title: step.to_owned(), link: Some(words::step_at(step)) }
}

fn drawn(
    user: &User,
    rows: &[Drawn],
    nested: &[(UpstreamId, UpstreamId)],
    names: &Names<'_>,
) -> Markup {
    let text = user.display_name.clone().unwrap_or_else(|| user.name.clone());
    let paths = Paths {
        user: Name { text, title: user.dn.clone(), link: Some(words::user_at(&user.id)) },
        rows: &rows.iter().map(Drawn::row).collect::<Vec<_>>(),
        nested,
        name: &|id| name(id.as_str(), names),
    };
    PreEscaped(picture::paths(&paths))
}

/// The ways by which a user is in groups, as the record keeps them.
pub(super) fn record(user: &User) -> Markup {
    let rows = user.memberships.iter();
    let rows: Vec<_> = rows.filter_map(|one| Drawn::new(&one.row, &one.row.path)).collect();
    drawn(user, &rows, &[], &names(user.memberships.iter().map(|one| &one.group)))
}

/// All ways by which a user is in groups, as the directory says now, and what is kept beside them.
pub(super) fn now(found: &Explanations, ways: &Ways) -> Markup {
    let grounds = found.items.iter().flat_map(|one| &one.because);
    let mut rows: Vec<_> =
        grounds.filter_map(|ground| Drawn::new(&ground.row, &ground.row.path)).collect();
    let said: BTreeSet<_> = rows.iter().filter_map(|row| row.path.last().cloned()).collect();
    let step = |group: &GroupNames| match &group.dn {
        Some(dn) => UpstreamId::new(dn),
        None => UpstreamId::new(&format!("id:{}", group.id)),
    };
    let not_taken = ways.items.iter().filter(|one| one.direct && !said.contains(&step(&one.group)));
    rows.extend(not_taken.map(|one| Drawn {
        provenance: Provenance::Managed,
        counts: false,
        direct: true,
        path: vec![step(&one.group)],
    }));
    let nested = ways.items.iter().flat_map(|one| {
        one.members.iter().map(|member| (UpstreamId::new(member), step(&one.group)))
    });
    let groups = found.items.iter().map(|one| &one.group);
    let names = names(groups.chain(ways.items.iter().map(|one| &one.group)));
    drawn(&found.user, &rows, &nested.collect::<Vec<_>>(), &names)
}

/// A group between those that are in it and those that it is in.
pub(super) fn around(group: &Group, below: &BTreeSet<&str>, above: &BTreeSet<&str>) -> Markup {
    let name = |step: &&str| name(step, &Names::new());
    let neighbours = Neighbours {
        group: Name { text: group.name.clone(), title: group.dn.clone(), link: None },
        parents: above.iter().map(name).collect(),
        children: below.iter().map(name).collect(),
    };
    PreEscaped(picture::neighbours(&neighbours))
}
