//! `[directory.serve]`: what is added to entries that pass through.

use super::reader::{Reader, Section};
use crate::domain::membership::MemberAttribute;
use crate::domain::serving::{Inactive, ServePolicy, Usage};

/// The words for whether inactive users are shown.
pub(super) const INACTIVE: [(&str, Inactive); 2] =
    [("show", Inactive::Show), ("hide", Inactive::Hide)];

/// Reads the section.
pub(super) fn serve<'d>(r: &mut Reader<'d>, directory: &Section<'d>) -> Option<ServePolicy> {
    let section = r.section(directory, "directory.serve");
    let member_of = r.flag(&section, "member_of");
    let words = [("operational", Usage::Operational), ("user", Usage::User)];
    let inactive = r.choice(&section, "inactive", &INACTIVE);
    let usage = r.choice(&section, "member_of_usage", &words);
    let max_filter_members = r.amount(&section, "max_filter_members");
    // Which attributes name members is said elsewhere.
    let members = r.flag(&section, "member")?.then(MemberAttribute::usual);
    Some(ServePolicy {
        inactive: inactive?,
        member_of: member_of?,
        usage: usage?,
        max_filter_members: max_filter_members?,
        members: members.unwrap_or_default(),
    })
}
