//! What the spans of a sign-on say: ids of records, counts, outcomes and reasons; whom it is about only
//! where names are taken.

use super::Verdict;
use super::update::Report;
use crate::app::barrier::Passage;
use crate::app::events::{GroupSource, SignOnOutcome};
use crate::app::ports::{Coverage, StoreError};
use crate::app::trace::Span;
use crate::domain::observation::{Closure, Observed, UnknownReason};
use crate::domain::plan::Plan;
use crate::domain::policy::{DirectoryPolicy, UserType};
use std::sync::Arc;

impl Verdict {
    /// The name in traces.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Admit => "admit",
            Self::Refuse(_) => "refuse",
        }
    }
}

/// What a flight came to.
#[cold]
pub(super) fn flight(
    span: &mut Span,
    (directory, user_type): (Arc<DirectoryPolicy>, Option<&UserType>),
    user: &str,
    report: &Report,
) {
    span.set("bindgate.directory", directory.name.to_string());
    if let Some(user_type) = user_type {
        span.set("bindgate.user_type", user_type.name.to_string());
    }
    span.set_name("bindgate.user", || user.to_owned());
    span.set("bindgate.outcome", report.outcome.name());
    span.set("bindgate.groups.source", report.source.name());
    span.set("bindgate.groups.added", report.added);
    span.set("bindgate.groups.removed", report.removed);
    if let SignOnOutcome::Unknown(reason) = report.outcome {
        unknown(span, reason);
    }
}

/// Why something is not known: that is a failure of somebody's, unless nobody asked.
pub(super) fn unknown(span: &mut Span, reason: UnknownReason) {
    if span.is_on() {
        span.set("bindgate.unknown", reason.to_string());
        if reason != UnknownReason::NotAsked {
            span.failed();
        }
    }
}

/// What the barrier said.
pub(super) fn passage(span: &mut Span, passage: Passage) {
    let said = match passage {
        Passage::Fresh(Coverage::GroupsAndUsers) => "fresh: groups and users",
        Passage::Fresh(Coverage::Groups) => "fresh: groups",
        Passage::Walk => "walk",
        Passage::Failed(reason) => {
            unknown(span, reason);
            "failed"
        }
        Passage::Behind => "behind",
        Passage::Held => "held",
    };
    span.set("bindgate.passage", said);
}

/// Which groups were found, and where.
pub(super) fn groups(span: &mut Span, source: GroupSource, found: &Observed<Closure>) {
    span.set("bindgate.groups.source", source.name());
    match found {
        Observed::Known(closure) => span.set("bindgate.groups.found", closure.len()),
        Observed::Unknown(reason) => unknown(span, *reason),
    }
}

/// What is to be done.
pub(super) fn plan(span: &mut Span, plan: &Plan) {
    if span.is_on() {
        span.set("bindgate.changes", plan.changes.len());
        span.set("bindgate.groups.added", plan.added());
        span.set("bindgate.groups.removed", plan.removed());
        span.set("bindgate.groups.skipped", plan.skipped.len());
    }
}

/// How the store took it.
pub(super) fn commit(span: &mut Span, error: Option<&StoreError>) {
    if let (Some(error), true) = (error, span.is_on()) {
        span.set("bindgate.error", error.to_string());
        if !matches!(error, StoreError::Conflict) {
            span.failed();
        }
    }
}
