//! What a sign-on says to the bind's success.

use super::Shared;
use crate::app::ports::{Ports, Records};
use crate::app::trace::SpanId;
use crate::domain::policy::{DirectoryPolicy, OnUnknown, UnknownReactivation, UserType};
use crate::domain::record::Record;
use crate::domain::session::Refusal;
use crate::proto::dn::DistinguishedName;
use crate::proto::result::ResultCode;

/// What a sign-on says about the bind's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The directory's success goes out.
    Admit,
    /// This goes out in its place.
    Refuse(Refusal),
}

/// What a flight came to, for all who waited for it.
#[derive(Debug, Clone, Copy)]
pub struct Landed {
    pub(super) verdict: Verdict,
    /// The span of it, if that is traced.
    pub(super) span: Option<SpanId>,
}

pub(super) const UNKNOWN_DENIED: Verdict =
    Verdict::Refuse(Refusal::new(ResultCode::UNAVAILABLE, "the sign-on could not be synchronised"));

/// What a bind of somebody is answered whom an admin or a policy has shut out, whatever the password
/// (S4.3): as a wrong one is where nothing more is said.
pub const BARRED: Refusal = Refusal::new(ResultCode::INVALID_CREDENTIALS, "");

/// The verdict while it is not known whose name it is (S9.4): nobody gets in who may be one of those
/// that are shut out.
pub(super) fn open_verdict<P: Ports>(
    shared: &Shared<P>,
    directory: usize,
    dn: &DistinguishedName,
) -> Verdict {
    let policy = &shared.directories[directory].policy;
    let known = shared.records.located(&policy.name, dn.normalized());
    if known.iter().any(|stored| stored.record.is_barred()) {
        return Verdict::Refuse(BARRED);
    }
    let fails_closed = |record: &Record| record.is_suspended() && denies_return(policy, record);
    if shared.records.has_barred(&policy.name)
        || known.iter().any(|stored| fails_closed(&stored.record))
    {
        return UNKNOWN_DENIED;
    }
    unknown_verdict(policy, dn)
}

/// Whether the user type of a record takes nobody back whose groups are unknown.
fn denies_return(policy: &DirectoryPolicy, record: &Record) -> bool {
    let user_type = policy.user_types.iter().find(|t| t.name == record.user_type);
    user_type.is_none_or(|t| t.unknown_reactivation == UnknownReactivation::Deny)
}

/// What an unknown entry means for the answer: denied if it may belong to a user type that says so.
fn unknown_verdict(policy: &DirectoryPolicy, dn: &DistinguishedName) -> Verdict {
    let denies = |user_type: &UserType| {
        user_type.on_unknown == OnUnknown::Deny && dn.is_within(&user_type.base)
    };
    if policy.user_types.iter().any(denies) { UNKNOWN_DENIED } else { Verdict::Admit }
}
