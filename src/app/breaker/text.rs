//! What is held, as the text that the store keeps.

use crate::domain::mass_change::{Confirmed, Item, Kept};
use crate::domain::record::UpstreamId;
use crate::domain::replication::Decision;
use crate::domain::time::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The most users that are kept with an item; the marks of the others tell of them.
const MAX_USERS: usize = 1000;

/// The text; `None` if there is nothing to keep.
pub(super) fn write(kept: &Kept) -> Option<String> {
    if *kept == Kept::default() {
        return None;
    }
    let items: Vec<Value> = kept.items.iter().map(item).collect();
    let confirmed: Vec<Value> = kept.confirmed.iter().map(confirmed).collect();
    Some(json!({ "items": items, "confirmed": confirmed }).to_string())
}

/// What such a text says; `None` if it is none.
pub(super) fn read(text: &str) -> Option<Kept> {
    let value: Value = serde_json::from_str(text).ok()?;
    let items = value["items"].as_array()?.iter().map(read_item).collect::<Option<_>>()?;
    let confirmed = value["confirmed"].as_array()?.iter().map(read_confirmed);
    Some(Kept { items, confirmed: confirmed.collect::<Option<_>>()? })
}

fn item(item: &Item) -> Value {
    json!({
        "id": item.id,
        "only": item.only.as_ref().map(UpstreamId::as_str),
        "since": item.since.0,
        "seen": item.seen,
        "groups": item.groups.as_ref().map(|groups| ids(groups, usize::MAX)),
        "users": ids(&item.users, MAX_USERS),
        "most": item.most,
        "decision": item.decision.name(),
    })
}

fn read_item(value: &Value) -> Option<Item> {
    let name = value["decision"].as_str()?;
    let number = |key: &str| usize::try_from(value[key].as_u64()?).ok();
    Some(Item {
        id: value["id"].as_str()?.to_owned(),
        only: value["only"].as_str().map(UpstreamId::new),
        since: Timestamp(value["since"].as_i64()?),
        seen: number("seen")?,
        groups: read_ids(&value["groups"]),
        users: read_ids(&value["users"])?,
        most: number("most")?,
        decision: Decision::ALL.into_iter().find(|decision| decision.name() == name)?,
    })
}

fn confirmed(confirmed: &Confirmed) -> Value {
    json!({
        "only": confirmed.only.as_ref().map(UpstreamId::as_str),
        "groups": confirmed.groups.as_ref().map(|groups| ids(groups, usize::MAX)),
        "at": confirmed.at.0,
    })
}

fn read_confirmed(value: &Value) -> Option<Confirmed> {
    Some(Confirmed {
        only: value["only"].as_str().map(UpstreamId::new),
        groups: read_ids(&value["groups"]),
        at: Timestamp(value["at"].as_i64()?),
    })
}

fn ids(ids: &BTreeSet<UpstreamId>, most: usize) -> Vec<&str> {
    ids.iter().take(most).map(UpstreamId::as_str).collect()
}

fn read_ids(value: &Value) -> Option<BTreeSet<UpstreamId>> {
    value.as_array()?.iter().map(|id| id.as_str().map(UpstreamId::new)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(ids: &[&str]) -> BTreeSet<UpstreamId> {
        ids.iter().map(|id| UpstreamId::new(id)).collect()
    }

    #[test]
    fn what_is_held_and_confirmed_survives() {
        assert_eq!(write(&Kept::default()), None);
        let many = Item {
            id: "00c0ffee".to_owned(),
            only: None,
            since: Timestamp(7),
            seen: 30,
            groups: Some(some(&["a", "b"])),
            users: some(&["u", "v\u{1b}"]),
            most: 5,
            decision: Decision::Rejected,
        };
        let one = Item { only: Some(UpstreamId::new("w")), groups: None, ..many.clone() };
        let confirmed = [
            Confirmed { only: None, groups: Some(some(&["c"])), at: Timestamp(3) },
            Confirmed { only: Some(UpstreamId::new("u")), groups: None, at: Timestamp(4) },
        ];
        let kept = Kept { items: vec![many, one], confirmed: confirmed.into() };
        assert_eq!(read(&write(&kept).unwrap()), Some(kept));
    }

    #[test]
    fn a_text_that_says_nothing_of_the_kind_is_refused() {
        for text in ["", "{}", "[]", r#"{"items":[{}],"confirmed":[]}"#] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
