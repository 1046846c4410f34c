//! The one list of steps in which the gateway's bytes may differ from the directory's.

/// Steps and why their answers differ. The result code has to be the same nevertheless.
pub(crate) const EXCEPTIONS: &[(&str, &str)] = &[
    ("bind as version 2", "the gateway refuses it itself, with a text of its own"),
    (
        "bind with an unknown mechanism",
        "a mechanism that is not known to pass through is refused before the directory hears of it",
    ),
    ("bind with no mechanism", "it is none that is known to pass through either"),
    (
        "bind without a certificate",
        "EXTERNAL is served by the gateway, which sees the certificate, with a text of its own",
    ),
    (
        "who am i in another spelling",
        "the gateway answers from the session, with the name as the client spelled it",
    ),
    (
        "cancel what is not there",
        "messageIDs differ on the two sides, so the gateway answers, with a text of its own",
    ),
];
