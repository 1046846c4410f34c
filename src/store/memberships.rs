//! Memberships, as the column of their user's row holds them: JSON that anybody's tools can read.
//!
//! A list of `[group, way, since, provenance, direct, in review, until]`, each cut off behind the last
//! part that says something. A way is null for the group alone, the number of a row for the way of that
//! row and then this group, and otherwise a list of ids and of numbers of rows, for their groups. Since
//! is null for that of the row before, provenance for managed, direct for whether the way is the group
//! alone.

use super::encoding::{self, Part};
use super::texts::Texts;
use crate::domain::record::{
    Membership, MembershipKey, Memberships, Provenance, Route, UpstreamId,
};
use crate::domain::time::Timestamp;
use serde::{Serialize, Serializer};
use serde_json::Value;

/// The text of these memberships.
pub(super) fn to_text(memberships: &Memberships) -> String {
    let all: Vec<(&MembershipKey, &Membership)> = memberships.iter().collect();
    let rows = (0..all.len()).map(|number| Row { all: &all, number });
    encoding::written(&rows.collect::<Vec<_>>())
}

/// A row among all of its user, which stand in the order of their groups.
struct Row<'a> {
    all: &'a [(&'a MembershipKey, &'a Membership)],
    number: usize,
}

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (key, membership) = self.all[self.number];
        let before = self.number.checked_sub(1).map(|before| self.all[before].1.since);
        let is_alone = self.is_alone();
        let truth = |says_something: bool, value: bool| {
            if says_something { Part::Truth(value) } else { Part::Nothing }
        };
        let number = |at: Timestamp| Part::Number(at.0);
        let parts = [
            Part::Text(key.group.as_str()),
            self.way(),
            if before == Some(membership.since) { Part::Nothing } else { number(membership.since) },
            match key.provenance {
                Provenance::Managed => Part::Nothing,
                other => Part::Text(other.name()),
            },
            truth(membership.route.direct != is_alone, membership.route.direct),
            truth(membership.in_review, true),
            membership.until.map_or(Part::Nothing, number),
        ];
        let says_something = |part: &Part<'_>| !matches!(part, Part::Nothing);
        let length = parts.iter().rposition(says_something).map_or(0, |last| last + 1);
        serializer.collect_seq(&parts[..length])
    }
}

impl<'a> Row<'a> {
    fn is_alone(&self) -> bool {
        let (key, membership) = self.all[self.number];
        *membership.route.path == *std::slice::from_ref(&key.group)
    }

    fn way(&self) -> Part<'a> {
        if self.is_alone() {
            return Part::Nothing;
        }
        let (key, membership) = self.all[self.number];
        let path = &*membership.route.path;
        if let Some((last, before)) = path.split_last()
            && *last == key.group
            && let Some(below) = before.last()
        {
            let leads_there = |place: &usize| *self.all[*place].1.route.path == *before;
            if let Some(place) = self.of(below).find(leads_there) {
                return Part::Place(place);
            }
        }
        let part = |id: &'a UpstreamId| match self.of(id).next() {
            Some(place) => Part::Place(place),
            None => Part::Text(id.as_str()),
        };
        Part::List(path.iter().map(part).collect())
    }

    /// The rows of a group.
    fn of(&self, group: &UpstreamId) -> impl Iterator<Item = usize> {
        let first = self.all.partition_point(|(key, _)| key.group < *group);
        let is_of =
            move |place: &usize| self.all.get(*place).is_some_and(|(key, _)| key.group == *group);
        (first..).take_while(is_of)
    }
}

/// The memberships of such a text, `None` if it is none; ids and ways are shared with those read before.
pub(super) fn from_text(text: &str, texts: &mut Texts) -> Option<Memberships> {
    let rows: Vec<Vec<Value>> = serde_json::from_str(text).ok()?;
    let ids = rows.iter().map(|row| Some(UpstreamId(texts.shared(row.first()?.as_str()?))));
    let ids: Vec<UpstreamId> = ids.collect::<Option<_>>()?;
    let mut since = None;
    let mut memberships = Memberships::with_capacity(rows.len());
    for (number, row) in rows.iter().enumerate() {
        if let Some(at) = part(row, 2) {
            since = Some(at.as_i64()?);
        }
        let provenance = match part(row, 3) {
            None => Provenance::Managed,
            Some(name) => Provenance::from_name(name.as_str()?)?,
        };
        let path = path(&rows, &ids, number, texts)?;
        let direct = match part(row, 4) {
            None => path.as_slice() == std::slice::from_ref(&ids[number]),
            Some(direct) => direct.as_bool()?,
        };
        let membership = Membership {
            route: Route { path: texts.path(path), direct },
            since: Timestamp(since?),
            in_review: part(row, 5).map_or(Some(false), Value::as_bool)?,
            until: part(row, 6)
                .map_or(Some(None), |at| at.as_i64().map(|at| Some(Timestamp(at))))?,
        };
        let key = MembershipKey { group: ids[number].clone(), provenance };
        if memberships.insert(key, membership).is_some() {
            return None;
        }
    }
    Some(memberships)
}

/// A part of a row that says something.
fn part(row: &[Value], number: usize) -> Option<&Value> {
    row.get(number).filter(|value| !value.is_null())
}

/// The way of the row of that number; one that comes back to itself is none.
fn path(
    rows: &[Vec<Value>],
    ids: &[UpstreamId],
    mut number: usize,
    texts: &mut Texts,
) -> Option<Vec<UpstreamId>> {
    let place = |value: &Value| usize::try_from(value.as_u64()?).ok();
    let mut path = Vec::new();
    while path.len() <= rows.len() {
        match part(rows.get(number)?, 1) {
            Some(Value::Array(steps)) => {
                let mut id = |step: &Value| match step {
                    Value::String(id) => Some(UpstreamId(texts.shared(id))),
                    other => ids.get(place(other)?).cloned(),
                };
                let steps: Option<Vec<UpstreamId>> = steps.iter().rev().map(&mut id).collect();
                path.extend(steps?);
            }
            below => {
                path.push(ids.get(number)?.clone());
                if let Some(below) = below {
                    number = place(below)?;
                    continue;
                }
            }
        }
        path.reverse();
        return Some(path);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::{btree_map, vec};
    use proptest::option;
    use proptest::prelude::*;
    use proptest::sample::select;
    use std::sync::Arc;

    fn read(text: &str) -> Option<Memberships> {
        from_text(text, &mut Texts::default())
    }

    fn id() -> impl Strategy<Value = UpstreamId> {
        "[a-f]".prop_map(|id| UpstreamId::new(&id))
    }

    fn memberships() -> impl Strategy<Value = Memberships> {
        let key = (id(), select(Provenance::ALL.to_vec()))
            .prop_map(|(group, provenance)| MembershipKey { group, provenance });
        let times = (0..3_i64, option::of(any::<i64>()));
        let membership = (vec(id(), 0..5), any::<bool>(), times, any::<bool>());
        let membership = membership.prop_map(|(path, direct, (since, until), in_review)| {
            let until = until.map(Timestamp);
            let route = Route { path: path.into(), direct };
            Membership { route, since: Timestamp(since), in_review, until }
        });
        // Half of the ways lead to their group, as they all should.
        btree_map(key, (membership, any::<bool>()), 0..12).prop_map(|rows| {
            let right = |(key, (mut row, is_right)): (MembershipKey, (Membership, bool))| {
                if is_right {
                    let way = row.route.path.iter().cloned();
                    row.route.path = way.chain([key.group.clone()]).collect();
                }
                (key, row)
            };
            rows.into_iter().map(right).collect()
        })
    }

    proptest! {
        #[test]
        fn memberships_survive_whatever_their_ways_are(memberships in memberships()) {
            prop_assert_eq!(read(&to_text(&memberships)), Some(memberships));
        }

        #[test]
        fn no_text_makes_the_reader_panic(text in any::<String>()) {
            let _ = read(&text);
        }
    }

    #[test]
    fn a_chain_of_groups_is_written_once() {
        let row = |ids: &[&str]| {
            let path: Arc<[_]> = ids.iter().map(|id| UpstreamId::new(id)).collect();
            let group = path.last().unwrap().clone();
            let direct = path.len() == 1;
            let membership = Membership::new(Route { path, direct }, Timestamp(7));
            (MembershipKey { group, provenance: Provenance::Managed }, membership)
        };
        let chain = Memberships::from_iter([row(&["a"]), row(&["a", "b"]), row(&["a", "b", "c"])]);
        assert_eq!(to_text(&chain), r#"[["a",null,7],["b",0],["c",1]]"#);
        let odd = Memberships::from_iter([row(&["b"]), row(&["a", "b", "c"])]);
        assert_eq!(to_text(&odd), r#"[["b",null,7],["c",["a",0,1]]]"#);
    }

    #[test]
    fn a_text_that_is_none_is_refused() {
        for text in [
            "",
            "{}",
            "[[]]",
            r#"[["a"]]"#,
            r#"[["a",0,7]]"#,
            r#"[["a",1,7],["b",0]]"#,
            r#"[["a",9,7]]"#,
            r#"[["a",[9],7]]"#,
            r#"[["a",null,"x"]]"#,
            r#"[["a",null,7,"rumour"]]"#,
            r#"[["a",null,7],["a"]]"#,
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
