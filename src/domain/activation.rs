//! Whether the directory takes an entry for an account that may be used (S4.2): each directory's
//! own attributes, and a filter of the configuration.
//!
//! An account that is locked for a while because somebody guessed passwords is not disabled: whoever
//! guesses would otherwise take a user's groups away. It is told apart, for those who vouch for an
//! account without its password (S10.7).

use super::matching::{self, Truth};
use super::observation::{Observed, UnknownReason};
use super::time::Timestamp;
use crate::proto::filter::Filter;
use crate::proto::search::Entry;

/// OpenLDAP's password policy (draft-behera-ldap-password-policy-10 section 5.3.3).
const LOCKED_TIME: &str = "pwdAccountLockedTime";
/// The value of [`LOCKED_TIME`] that stands for good.
const LOCKED_FOR_GOOD: &[u8] = b"000001010000Z";
/// Active Directory's flags (MS-ADTS section 2.2.16).
const USER_ACCOUNT_CONTROL: &str = "userAccountControl";
const ACCOUNT_DISABLE: i64 = 0x2;
const LOCKOUT: i64 = 0x10;
/// Active Directory: hundreds of nanoseconds since 1601 (MS-ADA1 section 2.2).
const ACCOUNT_EXPIRES: &str = "accountExpires";
const NEVER: [i64; 2] = [0, i64::MAX];
/// From 1601-01-01 to 1970-01-01, in microseconds.
const FROM_1601: i64 = 11_644_473_600_000_000;
/// 389 Directory Server.
const NS_ACCOUNT_LOCK: &str = "nsAccountLock";
/// eDirectory.
const LOGIN_DISABLED: &str = "loginDisabled";

/// What has to be read of an entry beside the filter's attributes.
pub const ATTRIBUTES: [&str; 5] =
    [LOCKED_TIME, USER_ACCOUNT_CONTROL, ACCOUNT_EXPIRES, NS_ACCOUNT_LOCK, LOGIN_DISABLED];

/// How an account stands in the directory; of several that hold, the greatest counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// It may be used.
    Enabled,
    /// It is locked for a while.
    Locked,
    /// Its time is over.
    Expired,
    /// It is disabled until somebody enables it.
    Disabled,
}

impl Standing {
    /// Whether the account may not be used until the directory's administrator changes that.
    pub fn is_disabled(self) -> bool {
        matches!(self, Self::Expired | Self::Disabled)
    }
}

/// How an entry stands at a time. Unknown if an attribute holds what nobody could have meant, or if
/// the filter cannot be decided; whatever disables the account counts all the same.
pub fn standing(entry: &Entry, disabled: Option<&Filter>, now: Timestamp) -> Observed<Standing> {
    let told = [
        each(entry, LOCKED_TIME, |value| Some(locked_time(value))),
        each(entry, USER_ACCOUNT_CONTROL, |value| whole(value).map(account_control)),
        each(entry, ACCOUNT_EXPIRES, |value| whole(value).map(|at| expiry(at, now))),
        each(entry, NS_ACCOUNT_LOCK, flag),
        each(entry, LOGIN_DISABLED, flag),
        disabled.map_or(Some(Standing::Enabled), |filter| filtered(filter, entry)),
    ];
    let worst = told.iter().flatten().max().copied().unwrap_or(Standing::Enabled);
    if worst.is_disabled() || told.iter().all(Option::is_some) {
        return Observed::Known(worst);
    }
    Observed::Unknown(UnknownReason::Malformed)
}

/// The worst that the values of an attribute say; `None` if one of them says nothing.
fn each(entry: &Entry, name: &str, read: impl Fn(&[u8]) -> Option<Standing>) -> Option<Standing> {
    let mut worst = Standing::Enabled;
    for value in entry.values(name) {
        worst = worst.max(read(value)?);
    }
    Some(worst)
}

fn locked_time(value: &[u8]) -> Standing {
    if value == LOCKED_FOR_GOOD { Standing::Disabled } else { Standing::Locked }
}

fn account_control(flags: i64) -> Standing {
    if flags & ACCOUNT_DISABLE != 0 {
        Standing::Disabled
    } else if flags & LOCKOUT != 0 {
        Standing::Locked
    } else {
        Standing::Enabled
    }
}

fn expiry(at: i64, now: Timestamp) -> Standing {
    let is_over = !NEVER.contains(&at) && at / 10 - FROM_1601 <= now.0;
    if is_over { Standing::Expired } else { Standing::Enabled }
}

/// `TRUE` and `FALSE` (RFC 4517 section 3.3.3), in any case as 389 Directory Server takes them.
fn flag(value: &[u8]) -> Option<Standing> {
    if value.eq_ignore_ascii_case(b"true") {
        Some(Standing::Disabled)
    } else if value.eq_ignore_ascii_case(b"false") {
        Some(Standing::Enabled)
    } else {
        None
    }
}

fn filtered(filter: &Filter, entry: &Entry) -> Option<Standing> {
    match matching::evaluate(filter, entry) {
        Truth::True => Some(Standing::Disabled),
        Truth::False => Some(Standing::Enabled),
        Truth::Undefined => None,
    }
}

fn whole(value: &[u8]) -> Option<i64> {
    std::str::from_utf8(value).ok()?.parse().ok()
}
