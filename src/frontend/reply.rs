//! The only place where an error becomes a result code.

use crate::app::ports::LinkError;
use crate::domain::session::Refusal;
use crate::proto::result::ResultCode;

/// The upstream connection was lost with the operation on it.
pub(super) const UPSTREAM_LOST: Refusal =
    Refusal::new(ResultCode::UNAVAILABLE, "the connection to the directory was lost");

/// The directory took too long for a bind.
pub(super) const BIND_TIMED_OUT: Refusal =
    Refusal::new(ResultCode::UNAVAILABLE, "the directory did not answer in time");

/// The session's connection was given to somebody else, and cannot be made again without the
/// password.
pub(super) const LEASE_RECALLED: Refusal =
    Refusal::new(ResultCode::UNAVAILABLE, "please connect and bind again");

/// The gateway is shutting down.
pub(super) const SHUTTING_DOWN: Refusal =
    Refusal::new(ResultCode::UNAVAILABLE, "the gateway is shutting down");

/// An administrator has ended the session.
pub(super) const ENDED: Refusal =
    Refusal::new(ResultCode::UNAVAILABLE, "the session was ended by an administrator");

/// Too many clients.
pub(super) const TOO_MANY_CLIENTS: Refusal = Refusal::new(ResultCode::BUSY, "too many clients");

/// Too many clients of one address.
pub(super) const TOO_MANY_OF_ADDRESS: Refusal =
    Refusal::new(ResultCode::BUSY, "too many clients from this address");

/// A source that keeps failing asks faster than it is let through.
pub(super) const THROTTLED: Refusal =
    Refusal::new(ResultCode::BUSY, "too many failed binds from this address, try again later");

/// A password of which the directory would look at a part alone.
pub(super) const CUT_PASSWORD: Refusal =
    Refusal::new(ResultCode::INVALID_CREDENTIALS, "a password with a NUL byte is nobody's here");

/// An operation that was abandoned: it took longer than the gateway waits.
pub(super) const TOOK_TOO_LONG: Refusal = Refusal::new(
    ResultCode::TIME_LIMIT_EXCEEDED,
    "abandoned: the operation took longer than the gateway waits",
);

/// A client that has asked for nothing.
pub(super) const NOTHING_ASKED: Refusal =
    Refusal::new(ResultCode::UNAVAILABLE, "no request came in time");

/// A SASL bind whose next step does not come.
pub(super) const STEP_TOO_SLOW: Refusal =
    Refusal::new(ResultCode::UNAVAILABLE, "the next step of the bind did not come in time");

/// A SASL mechanism that the gateway does not relay to this directory.
pub(super) const NOT_CARRIED: Refusal = Refusal::new(
    ResultCode::AUTH_METHOD_NOT_SUPPORTED,
    "this SASL mechanism does not pass through the gateway",
);

/// A directory that wants a security layer.
pub(super) const LAYERS_ONLY: Refusal = Refusal::new(
    ResultCode::AUTH_METHOD_NOT_SUPPORTED,
    "the directory asks for a security layer, which the gateway cannot carry",
);

/// The directory is not to be talked to any more, right behind a success by a mechanism that may
/// install a security layer.
pub(super) const LOST_TO_A_LAYER: Refusal = Refusal::new(
    ResultCode::UNAVAILABLE,
    "the directory was lost behind the bind; a security layer cannot be carried (maxssf=0)",
);

/// A message that does not become whole.
pub(super) const MESSAGE_TOO_SLOW: Refusal =
    Refusal::new(ResultCode::UNAVAILABLE, "a message took too long to arrive");

/// A messageID that an outstanding operation bears (RFC 4511 section 4.1.1.1).
pub(super) const REUSED_ID: Refusal =
    Refusal::new(ResultCode::PROTOCOL_ERROR, "message id is in use");

/// A message that is not LDAP.
pub(super) const MALFORMED: Refusal =
    Refusal::new(ResultCode::PROTOCOL_ERROR, "message is malformed");

/// A message above the limit.
pub(super) const TOO_LARGE: Refusal =
    Refusal::new(ResultCode::PROTOCOL_ERROR, "message exceeds the size limit");

/// A request to be done as somebody else, of a client that may not ask so (RFC 4370 section 4).
pub(super) const PROXYING_DENIED: Refusal = Refusal::new(
    ResultCode::AUTHORIZATION_DENIED,
    "this client may not ask as somebody else through the gateway",
);

/// More searches in pages than a client may have begun and not finished.
pub(super) const TOO_MANY_COOKIES: Refusal =
    Refusal::new(ResultCode::ADMIN_LIMIT_EXCEEDED, "too many paged searches are not finished");

/// More updates in a transaction than it may have.
pub(super) const TRANSACTION_TOO_LARGE: Refusal =
    Refusal::new(ResultCode::ADMIN_LIMIT_EXCEEDED, "too many updates in one transaction");

/// A filter that names groups with more members than can be named to the directory.
pub(super) const TOO_MANY_MEMBERS: Refusal = Refusal::new(
    ResultCode::ADMIN_LIMIT_EXCEEDED,
    "the groups of this filter have more members than max_filter_members",
);

/// A filter on memberOf that would have to name members whose ids are not known.
pub(super) const NAMELESS_MEMBERS: Refusal = Refusal::new(
    ResultCode::ADMIN_LIMIT_EXCEEDED,
    "this filter on groups cannot be decided: there is no live copy of the users",
);

/// Members would have to be named in one search by ids that the client may not search.
pub(super) const HIDDEN_IDS: Refusal = Refusal::new(
    ResultCode::ADMIN_LIMIT_EXCEEDED,
    "this filter cannot be decided in that order: the client may not search for entries by their ids",
);

/// A cookie that leads nowhere any more.
pub(super) const OLD_COOKIE: Refusal =
    Refusal::new(ResultCode::UNWILLING_TO_PERFORM, "paged results cookie is invalid or old");

/// The records' own suffix is read by readers alone.
pub(super) const NO_READER: Refusal = Refusal::new(
    ResultCode::INSUFFICIENT_ACCESS_RIGHTS,
    "the gateway's records are read by those alone who are named in [records] readers",
);

/// The records' own suffix is read by nobody who is not bound.
pub(super) const NOBODY_READS: Refusal = Refusal::new(
    ResultCode::INSUFFICIENT_ACCESS_RIGHTS,
    "the gateway's records are read by nobody who is not bound",
);

/// The groups of somebody are not known.
pub(super) const GROUPS_UNKNOWN: Refusal =
    Refusal::new(ResultCode::UNAVAILABLE, "the groups of an entry are not known at this time");

/// As many entries as the client takes were sent, and there are more.
pub(super) const ENOUGH_ENTRIES: Refusal =
    Refusal::new(ResultCode::SIZE_LIMIT_EXCEEDED, "size limit exceeded");

/// A value that is no name.
pub(super) const NO_NAME: Refusal =
    Refusal::new(ResultCode::INVALID_ATTRIBUTE_SYNTAX, "the value is no distinguished name");

/// An operation that Cancel does not find (RFC 3909 section 2.1).
pub(super) const NO_SUCH_OPERATION: Refusal =
    Refusal::new(ResultCode::NO_SUCH_OPERATION, "message id not found");

/// A Cancel for which there is no room where the operation is under way.
pub(super) const CANNOT_CANCEL: Refusal =
    Refusal::new(ResultCode::CANNOT_CANCEL, "too many operations are under way");

/// What a client is told when there is no connection for it.
pub(super) fn no_link(error: LinkError) -> Refusal {
    match error {
        LinkError::Unreachable => {
            Refusal::new(ResultCode::UNAVAILABLE, "the directory cannot be reached")
        }
        LinkError::TimedOut => {
            Refusal::new(ResultCode::BUSY, "no connection to the directory came free")
        }
        LinkError::QueueFull => Refusal::new(ResultCode::BUSY, "too many clients wait"),
        LinkError::Closed => SHUTTING_DOWN,
    }
}

/// As many sessions that the gateway vouches for have a connection of their own as may have one.
pub(super) const TOO_MANY_APART: Refusal = Refusal::new(
    ResultCode::BUSY,
    "too many sessions that the gateway vouches for have a connection of their own",
);

/// More binds of accounts of the gateway's own than are looked at.
pub(super) const ACCOUNTS_BUSY: Refusal =
    Refusal::new(ResultCode::BUSY, "too many binds of accounts are looked at, try again later");

/// The password of an account could not be looked at.
pub(super) const NOT_LOOKED_AT: Refusal =
    Refusal::new(ResultCode::UNAVAILABLE, "the password could not be looked at");

/// What an account of the gateway's own may not do.
pub(super) const ACCOUNTS_READ: Refusal = Refusal::new(
    ResultCode::INSUFFICIENT_ACCESS_RIGHTS,
    "an account of the gateway searches and compares, and does nothing else",
);

/// The account that a session was bound as is not taken any more.
pub(super) const ACCOUNT_ENDED: Refusal =
    Refusal::new(ResultCode::UNAVAILABLE, "this session is over: please bind again");

/// What a session that was bound by a certificate cannot have done by proxied authorisation.
pub(super) const NOT_BY_PROXY: Refusal = Refusal::new(
    ResultCode::UNWILLING_TO_PERFORM,
    "not served to a session that was bound by certificate",
);

/// A client that was silent for too long.
pub(super) const IDLE: Refusal = Refusal::new(ResultCode::UNAVAILABLE, "idle for too long");

/// An entry that is hidden from the client, as if it were not there.
pub(super) const NOT_THERE: Refusal = Refusal::new(ResultCode::NO_SUCH_OBJECT, "");
