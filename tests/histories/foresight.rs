//! What a preview says before a sign-on, against what the sign-on then does.

use crate::directory::{Parts, dn};
use crate::shelf::Shelf;
use bindgate::app::sign_on::{Foreseen, Preview, SignOns, Verdict, Who};
use bindgate::domain::change::apply;
use bindgate::domain::record::{Record, RecordId, UserKey};
use bindgate::domain::time::Timestamp;
use bindgate::proto::dn::DistinguishedName;

/// A preview of somebody's sign-on: by DN, or by upstream id where there is a record.
pub(crate) async fn foresee<S: Shelf>(
    sign_ons: &SignOns<Parts<S>>,
    name: &str,
    key: &UserKey,
) -> Preview {
    let by_name = || Who::Named("one".into(), DistinguishedName::parse(&dn(name)).unwrap());
    let by_key = sign_ons.preview(Who::Known(key.clone())).await.unwrap();
    let by_name = sign_ons.preview(by_name()).await.unwrap();
    match (by_key, by_name) {
        (Ok(one), Ok(other)) => {
            assert_eq!(predicted(&one), predicted(&other), "however the user is named");
            Ok(other)
        }
        (_, other) => other,
    }
}

/// The record that a preview foretells, without what every sign-on makes anew.
fn predicted(foreseen: &Foreseen) -> Option<Record> {
    let before = foreseen.stored.as_ref().map(|stored| (*stored.record).clone());
    let after = match &foreseen.plan {
        Ok(plan) => apply(before, &plan.changes).unwrap(),
        Err(_) => before,
    };
    after.map(timeless)
}

fn timeless(mut record: Record) -> Record {
    record.id = RecordId("any".into());
    (record.version, record.created_at) = (0, Timestamp(0));
    record.missing_since = None;
    record.memberships.iter_mut().for_each(|(_, row)| row.since = Timestamp(0));
    record
}

/// What differs between a preview and what there is after the sign-on.
pub(crate) fn compare(
    preview: &Preview,
    before: Option<Record>,
    after: Option<Record>,
    verdict: Verdict,
) -> Result<(), String> {
    let after = after.map(timeless);
    let Ok(foreseen) = preview else {
        // Who could not be read is left alone, whatever the answer.
        let before = before.map(timeless);
        return if before == after { Ok(()) } else { Err(format!("unforeseen: {after:#?}")) };
    };
    let expected = predicted(foreseen);
    if expected != after {
        return Err(format!("foreseen: {expected:#?}\ndone: {after:#?}"));
    }
    if foreseen.verdict != verdict {
        return Err(format!("foreseen: {:?}, answered: {verdict:?}", foreseen.verdict));
    }
    Ok(())
}
