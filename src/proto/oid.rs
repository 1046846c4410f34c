//! Object identifiers that the gateway knows by name.

/// Notice of Disconnection (RFC 4511 section 4.4.1).
pub const NOTICE_OF_DISCONNECTION: &[u8] = b"1.3.6.1.4.1.1466.20036";
/// StartTLS (RFC 4511 section 4.14).
pub const START_TLS: &[u8] = b"1.3.6.1.4.1.1466.20037";
/// Who Am I (RFC 4532).
pub const WHO_AM_I: &[u8] = b"1.3.6.1.4.1.4203.1.11.3";
/// Password Modify (RFC 3062).
pub const PASSWORD_MODIFY: &[u8] = b"1.3.6.1.4.1.4203.1.11.1";
/// Cancel (RFC 3909).
pub const CANCEL: &[u8] = b"1.3.6.1.1.8";
/// Fast bind (MS-ADTS 3.1.1.3.4.2.3).
pub const FAST_BIND: &[u8] = b"1.2.840.113556.1.4.1781";
/// Simple paged results (RFC 2696).
pub const PAGED_RESULTS: &[u8] = b"1.2.840.113556.1.4.319";
/// Server side sorting, on a search (RFC 2891).
pub const SORT_REQUEST: &[u8] = b"1.2.840.113556.1.4.473";
/// Server side sorting, on the result (RFC 2891).
pub const SORT_RESPONSE: &[u8] = b"1.2.840.113556.1.4.474";
/// That references are entries like others (RFC 3296).
pub const MANAGE_DSA_IT: &[u8] = b"2.16.840.1.113730.3.4.2";
/// Proxied authorisation (RFC 4370).
pub const PROXIED_AUTHORISATION: &[u8] = b"2.16.840.1.113730.3.4.18";
/// Proxied authorisation as its first draft had it (draft-weltman-ldapv3-proxy-04).
pub const PROXIED_AUTHORISATION_DRAFT: &[u8] = b"2.16.840.1.113730.3.4.12";
/// The authorisation identity, on a bind's response (RFC 3829).
pub const AUTHORISATION_IDENTITY: &[u8] = b"2.16.840.1.113730.3.4.15";
/// Virtual list view, on a search (draft-ietf-ldapext-ldapv3-vlv).
pub const LIST_VIEW: &[u8] = b"2.16.840.1.113730.3.4.9";
/// Virtual list view, on the result.
pub const LIST_VIEW_DONE: &[u8] = b"2.16.840.1.113730.3.4.10";
/// Transaction Specification, on an update (RFC 5805).
pub const TRANSACTION: &[u8] = b"1.3.6.1.1.21.2";
/// Start Transaction (RFC 5805).
pub const START_TRANSACTION: &[u8] = b"1.3.6.1.1.21.1";
/// End Transaction (RFC 5805).
pub const END_TRANSACTION: &[u8] = b"1.3.6.1.1.21.3";
/// Aborted Transaction, a notice (RFC 5805).
pub const ABORTED_TRANSACTION: &[u8] = b"1.3.6.1.1.21.4";
/// Matched values (RFC 3876).
pub const MATCHED_VALUES: &[u8] = b"1.2.826.0.1.3344810.2.3";
/// The matching rule that follows names up their chain (MS-ADTS section 3.1.1.3.4.4.3).
pub const IN_CHAIN: &[u8] = b"1.2.840.113556.1.4.1941";
/// That no references are wanted to other parts of the directory (MS-ADTS section 3.1.1.3.4.1.4).
pub const DOMAIN_SCOPE: &[u8] = b"1.2.840.113556.1.4.1339";
/// That entries are shown that are gone (MS-ADTS section 3.1.1.3.4.1.14).
pub const SHOW_DELETED: &[u8] = b"1.2.840.113556.1.4.417";
/// That names are shown with the ids of their entries (MS-ADTS section 3.1.1.3.4.1.5).
pub const EXTENDED_DN: &[u8] = b"1.2.840.113556.1.4.529";
/// That a search goes on and shows what changes (MS-ADTS section 3.1.1.3.4.1.9).
pub const NOTIFICATION: &[u8] = b"1.2.840.113556.1.4.528";
/// Persistent search (draft-ietf-ldapext-psearch-03).
pub const PERSISTENT_SEARCH: &[u8] = b"2.16.840.1.113730.3.4.3";
/// What happened to an entry that a persistent search shows.
pub const ENTRY_CHANGE: &[u8] = b"2.16.840.1.113730.3.4.7";
/// Sync Request (RFC 4533).
pub const SYNC_REQUEST: &[u8] = b"1.3.6.1.4.1.4203.1.9.1.1";
/// Sync State, on an entry (RFC 4533).
pub const SYNC_STATE: &[u8] = b"1.3.6.1.4.1.4203.1.9.1.2";
/// Sync Done, on the result (RFC 4533).
pub const SYNC_DONE: &[u8] = b"1.3.6.1.4.1.4203.1.9.1.3";
/// Sync Info, an intermediate response (RFC 4533).
pub const SYNC_INFO: &[u8] = b"1.3.6.1.4.1.4203.1.9.1.4";

/// Whether a control of that OID has a request done as somebody else.
pub fn is_proxied_authorisation(oid: &[u8]) -> bool {
    [PROXIED_AUTHORISATION, PROXIED_AUTHORISATION_DRAFT].contains(&oid)
}
