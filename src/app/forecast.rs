//! What the next sign-on will do to an edit (S7.2): said with the edit's answer, before anybody is
//! surprised by it. Pure: it follows from the record before and after, the policy and the switch.

use super::edits::{Edit, Pin};
use crate::domain::policy::{GroupSync, OnReactivateLocal, Switch, UserType};
use crate::domain::record::{Group, MembershipKey, Provenance, Record, UpstreamId};
use crate::domain::time::Timestamp;
use crate::proto::dn::DistinguishedName;

/// What becomes of an edit at the next sign-on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forecast {
    /// No sign-on changes it.
    Stays,
    /// It stays until its end.
    StaysUntil(Timestamp),
    /// The directory says it still, as far as is known: the next sign-on adds it again.
    ComesBack,
    /// The configuration gives it at every sign-on.
    GivenAgain,
    /// The record does not follow the directory's groups, so it stays as it is.
    NotFollowed,
    /// It stays, but does not count while the group is denied.
    Denied,
    /// It stays; once the directory has let the user go and taken the user back, it ends.
    DroppedOnReturn,
    /// It stays; once the directory has let the user go and taken the user back, it waits for an
    /// admin.
    ReviewedOnReturn,
    /// Sign-ons are refused until an admin enables the user.
    Refused,
    /// The directory takes the user back at the next sign-on, if it does.
    StillInactive,
    /// The user signs on as before.
    SignsOn,
    /// The record follows the directory from the next sign-on on.
    Follows,
    /// The next sign-ons leave the record as it is.
    LeftAlone,
    /// The next sign-on makes a new record, with a new id.
    MadeAnew,
    /// No sign-on makes a record any more: `create` is off.
    NotMade,
}

impl Forecast {
    /// The name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stays => "stays",
            Self::StaysUntil(_) => "stays-until",
            Self::ComesBack => "comes-back",
            Self::GivenAgain => "given-again",
            Self::NotFollowed => "not-followed",
            Self::Denied => "denied",
            Self::DroppedOnReturn => "dropped-on-return",
            Self::ReviewedOnReturn => "reviewed-on-return",
            Self::Refused => "refused",
            Self::StillInactive => "still-inactive",
            Self::SignsOn => "signs-on",
            Self::Follows => "follows",
            Self::LeftAlone => "left-alone",
            Self::MadeAnew => "made-anew",
            Self::NotMade => "not-made",
        }
    }

    /// The same for a person.
    pub fn text(self) -> &'static str {
        match self {
            Self::Stays => "no sign-on changes it",
            Self::StaysUntil(_) => "no sign-on changes it before its end",
            Self::ComesBack => {
                "the next sign-on, or look of the gateway's own, adds it again if the directory still \
                 says so; pin the user out of the group to keep it away"
            }
            Self::GivenAgain => {
                "the configuration gives it at every sign-on, so the next one adds it again; \
                 pin the user out of the group to keep it away"
            }
            Self::NotFollowed => {
                "this record does not follow the directory's groups, so it stays as it is"
            }
            Self::Denied => {
                "no sign-on changes it, but it does not count while the group is denied"
            }
            Self::DroppedOnReturn => {
                "no sign-on changes it, until the directory lets the user go and takes the user back"
            }
            Self::ReviewedOnReturn => {
                "no sign-on changes it; when the directory lets the user go and takes the user back, \
                 it waits for an admin"
            }
            Self::Refused => "sign-ons are refused until an admin enables the user",
            Self::StillInactive => {
                "other reasons make the user inactive; the next sign-on lifts those that the \
                 directory does not confirm"
            }
            Self::SignsOn => "the next sign-on is answered as the directory answers it",
            Self::Follows => "the next sign-on brings the record up to date",
            Self::LeftAlone => "the next sign-ons leave the record as it is",
            Self::MadeAnew => "the next sign-on makes a new record, with nothing of the old one",
            Self::NotMade => "no sign-on makes a new record: create is off",
        }
    }
}

/// What there is to judge by.
#[derive(Clone, Copy)]
pub struct Rules<'a> {
    /// The record's user type, if it is still configured.
    pub user_type: Option<&'a UserType>,
    /// The switch as it stands for this record after the edit.
    pub switch: Switch,
    /// The group that the edit is about, if it is kept.
    pub group: Option<&'a Group>,
}

/// What the next sign-on does to an edit.
pub fn forecast(edit: &Edit, before: &Record, after: &Record, rules: Rules<'_>) -> Forecast {
    match edit {
        Edit::Disable => Forecast::Refused,
        Edit::Enable if after.is_barred() => Forecast::Refused,
        Edit::Enable if !after.is_active() => Forecast::StillInactive,
        Edit::Enable => Forecast::SignsOn,
        Edit::Confirm(key) => local(after, &key.group, rules),
        Edit::Join(group) => local(after, &group.id, rules),
        Edit::Pin { until: Some(until), .. } => Forecast::StaysUntil(*until),
        Edit::Pin { pin: Pin::Allow | Pin::Deny, until: None, .. } => Forecast::Stays,
        Edit::Unpin(group) => unpinned(before, after, group, rules),
        Edit::Leave(group) => left(before, group, rules),
        Edit::Name(_) => Forecast::Stays,
        Edit::Switch(_) if rules.switch.is_on() => Forecast::Follows,
        Edit::Switch(_) => Forecast::LeftAlone,
    }
}

/// What the next sign-on does after a record was erased.
pub fn after_forgetting(user_type: Option<&UserType>) -> Forecast {
    match user_type {
        Some(user_type) if user_type.create => Forecast::MadeAnew,
        _ => Forecast::NotMade,
    }
}

fn local(record: &Record, group: &UpstreamId, rules: Rules<'_>) -> Forecast {
    if has(record, group, Provenance::PinDeny) {
        return Forecast::Denied;
    }
    match rules.user_type.map(|user_type| user_type.on_reactivate_local) {
        Some(OnReactivateLocal::Drop) => Forecast::DroppedOnReturn,
        Some(OnReactivateLocal::Review) => Forecast::ReviewedOnReturn,
        Some(OnReactivateLocal::Keep) | None => Forecast::Stays,
    }
}

/// Without the pin it is as the other rows say, and they follow the directory.
fn unpinned(before: &Record, after: &Record, group: &UpstreamId, rules: Rules<'_>) -> Forecast {
    let was_denied = has(before, group, Provenance::PinDeny);
    let is_managed = has(after, group, Provenance::Managed);
    match (was_denied, is_managed) {
        (true, true) if follows(rules) => Forecast::Follows,
        (true, true) => Forecast::NotFollowed,
        _ => Forecast::Stays,
    }
}

fn left(before: &Record, group: &UpstreamId, rules: Rules<'_>) -> Forecast {
    let had = |provenance| has(before, group, provenance);
    if had(Provenance::Managed) {
        let is_ignored = rules.group.zip(rules.user_type).is_some_and(|(g, t)| t.ignores(g));
        if follows(rules) && !is_ignored {
            return Forecast::ComesBack;
        }
        if !is_given(rules) {
            return Forecast::NotFollowed;
        }
    }
    if is_given(rules) { Forecast::GivenAgain } else { Forecast::Stays }
}

/// Whether the configuration gives the group at every sign-on.
fn is_given(rules: Rules<'_>) -> bool {
    let Some((group, user_type)) = rules.group.zip(rules.user_type) else { return false };
    let dn = DistinguishedName::parse(&group.dn).ok();
    user_type.always_groups.iter().any(|name| Some(name) == dn.as_ref())
}

/// Whether a later sign-on takes the directory's groups over.
fn follows(rules: Rules<'_>) -> bool {
    let always = |user_type: &UserType| user_type.groups == GroupSync::Always;
    rules.switch.is_on() && rules.user_type.is_some_and(always)
}

fn has(record: &Record, group: &UpstreamId, provenance: Provenance) -> bool {
    record.memberships.contains_key(&MembershipKey { group: group.clone(), provenance })
}
