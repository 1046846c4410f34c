//! The one list of steps in which the gateway's bytes may differ from the directory's.

/// Steps and why their answers differ. The result code has to be the same nevertheless.
pub(crate) const EXCEPTIONS: &[(&str, &str)] = &[
    (
        "bind without a password",
        "the gateway refuses it before the directory hears of it, with a text of its own",
    ),
    ("bind as version 2", "the gateway refuses it itself, with a text of its own"),
    ("bind with an unknown mechanism", "the gateway offers no SASL, and says so itself"),
    (
        "who am i in another spelling",
        "the gateway answers from the session, with the name as the client spelled it",
    ),
    (
        "cancel what is not there",
        "messageIDs differ on the two sides, so the gateway answers, with a text of its own",
    ),
    ("start tls without a certificate", "TLS ends at the gateway, which answers for itself"),
];
