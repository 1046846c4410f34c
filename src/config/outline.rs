//! The sections of the configuration, each with what it is about.

use super::kinds::{Occurs, SectionInfo};

/// The sections, in the order of the reference.
pub const SECTIONS: &[SectionInfo] = &[
    once("listen", "The clients' side: where LDAP is served, and how much one client may take."),
    once(
        "listen.tls",
        "Certificate and key of LDAPS and StartTLS; without this section there is no TLS for clients.",
    ),
    once("store", "Where the records are kept."),
    once("admin", "Administration over HTTP: records, switches, health and metrics."),
    once(
        "admin.tls",
        "Certificate and key of administration, which is HTTPS with it; needed off loopback.",
    ),
    once("log", "What is written to standard error."),
    once(
        "traces",
        "Traces of binds, sent by OTLP over HTTP; without this section nothing is traced.",
    ),
    once("sign_on", "What happens when somebody binds."),
    once(
        "reconcile",
        "How users are looked at who do not sign on, so that changes are seen all the same.",
    ),
    once(
        "throttle",
        "What happens to a source, an IPv4 address or a /64 network of IPv6, that keeps failing: most\n\
         of its binds have a wrong password, and there are many of them.",
    ),
    once(
        "records",
        "The records' own suffix: people and groups as the gateway holds them, read-only over LDAP;\n\
         without readers it is not there.",
    ),
    often(
        "view",
        "What one client application may do and is shown. Of several that fit, the one with bind_dns\n\
         counts, then the one with addresses, then the one with listeners, then the one without match;\n\
         of two alike the first.",
    ),
    once(
        "view.match",
        "Whom the view is for: all that is given here has to be so. A view with bind_dns counts from\n\
         the bind on; before it, the connection has the one of its listener or address.",
    ),
    once(
        "view.group_names",
        "What groups are called for these clients, by the DN in the directory: \"cn=a,dc=x\" = \"cn=b\".\n\
         With flatten = \"mapped\" these alone are shown.",
    ),
    often("directory", "One directory behind the gateway. There may be several; at least one."),
    once(
        "directory.service_account",
        "The account that the gateway's own reads use; it is never a user itself.",
    ),
    once("directory.tls", "How the directory's servers are authenticated."),
    once(
        "directory.groups",
        "Where the directory's groups are; without this section none are taken over.",
    ),
    once(
        "directory.groups.canary",
        "A user whose groups are known and looked at from time to time; without this section, nobody.",
    ),
    once(
        "directory.serve",
        "What is added to entries that pass through, for clients that are bound.",
    ),
    once(
        "directory.mass_change",
        "When losses of groups are held until somebody confirms or rejects them (`bindgate held`).",
    ),
    often(
        "directory.user_type",
        "Which entries are users of one kind, and what applies to them. The first that fits wins.",
    ),
    once(
        "directory.user_type.attributes",
        "The attributes that a record keeps: name in the record = \"attribute in the directory\".\n\
         The names are yours; a section that is written takes the place of this whole list.\n\
         Rules of one attribute: phone = { from = \"telephoneNumber\", update = \"overwrite\",\n\
         absent = \"clear\" }; update is overwrite, fill-if-empty, first-sign-on-only or never, absent is\n\
         keep or clear (which needs somebody who has the attribute, to show that it may be read).",
    ),
];

const fn once(name: &'static str, purpose: &'static str) -> SectionInfo {
    SectionInfo { name, occurs: Occurs::Once, purpose }
}

const fn often(name: &'static str, purpose: &'static str) -> SectionInfo {
    SectionInfo { name, occurs: Occurs::Often, purpose }
}
