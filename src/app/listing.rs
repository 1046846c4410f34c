//! Users as an administrator looks for them: filtered, sorted, a page at a time. A page is found by
//! its place in the order and not by a count, so whoever comes or goes meanwhile shifts nothing.

use super::ports::{Catalogue, Stored};
use crate::domain::record::{GroupsOutcome, MembershipKey, Provenance, Record, UpstreamId};
use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::fmt::Write;
use std::sync::Arc;

/// By what users are sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sort {
    /// By the record's id.
    #[default]
    Id,
    /// By name, whatever its case.
    Name,
    /// By the name for people, whatever its case; those without one first.
    DisplayName,
    /// By the last sign-on.
    LastSignOn,
    /// By the last observation; those without one first.
    ObservedAt,
}

/// In which direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Direction {
    /// The least first.
    #[default]
    Up,
    /// The greatest first.
    Down,
}

/// Which users; all of them if nothing is said.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Those of this name, whatever its case.
    pub name: Option<String>,
    /// Those with this text, whatever its case, in the name, the name for people or the DN.
    pub text: Option<String>,
    /// Those of this directory.
    pub directory: Option<String>,
    /// Those of this user type.
    pub user_type: Option<String>,
    /// Those that are active, or those that are not.
    pub active: Option<bool>,
    /// Those whose groups were known when they were last looked at, or those whose were not.
    pub known: Option<bool>,
    /// Those that wait for an admin's decision, or those that do not: their name is another record's,
    /// or a membership is in review.
    pub needs_decision: Option<bool>,
    /// Those who are effectively in this group of this directory.
    pub group: Option<(Arc<str>, UpstreamId)>,
    /// In which order.
    pub sort: Sort,
    /// In which direction.
    pub direction: Direction,
}

/// A page of users, and how many there are on all pages.
#[derive(Debug)]
pub struct Found {
    /// The users.
    pub items: Vec<Stored>,
    /// What to ask the next page with.
    pub next: Option<String>,
    /// How many there are on all pages.
    pub total: usize,
}

/// How many users there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counted {
    /// All of them.
    pub users: usize,
    /// Those that are not active.
    pub inactive: usize,
    /// Those whose groups were not known when they were last looked at.
    pub unknown: usize,
    /// Those that wait for an admin's decision.
    pub undecided: usize,
}

/// A cursor that no page was given out with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadCursor;

/// A user's place in the order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    key: Key,
    id: String,
}

/// What is sorted by, before the record's id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Nothing,
    Number(i64),
    Text(String),
}

/// Counts users. Goes through all records once.
pub fn count(catalogue: &impl Catalogue) -> Counted {
    let mut all = Counted::default();
    catalogue.visit(&mut |stored| {
        all.users += 1;
        all.inactive += usize::from(!stored.record.is_active());
        all.unknown += usize::from(!is_known(stored));
        all.undecided += usize::from(needs_decision(&stored.record));
    });
    all
}

/// A page of the users that are wanted, behind `cursor`. Goes through all records, which takes a
/// moment where there are many.
pub fn users(
    catalogue: &impl Catalogue,
    wanted: &Wanted,
    cursor: Option<&str>,
    limit: usize,
) -> Result<Found, BadCursor> {
    let after = cursor.map(|cursor| Place::read(cursor, wanted.sort)).transpose()?;
    Ok(match wanted.direction {
        Direction::Up => page(catalogue, wanted, after, limit, |place| place),
        Direction::Down => page(catalogue, wanted, after.map(Reverse), limit, Reverse),
    })
}

/// The least `limit` places that lie behind `after`, in the order of `P`.
fn page<P: Ord + Placed>(
    catalogue: &impl Catalogue,
    wanted: &Wanted,
    after: Option<P>,
    limit: usize,
    placed: impl Fn(Place) -> P,
) -> Found {
    let wanted = wanted.lowered();
    let mut total = 0;
    // One more than the page has, by which it is seen whether there is another.
    let mut least: BinaryHeap<P> = BinaryHeap::with_capacity(limit + 2);
    let mut look = |stored: &Stored| {
        if !wanted.takes(stored) {
            return;
        }
        total += 1;
        // Most records are on another page: that is seen without a copy of what is sorted by.
        let order = |place: &P| P::order(compare(stored, wanted.sort, place.place()));
        if after.as_ref().is_some_and(|after| order(after).is_le()) {
            return;
        }
        if least.len() > limit && least.peek().is_some_and(|last| order(last).is_ge()) {
            return;
        }
        least.push(placed(Place::of(stored, wanted.sort)));
        if least.len() > limit + 1 {
            least.pop();
        }
    };
    match &wanted.name {
        Some(name) => catalogue.by_name(None, name).iter().for_each(&mut look),
        None => catalogue.visit(&mut look),
    }
    let mut places = least.into_sorted_vec();
    let has_more = places.len() > limit;
    places.truncate(limit);
    let next = places.last().filter(|_| has_more).map(|place| place.place().write());
    let find = |place: &P| catalogue.by_record_id(&place.place().id);
    Found { items: places.iter().filter_map(find).collect(), next, total }
}

/// Where a user is in the order, beside a place.
fn compare(stored: &Stored, sort: Sort, place: &Place) -> Ordering {
    let record = &*stored.record;
    let by_text = |name: &str| match &place.key {
        Key::Text(text) => in_lower_case(name, text),
        _ => Ordering::Greater,
    };
    let by_number = |number: i64| match &place.key {
        Key::Number(other) => number.cmp(other),
        _ => Ordering::Greater,
    };
    let by_key = match sort {
        Sort::Id => Ordering::Equal,
        Sort::Name => by_text(&record.name),
        Sort::DisplayName => by_text(record.shown_name().unwrap_or_default()),
        Sort::LastSignOn => by_number(stored.mark.last_sign_on.0),
        Sort::ObservedAt => by_number(observed_at(stored)),
    };
    by_key.then_with(|| (*record.id.0).cmp(&*place.id))
}

/// A text's place beside one that is in lower case. Most texts are ASCII, and need no copy for that.
fn in_lower_case(text: &str, lowered: &str) -> Ordering {
    match text.is_ascii() {
        true => text.bytes().map(|byte| byte.to_ascii_lowercase()).cmp(lowered.bytes()),
        false => text.to_lowercase().as_str().cmp(lowered),
    }
}

fn observed_at(stored: &Stored) -> i64 {
    stored.mark.observed_at.map_or(i64::MIN, |at| at.0)
}

/// What holds a place.
trait Placed {
    fn place(&self) -> &Place;

    /// The order of two of these, of which the places have that one.
    fn order(of_places: Ordering) -> Ordering;
}

impl Placed for Place {
    fn place(&self) -> &Place {
        self
    }

    fn order(of_places: Ordering) -> Ordering {
        of_places
    }
}

impl Placed for Reverse<Place> {
    fn place(&self) -> &Place {
        &self.0
    }

    fn order(of_places: Ordering) -> Ordering {
        of_places.reverse()
    }
}

impl Place {
    fn of(stored: &Stored, sort: Sort) -> Self {
        let record = &*stored.record;
        let key = match sort {
            Sort::Id => Key::Nothing,
            Sort::Name => Key::Text(record.name.to_lowercase()),
            Sort::DisplayName => Key::Text(record.shown_name().unwrap_or_default().to_lowercase()),
            Sort::LastSignOn => Key::Number(stored.mark.last_sign_on.0),
            Sort::ObservedAt => Key::Number(observed_at(stored)),
        };
        Self { key, id: record.id.0.to_string() }
    }

    /// As a cursor: the id, behind the number or the text's bytes in hex, and a full stop.
    fn write(&self) -> String {
        let mut out = String::new();
        match &self.key {
            Key::Nothing => {}
            Key::Number(number) => out = format!("{number}."),
            Key::Text(text) => {
                for byte in text.bytes() {
                    // writing to a string cannot fail
                    let _ = write!(out, "{byte:02x}");
                }
                out.push('.');
            }
        }
        out + &self.id
    }

    fn read(cursor: &str, sort: Sort) -> Result<Self, BadCursor> {
        if sort == Sort::Id {
            return Ok(Self { key: Key::Nothing, id: cursor.to_owned() });
        }
        let (key, id) = cursor.split_once('.').ok_or(BadCursor)?;
        let key = match sort {
            Sort::Id => Key::Nothing,
            Sort::LastSignOn | Sort::ObservedAt => Key::Number(key.parse().map_err(|_| BadCursor)?),
            Sort::Name | Sort::DisplayName => Key::Text(unhex(key).ok_or(BadCursor)?),
        };
        Ok(Self { key, id: id.to_owned() })
    }
}

fn unhex(text: &str) -> Option<String> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    let digits = digits.filter(|digits| digits.len().is_multiple_of(2))?;
    String::from_utf8(digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()).ok()
}

impl Wanted {
    fn lowered(&self) -> Self {
        let text = self.text.as_ref().map(|text| text.to_lowercase());
        Self { text, ..self.clone() }
    }

    fn takes(&self, stored: &Stored) -> bool {
        let record = &*stored.record;
        let is = |wanted: &Option<String>, found: &str| {
            wanted.as_ref().is_none_or(|wanted| *wanted == *found)
        };
        is(&self.directory, &record.key.directory)
            && is(&self.user_type, &record.user_type)
            && self.active.is_none_or(|active| active == record.is_active())
            && self.known.is_none_or(|known| known == is_known(stored))
            && self.needs_decision.is_none_or(|needs| needs == needs_decision(record))
            && self
                .group
                .as_ref()
                .is_none_or(|(of, group)| record.key.directory == *of && is_in(record, group))
            && self.text.as_ref().is_none_or(|text| has_text(record, text))
    }
}

/// Whether a user's groups were known at the last look.
fn is_known(stored: &Stored) -> bool {
    stored.mark.groups == GroupsOutcome::Known
}

/// Whether somebody has to decide about a record.
fn needs_decision(record: &Record) -> bool {
    record.collision.is_some() || record.memberships.values().any(|row| row.in_review)
}

/// Whether a user is effectively in a group.
fn is_in(record: &Record, group: &UpstreamId) -> bool {
    let key = |provenance| MembershipKey { group: group.clone(), provenance };
    Provenance::ALL.into_iter().any(|provenance| record.is_effective(&key(provenance)))
}

fn has_text(record: &Record, lowered: &str) -> bool {
    let texts = [Some(&*record.name), record.shown_name(), Some(&*record.dn)];
    texts.into_iter().flatten().any(|text| contains(text, lowered))
}

/// Whether a text has another, which is in lower case, whatever the first one's case. Most texts are
/// ASCII, and need no copy for that.
fn contains(text: &str, lowered: &str) -> bool {
    if !text.is_ascii() {
        return text.to_lowercase().contains(lowered);
    }
    let (text, lowered) = (text.as_bytes(), lowered.as_bytes());
    lowered.is_empty()
        || text.windows(lowered.len()).any(|window| window.eq_ignore_ascii_case(lowered))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_the_place_that_it_was_made_of() {
        let check = |key: Key, id: &str, sort| {
            let place = Place { key, id: id.to_owned() };
            assert_eq!(Place::read(&place.write(), sort), Ok(place));
        };
        check(Key::Nothing, "r1", Sort::Id);
        check(Key::Number(-5), "r1", Sort::LastSignOn);
        check(Key::Number(i64::MIN), "r1", Sort::ObservedAt);
        check(Key::Text("zoë.x".into()), "r.1", Sort::Name);
        check(Key::Text(String::new()), "r1", Sort::DisplayName);
        for bad in ["", "r1", "zz.r1", "a.r1", "ff.r1"] {
            assert_eq!(Place::read(bad, Sort::Name), Err(BadCursor), "{bad:?}");
        }
        assert_eq!(Place::read("x.r1", Sort::LastSignOn), Err(BadCursor));
    }

    #[test]
    fn a_text_is_placed_as_its_copy_in_lower_case_is() {
        let texts = ["", "a", "A", "ann", "Ann B", "annb", "Zoë", "zoe", "ΣΑΣ", "σας", "ß", "Z"];
        for text in texts {
            for other in texts.map(str::to_lowercase) {
                let expected = text.to_lowercase().cmp(&other);
                assert_eq!(in_lower_case(text, &other), expected, "{text:?} {other:?}");
            }
        }
    }

    #[test]
    fn a_text_is_found_whatever_its_case() {
        for (text, wanted, found) in [
            ("Ann Ampere", "ann a", true),
            ("ZOË", "zoë", true),
            ("ann", "", true),
            ("ann", "anna", false),
            ("bob", "ann", false),
        ] {
            assert_eq!(contains(text, wanted), found, "{text} {wanted}");
        }
    }
}
