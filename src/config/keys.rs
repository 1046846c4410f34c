//! The table of keys: what there is to configure, with kind, limits, default and one sentence.
//!
//! The reader takes limits and defaults from here, and `config/reference.toml` is this table
//! written out, so that neither can differ from the other.

pub use super::kinds::{Key, Kind, Occurs, Presence, SectionInfo};
pub use super::outline::SECTIONS;

const ADDRESS: &str = "an IP address and a port, \"127.0.0.1:389\" or \"[::1]:389\"";
const FILE: &str = "a path; a relative one starts at this file's folder";
const DN: &str = "a distinguished name (RFC 4514)";
const NETWORK: &str =
    "an IP address or a network, \"192.0.2.7\", \"10.0.0.0/8\" or \"2001:db8::/32\"";
const FILTER: &str = "a search filter (RFC 4515)";
const PATTERN: &str = "a group's id, DN or name in any case; `*` stands for any text, and /…/ is a regular expression";
const FLATTEN: &str = "one of: direct, ancestors, depth:N, leaf, mapped";
const REGEX: &str = "a regular expression";
const TEMPLATE: &str = "text with $1, ${1} or ${name} for the pattern's groups";
const NAME: &str = "1 to 64 letters, digits, \"-\", \"_\" or \".\"";
const MECHANISM: &str = "a SASL mechanism (RFC 4422) without channel binding";
const SASL_MECHANISMS: &str = "[\"SCRAM-SHA-512\", \"SCRAM-SHA-384\", \"SCRAM-SHA-256\", \"SCRAM-SHA-224\", \"SCRAM-SHA-1\", \"DIGEST-MD5\", \"CRAM-MD5\", \"NTLM\", \"PLAIN\", \"LOGIN\", \"ANONYMOUS\", \"OAUTHBEARER\", \"GSSAPI\", \"GSS-SPNEGO\", \"GS2-KRB5\", \"GS2-IAKERB\"]";
const ATTRIBUTE: &str = "an attribute's name or OID";
const SECOND: u64 = 1000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

const fn key(
    section: &'static str,
    name: &'static str,
    kind: Kind,
    presence: Presence,
    purpose: &'static str,
) -> Key {
    Key { section, name, kind, presence, purpose }
}

use Kind::{Choice, Count, Duration, Flag, List, Size, Text};
use Presence::{Default, Optional, Required};

/// The keys, in the order of the reference.
#[rustfmt::skip]
pub const KEYS: &[Key] = &[
    key("listen", "ldap", List(ADDRESS), Default("[\"127.0.0.1:3890\"]"),
        "Addresses for plain LDAP; [] for none."),
    key("listen", "ldaps", List(ADDRESS), Default("[]"),
        "Addresses for LDAP over TLS; they need [listen.tls]."),
    key("listen", "public_url", Text("ldap://HOST[:PORT] or ldaps://HOST[:PORT]"), Optional("\"ldap://ldap.example.com\""),
        "How clients reach this gateway, for referrals = \"rewrite\"; without it the first address that it listens on."),
    key("listen", "require_confidentiality", Flag, Optional("true"),
        "Whether passwords that come in clear are refused (confidentialityRequired); if this is left out they are, except over loopback."),
    key("listen", "bind_only", Flag, Default("false"),
        "Whether clients do nothing here but bind: all else is refused (unwillingToPerform), and binds go by Active Directory's fast bind where the directory has it."),
    key("listen", "proxy_protocol", List(NETWORK), Default("[]"),
        "Balancers whose connections begin with a PROXY protocol version 2 header, and nobody else's do."),
    key("listen", "max_message_size", Size(KIB, 256 * MIB), Default("\"4MiB\""),
        "The most bytes of one message from a client; a longer one is refused before it is buffered."),
    key("listen", "max_outstanding", Count(1, 65_536), Default("256"),
        "The most operations that one client may have outstanding."),
    key("listen", "max_controls", Count(0, 1024), Default("64"),
        "The most controls of one message."),
    key("listen", "max_filter_depth", Count(1, 128), Default("64"),
        "The deepest nesting of a search's filter."),
    key("listen", "max_filter_items", Count(1, 1_000_000), Default("10000"),
        "The most filters within a search's filter; each part of a substrings filter counts too."),
    key("listen", "max_cookies", Count(1, 65_536), Default("100"),
        "The most searches in pages that a client may have begun and not finished; one that it has not come back to for ten minutes does not count."),
    key("listen", "max_transaction", Count(1, 1_000_000), Default("10000"),
        "The most updates of one transaction (RFC 5805)."),
    key("listen", "max_clients_per_address", Count(0, 1_000_000), Default("0"),
        "The most client connections of one address (of one /64 network of IPv6); 0 is no limit."),
    key("listen", "max_clients", Count(1, 1_000_000), Default("20000"),
        "The most client connections at a time."),
    key("listen", "max_unread", Size(64 * KIB, GIB), Default("\"16MiB\""),
        "The most bytes that wait for a client that does not read; then the directory is not read either."),
    key("listen", "handshake_timeout", Duration(100, HOUR), Default("\"10s\""),
        "How long a client may take for its TLS handshake, and a balancer for its header."),
    key("listen", "pre_bind_timeout", Duration(0, DAY), Default("\"30s\""),
        "How long a client may take until its first bind or operation is answered; waiting for the directory does not count; \"0s\" is for ever."),
    key("listen", "sasl_step_timeout", Duration(0, DAY), Default("\"30s\""),
        "How long a client may take for the next step of a SASL bind; \"0s\" is for ever."),
    key("listen", "read_timeout", Duration(0, DAY), Default("\"1m\""),
        "How long one message of a client may take from its first byte to its last; \"0s\" is for ever."),
    key("listen", "write_timeout", Duration(0, DAY), Default("\"1m\""),
        "How long a client may take not a byte of what waits for it; \"0s\" is for ever."),
    key("listen", "bind_wait_timeout", Duration(0, DAY), Default("\"1m\""),
        "How long a bind waits for the client's operations before it, which are then abandoned; \"0s\" is for ever."),
    key("listen", "operation_timeout", Duration(0, 30 * DAY), Default("\"0s\""),
        "How long an operation may take before it is abandoned; \"0s\" is for ever, as persistent searches need."),
    key("listen", "idle_timeout", Duration(0, 30 * DAY), Default("\"0s\""),
        "How long a client may be silent with nothing outstanding; \"0s\" is for ever."),
    key("listen", "drain_timeout", Duration(0, HOUR), Default("\"10s\""),
        "How long clients have to finish at a shutdown."),
    key("listen", "workers", Count(0, 1024), Default("0"),
        "How many worker threads serve clients; 0 is one a core."),

    key("listen.tls", "certificate", Text(FILE), Required("\"certs/gateway.pem\""),
        "The certificate and those above it, PEM."),
    key("listen.tls", "private_key", Text(FILE), Required("\"certs/gateway.key\""),
        "The certificate's private key, PEM."),
    key("listen.tls", "minimum_version", Choice(&["1.2", "1.3"]), Default("\"1.2\""),
        "The oldest version of TLS that is spoken."),
    key("listen.tls", "client_certificate", Choice(&["none", "request", "require"]), Default("\"none\""),
        "Whether clients are asked for a certificate, and whether one without is served over TLS; it is what SASL EXTERNAL goes by."),
    key("listen.tls", "client_ca", Text(FILE), Optional("\"certs/clients.pem\""),
        "Who may have issued certificates of clients, PEM."),
    key("listen.tls", "external_name", Text("a distinguished name with {subject}, {mail}, {upn} or an attribute type in braces"), Optional("\"uid={cn},ou=people,dc=example,dc=com\""),
        "The entry that a client's certificate stands for, for SASL EXTERNAL; without it that is refused."),
    key("listen.tls", "external_search", Flag, Default("false"),
        "Whether that entry is searched for: below all of the name but its first part, for what that says, as in \"mail={mail},ou=people,dc=example,dc=com\"; it has to be one entry."),
    key("listen.tls", "reload_interval", Duration(0, DAY), Default("\"10s\""),
        "How often the files are looked at for a change; with \"0s\" they are read again on SIGHUP alone."),

    key("store", "url", Text("file:FOLDER; a relative folder starts at this file's folder"), Default("\"file:/var/lib/bindgate\""),
        "The folder of the embedded store; one gateway at a time."),
    key("store", "max_waiting", Count(1, 1_000_000), Default("10000"),
        "The most commits that wait for the disk."),
    key("store", "mark_interval", Duration(SECOND, DAY), Default("\"1m\""),
        "How often last sign-ons that changed nothing else are written."),
    key("store", "max_audit_rows", Count(1, 1_000_000_000), Default("1000000"),
        "How many rows of the audit are kept; the oldest go first."),
    key("store", "max_audit_age", Duration(HOUR, 36_500 * DAY), Default("\"400d\""),
        "How old a row of the audit becomes; older ones go."),

    key("admin", "listen", Text("an IP address and a port, or \"off\""), Default("\"127.0.0.1:8389\""),
        "The address of the HTTP API, /metrics, /livez and /readyz; \"off\" for none."),
    key("admin", "url", Text("http://HOST:PORT or https://HOST:PORT"), Optional("\"https://gateway.example.com:8389\""),
        "How the commands reach it; without it, by its address. A certificate has to bear the name."),
    key("admin", "token_file", Text(FILE), Default("\"/etc/bindgate/admin.token\""),
        "The file with the first admin token; made with mode 0600 if it is missing."),
    key("admin", "max_clients", Count(1, 65_536), Default("256"),
        "The most HTTP connections at a time."),
    key("admin", "max_clients_per_address", Count(1, 65_536), Default("64"),
        "The most HTTP connections of one source at a time; further ones are closed."),
    key("admin", "max_header", Size(8 * KIB, MIB), Default("\"16KiB\""),
        "The most bytes of a request's head."),
    key("admin", "max_body", Size(KIB, 64 * MIB), Default("\"64KiB\""),
        "The most bytes of a request's body."),
    key("admin", "max_import", Size(KIB, 4096 * MIB), Default("\"256MiB\""),
        "The most bytes of an import; it is held in memory while it is judged."),
    key("admin", "header_timeout", Duration(100, 30 * SECOND), Default("\"10s\""),
        "How long a request's head may take, and a handshake before it; a connection lasts 30 s at most."),
    key("admin", "max_token_rate", Count(1, 1_000_000), Default("200"),
        "The most requests a second that bear one token; as many at once after a quiet second."),
    key("admin", "max_source_rate", Count(1, 1_000_000), Default("400"),
        "The most requests a second of one source, an IPv4 address or a /64 network of IPv6; with a valid token or not."),
    key("admin", "max_tokens", Count(1, 100_000), Default("1000"),
        "The most tokens beside the first."),
    key("admin", "metrics_public", Flag, Default("false"),
        "Whether everybody who reaches the port may read /metrics; on loopback everybody may."),

    key("admin.tls", "certificate", Text(FILE), Required("\"certs/gateway.pem\""),
        "The certificate chain, PEM; read again when it changes, and on SIGHUP."),
    key("admin.tls", "private_key", Text(FILE), Required("\"certs/gateway.key\""),
        "The private key, PEM."),
    key("admin.tls", "reload_interval", Duration(0, DAY), Default("\"10s\""),
        "How often the files are looked at for a change; with \"0s\" they are read again on SIGHUP alone."),

    key("log", "level", Choice(&["off", "error", "warn", "info", "debug"]), Default("\"info\""),
        "How much is logged; debug has a line for every operation."),
    key("log", "format", Choice(&["text", "json"]), Default("\"text\""),
        "How a line is written."),

    key("sign_on", "enabled", Flag, Default("true"),
        "Whether sign-ons are synchronised at all; false makes a plain relay."),
    key("sign_on", "sync", Choice(&["before-reply", "after-reply"]), Default("\"before-reply\""),
        "Whether the bind's answer waits until the record is up to date and on disk."),
    key("sign_on", "budget", Duration(10, 10 * MINUTE), Default("\"2s\""),
        "How long the bind's answer may wait for the record; the synchronisation goes on after it."),
    key("sign_on", "barrier_patience", Duration(1, MINUTE), Default("\"50ms\""),
        "How long a sign-on waits for the replica to have what the directory had when it began; then the directory is asked."),

    key("reconcile", "enabled", Flag, Default("true"),
        "Whether users are looked at who do not sign on."),
    key("reconcile", "after", Duration(SECOND, 365 * DAY), Default("\"1d\""),
        "How long a user may be unobserved; what a live copy shows is looked at without delay."),
    key("reconcile", "per_second", Count(1, 10_000), Default("10"),
        "How many users are looked at in a second at most."),
    key("reconcile", "max_waiting", Count(1, 10_000_000), Default("10000"),
        "The most users that wait to be looked at; others are found again in the next round."),

    key("throttle", "enabled", Flag, Default("true"),
        "Whether a source that keeps failing is held back."),
    key("throttle", "failures", Count(1, 1_000_000), Default("50"),
        "From so many binds with a wrong password on a source is watched; it is held back if half as many follow, and most of its binds."),
    key("throttle", "half_life", Duration(SECOND, DAY), Default("\"1m\""),
        "After how long what was counted of a source counts half."),
    key("throttle", "binds_per_second", Count(1, 100_000), Default("10"),
        "How many binds of such a source are let through each second."),
    key("throttle", "max_waiting", Count(0, 100_000), Default("64"),
        "The most binds of such a source that wait for their turn; others are answered busy."),
    key("throttle", "queue_timeout", Duration(0, HOUR), Default("\"5s\""),
        "How long a bind of such a source waits for its turn; then it is answered busy."),
    key("throttle", "max_tracked_sources", Count(1, 10_000_000), Default("65536"),
        "The most sources with failed binds that are remembered."),

    key("records", "suffix", Text("a distinguished name that begins with a dc, an o or an ou"), Default("\"dc=bindgate\""),
        "Its name: people are below ou=people, groups below ou=groups."),
    key("records", "readers", List(DN), Default("[]"),
        "Who may read it: entries that bind, or groups of users, by their names in the directory; nobody else does, and whoever does not bind never does."),
    key("records", "inactive", Choice(&["hide", "show"]), Default("\"hide\""),
        "Whether people whose records are inactive are there; they are in no group either way."),
    key("records", "size_limit", Count(0, 100_000_000), Default("10000"),
        "The most entries of one answer, or of one page; 0 is no limit."),
    key("records", "time_limit", Duration(0, HOUR), Default("\"30s\""),
        "How long a search may take; \"0s\" is for ever."),
    key("records", "max_sorted", Count(1, 100_000_000), Default("200000"),
        "The most entries that one search sorts; more is refused."),

    key("view", "name", Text(NAME), Required("\"portal\""),
        "The view's name, unique in this file."),
    key("view", "flatten", Text(FLATTEN), Optional("\"direct\""),
        "How groups are flattened for these clients; without it as [directory.groups] says."),
    key("view", "group_base", List(DN), Default("[]"),
        "Groups are shown that are at or below these; [] is anywhere."),
    key("view", "group_filter", Text(FILTER), Optional("\"(cn=app-*)\""),
        "Groups are shown whose name says this: only what stands in the first part of the DN is looked at."),
    key("view", "attributes", List(ATTRIBUTE), Optional("[\"objectClass\", \"uid\", \"cn\", \"mail\", \"memberOf\"]"),
        "The attributes that are shown, and may be asked about in filters and compares; without it all."),
    key("view", "base", List(DN), Default("[]"),
        "Entries are shown that are at or below these; [] is anywhere."),
    key("view", "filter", Text(FILTER), Optional("\"(objectClass=person)\""),
        "Entries are shown that match this too; compares are refused then."),
    key("view", "inactive", Choice(&["show", "hide"]), Optional("\"hide\""),
        "Whether these clients' searches show inactive users; without it as [directory.serve] says."),
    key("view", "visible_to", Text("\"bound\", \"anyone\", or a list of names that clients are bound as"), Default("\"bound\""),
        "Who sees what the gateway adds to entries, and may ask for it in filters and compares; others see what the directory gives."),
    key("view", "writes", Choice(&["allow", "deny"]), Default("\"allow\""),
        "Whether these clients may write, as far as the directory lets them; \"deny\" refuses every extended operation too but Who Am I, StartTLS and Cancel."),
    key("view", "operations", List("one of: bind, search, compare, add, modify, delete, modify-dn, password-modify, extended"), Optional("[\"bind\", \"search\", \"compare\"]"),
        "What is served; without it everything. Unbind, abandon, Cancel, StartTLS and Who Am I always are."),
    key("view", "bind_only", Flag, Default("false"),
        "Whether these clients do nothing but bind, as with `bind_only` of [listen]."),
    key("view", "update_on_sign_on", Flag, Optional("false"),
        "Whether records follow the directory at sign-ons by these clients; without it as the user type says. A user's own switch stands over this."),

    key("view.match", "listeners", List(ADDRESS), Default("[]"),
        "The addresses that clients connect to, as they stand in [listen]; [] is any."),
    key("view.match", "addresses", List(NETWORK), Default("[]"),
        "Where clients come from, behind a balancer where that says it; [] is anywhere."),
    key("view.match", "bind_dns", List(DN), Default("[]"),
        "The names that clients are bound as; [] is anybody, and who is not bound."),

    key("directory", "name", Text(NAME), Required("\"corp\""),
        "The directory's name, unique in this file; records are kept under it."),
    key("directory", "urls", List("ldap://HOST[:PORT] or ldaps://HOST[:PORT]"), Required("[\"ldap://127.0.0.1:3891\"]"),
        "The directory's servers. The gateway's own reads stay with one until it fails, with the first to begin with."),
    key("directory", "server_choice", Choice(&["first", "spread"]), Default("\"first\""),
        "Which server clients use: the one that the gateway's own reads use, or the one with the fewest connections; then a bind may know what the reads behind it do not know yet."),
    key("directory", "suffixes", List(DN), Required("[\"dc=example,dc=com\"]"),
        "The names at or below these belong to this directory."),
    key("directory", "kind", Choice(&["auto", "openldap", "active-directory", "389ds", "generic"]), Default("\"auto\""),
        "What the directory is; \"auto\" finds it out from its root DSE, at the first sign-on."),
    key("directory", "default", Flag, Default("false"),
        "Whether names that no suffix holds come here; if none is marked, the first directory takes them."),
    key("directory", "max_connections", Count(1, 1_000_000), Default("1024"),
        "The most exclusive connections, which carry clients' binds and what follows them."),
    key("directory", "max_connecting", Count(1, 1_000_000), Default("64"),
        "The most exclusive connections that are being made at a time; who comes then waits for one of them."),
    key("directory", "min_connections", Count(0, 1_000_000), Default("4"),
        "How many exclusive connections are kept warm without being asked for."),
    key("directory", "max_ahead", Count(0, 1_000_000), Default("16"),
        "The most spare connections that are made ahead while demand grows."),
    key("directory", "max_binding", Count(1, 1_000_000), Default("64"),
        "How many connections are made for sessions that only bind; they take turns on these. A directory far away needs as many as binds a second times seconds a bind."),
    key("directory", "anonymous_share", Count(1, 100), Default("75"),
        "How much of max_connections, in per cent, clients without a bind may have at a time."),
    key("directory", "max_waiting", Count(0, 1_000_000), Default("65536"),
        "The most clients that wait for an exclusive connection."),
    key("directory", "max_waiting_per_source", Count(1, 1_000_000), Default("16384"),
        "The most clients of one address that wait for an exclusive connection."),
    key("directory", "queue_timeout", Duration(1, HOUR), Default("\"10s\""),
        "How long a client waits for an exclusive connection, or for a place on a shared one; then it is answered busy."),
    key("directory", "max_outstanding_upstream", Count(1, 65_536), Default("256"),
        "The most operations at a time on one connection that is bound: one client's, or one that is shared."),
    key("directory", "max_outstanding_anonymous", Count(1, 65_536), Default("64"),
        "The most operations at a time on one connection that was never bound."),
    key("directory", "max_shared_connections", Count(1, 4096), Default("4"),
        "The most connections that clients share, for each worker: so many for those without a bind, and so many for proxied sessions."),
    key("directory", "max_connections_apart", Count(0, 65_536), Default("64"),
        "The most sessions, bound by certificate, that have a connection of the service account for themselves: for pages and extended operations."),
    key("directory", "max_inbox", Size(KIB, GIB), Default("\"1MiB\""),
        "The most bytes of answers from a shared connection that wait for one client; then that connection is not read."),
    key("directory", "inbox_timeout", Duration(100, HOUR), Default("\"30s\""),
        "How long a client that does not read may hold up a shared connection before it is cut off."),
    key("directory", "proxied_authorisation", Flag, Default("true"),
        "Whether idle sessions may lend their connection to a bind that waits and go on by proxied authorisation, where the directory grants the service account that."),
    key("directory", "referrals", Choice(&["strip", "pass", "rewrite"]), Default("\"strip\""),
        "What becomes of references to other servers: left out, passed as they are, or made to lead here where a directory of this file holds the name; the gateway follows none."),
    key("directory", "proxied_authorisation_clients", List(DN), Default("[]"),
        "Who may ask as somebody else by the control of RFC 4370; a control of anybody else's is refused, and never reaches the directory."),
    key("directory", "sasl_mechanisms", List(MECHANISM), Default(SASL_MECHANISMS),
        "The SASL mechanisms that are relayed; others are refused, and the root DSE does not show them."),
    key("directory", "connect_timeout", Duration(1, HOUR), Default("\"5s\""),
        "How long connecting may take, TLS included."),
    key("directory", "bind_timeout", Duration(1, HOUR), Default("\"30s\""),
        "How long the directory may take for a bind."),
    key("directory", "search_timeout", Duration(1, HOUR), Default("\"10s\""),
        "How long one of the gateway's own searches may take."),
    key("directory", "max_message_size", Size(64 * KIB, GIB), Default("\"16MiB\""),
        "The most bytes of one message from a server."),
    key("directory", "max_lookup_entries", Count(1, 10_000_000), Default("20000"),
        "The most entries that one of the gateway's own searches may return."),
    key("directory", "idle_timeout", Duration(SECOND, 30 * DAY), Default("\"5m\""),
        "How long an exclusive connection above the minimum is kept warm unused."),

    key("directory.service_account", "dn", Text(DN), Required("\"cn=gateway,dc=example,dc=com\""),
        "The account's name."),
    key("directory.service_account", "password_file", Text(FILE), Required("\"/etc/bindgate/corp.password\""),
        "The file with its password, of which one trailing newline is dropped; read anew for every connection."),
    key("directory.service_account", "password_env", Text("the name of an environment variable"), Optional("\"BINDGATE_CORP_PASSWORD\""),
        "The environment variable with its password, in place of password_file."),

    key("directory.tls", "ca", Text(FILE), Optional("\"/etc/bindgate/corp-ca.pem\""),
        "Certificates to trust, PEM; the system's if this is left out."),
    key("directory.tls", "start_tls", Flag, Default("false"),
        "Whether connections to ldap:// URLs are upgraded before anything else is sent."),
    key("directory.tls", "server_name", Text("a host name"), Optional("\"dc1.example.com\""),
        "The name that the servers' certificates must bear, in place of the URL's host."),

    key("directory.groups", "base", Text(DN), Required("\"ou=groups,dc=example,dc=com\""),
        "Where the groups are: at or below this name."),
    key("directory.groups", "filter", Text(FILTER), Default("\"(|(objectClass=groupOfNames)(objectClass=groupOfUniqueNames)(objectClass=posixGroup)(objectClass=group))\""),
        "Which entries there are groups."),
    key("directory.groups", "member_attribute", List(ATTRIBUTE), Default("[\"member\", \"uniqueMember\", \"memberUid\"]"),
        "The attributes that name a group's members; one alone may stand without brackets. memberUid names users by uid, its case counts; without this key, uniqueMember is asked for in groupOfUniqueNames alone, and memberUid in posixGroup."),
    key("directory.groups", "name_attribute", Text(ATTRIBUTE), Default("\"cn\""),
        "The attribute that holds a group's name."),
    key("directory.groups", "resolve", Choice(&["auto", "replica", "walk", "member-of", "in-chain", "token-groups"]), Default("\"auto\""),
        "How a user's groups are found: in the replica where there is one that is up to date, else by a batched walk, one search a level; \"walk\" is the walk alone, \"member-of\", and on Active Directory \"token-groups\" and \"in-chain\" (on 389-ds too), have the directory list groups, where a probe shows that it does."),
    key("directory.groups", "replica", Choice(&["auto", "groups", "groups-and-users", "none"]), Default("\"auto\""),
        "What is held in memory and followed live: by content synchronisation (RFC 4533), or, groups alone, by change numbers on Active Directory and 389-ds; \"auto\" is groups and users, or groups alone if there are too many users."),
    key("directory.groups", "max_replica_users", Count(0, 100_000_000), Default("1000000"),
        "With more users than this, \"auto\" holds groups alone."),
    key("directory.groups", "max_replica_names", Count(1, 1_000_000_000), Default("10000000"),
        "The most names in the replica: of groups, of users, and of members that are neither; with more there is none."),
    key("directory.groups", "max_replica_pause", Duration(SECOND, DAY), Default("\"1m\""),
        "The longest wait before the replica is tried again after it was lost; the first is 100 ms, and each is twice the one before."),
    key("directory.groups", "flatten", Text(FLATTEN), Default("\"ancestors\""),
        "Which groups of a user are shown to those who read them."),
    key("directory.groups", "max_depth", Count(1, 1000), Default("32"),
        "The most levels that are followed; groups that lie deeper make the user's groups unknown."),
    key("directory.groups", "max_filter_size", Size(KIB, 16 * MIB), Default("\"64KiB\""),
        "The most bytes of the filter of one search of a walk; more names are asked for in several searches."),
    key("directory.groups", "max_groups_per_user", Count(1, 1_000_000), Default("10000"),
        "The most groups of one user; more make the user's groups unknown."),

    key("directory.groups.canary", "user", Text(DN), Required("\"uid=canary,ou=people,dc=example,dc=com\""),
        "A user who is in groups; while a look does not find them, nobody's groups are believed."),
    key("directory.groups.canary", "groups", List(DN), Default("[]"),
        "Groups that this user has to be in, direct or nested; without any, one group is enough."),
    key("directory.groups.canary", "interval", Duration(SECOND, DAY), Default("\"30s\""),
        "How long one look counts."),

    key("directory.mass_change", "enabled", Flag, Default("true"),
        "Whether losses are held that come to many users at once."),
    key("directory.mass_change", "window", Duration(SECOND, 30 * DAY), Default("\"10m\""),
        "How long losses are counted together."),
    key("directory.mass_change", "share", Count(1, 100), Default("30"),
        "More than this share of the users who have signed on meanwhile, in per cent, lose groups."),
    key("directory.mass_change", "least_users", Count(2, 1_000_000), Default("20"),
        "At least so many users lose groups; those before have lost them already."),
    key("directory.mass_change", "groups", Count(1, 1_000_000), Default("1"),
        "From so many groups on that a user loses at once the user is counted."),
    key("directory.mass_change", "last_groups", Count(0, 1_000_000), Default("0"),
        "A single user who has at least so many groups and would lose them all is held too; 0 holds nobody."),

    key("directory.serve", "member_of", Flag, Default("true"),
        "Whether users and groups bear all their groups, nested ones too, as memberOf, and filters and compares see them."),
    key("directory.serve", "member_of_usage", Choice(&["operational", "user"]), Default("\"operational\""),
        "How memberOf is asked for without its name: by `+`, as on OpenLDAP, or by `*`, as on Active Directory and 389 Directory Server."),
    key("directory.serve", "inactive", Choice(&["show", "hide"]), Default("\"show\""),
        "Whether searches and compares show users whose records are inactive (in no groups), or are answered as if those were not there."),
    key("directory.serve", "max_filter_members", Count(1, 1_000_000), Default("25000"),
        "The most members of a group in a filter that has to name them to the directory, and in a list of nested members; more is refused. Some 100 bytes are held for each while the search lasts, its pages included."),
    key("directory.serve", "member", Flag, Default("false"),
        "Whether filters and compares on the attributes that name members see nested members too, and groups list them in views with writes = \"deny\"."),

    key("directory.user_type", "name", Text(NAME), Required("\"staff\""),
        "The user type's name, unique in its directory."),
    key("directory.user_type", "base", Text(DN), Required("\"ou=people,dc=example,dc=com\""),
        "Where the users are: at or below this name, and within one of the suffixes."),
    key("directory.user_type", "filter", Text(FILTER), Default("\"(objectClass=person)\""),
        "Which entries there are users of this type."),
    key("directory.user_type", "username", Text(ATTRIBUTE), Default("\"uid\""),
        "The attribute that holds the user name; \"sAMAccountName\" on Active Directory."),
    key("directory.user_type", "username_pattern", Text(REGEX), Optional("\"^(.+)@example\\\\.com$\""),
        "What the attribute's value has to match as a whole; its first group is the user name."),
    key("directory.user_type", "username_template", Text(TEMPLATE), Optional("\"$1\""),
        "What the user name is made of: the pattern's groups, or $0 for the whole value."),
    key("directory.user_type", "update_on_sign_on", Flag, Default("true"),
        "Whether records follow the directory at every sign-on; `bindgate user-type set` stands over it."),
    key("directory.user_type", "groups", Choice(&["always", "first-sign-on", "never"]), Default("\"always\""),
        "When the directory's groups are taken over."),
    key("directory.user_type", "on_unknown", Choice(&["keep", "deny"]), Default("\"keep\""),
        "What a bind is answered when the directory could not be observed: as it was, or unavailable."),
    key("directory.user_type", "create", Flag, Default("true"),
        "Whether a first sign-on makes a record."),
    key("directory.user_type", "on_unprovisioned", Choice(&["admit", "refuse"]), Default("\"admit\""),
        "What a bind is answered of somebody who gets no record: as the directory does, or as a wrong password."),
    key("directory.user_type", "create_groups", Flag, Default("true"),
        "Whether groups that the gateway does not keep yet are taken over; others are skipped and told."),
    key("directory.user_type", "update_attributes", Flag, Default("true"),
        "Whether later sign-ons change attributes; each may have a rule of its own beside this."),
    key("directory.user_type", "minimum_interval", Duration(0, DAY), Default("\"0s\""),
        "How long a record that was brought up to date is left as it is, whatever has changed meanwhile; the first sign-on after that applies it. 0 leaves none."),
    key("directory.user_type", "add_from_partial", Flag, Default("false"),
        "Whether groups that were seen are added although not all could be read; none is removed then."),
    key("directory.user_type", "default_groups", List(DN), Default("[]"),
        "Groups that a record is given when it is made; of the directory, or names of your own."),
    key("directory.user_type", "always_groups", List(DN), Default("[]"),
        "Groups that every sign-on gives, and none takes away; of the directory, or names of your own."),
    key("directory.user_type", "ignored_groups", List(PATTERN), Default("[]"),
        "Groups that are neither added nor removed; those above them are found all the same."),
    key("directory.user_type", "protected_groups", List(PATTERN), Default("[]"),
        "Groups that no sign-on leaves without anybody: what would is held, and told."),
    key("directory.user_type", "disabled_filter", Text(FILTER), Optional("\"(employeeType=left)\""),
        "Which entries are disabled, beside those that the directory's own attributes say are."),
    key("directory.user_type", "on_reactivate_local", Choice(&["keep", "drop", "review"]), Default("\"review\""),
        "What becomes of local memberships when the directory takes a user back: an admin reviews them."),
    key("directory.user_type", "on_unknown_reactivation", Choice(&["deny", "without-groups"]), Default("\"deny\""),
        "What a bind is answered that takes a user back whose groups are unknown: unavailable, or success without any."),
    key("directory.user_type", "missing_grace", Duration(0, 10 * 365 * DAY), Default("\"30d\""),
        "How long a user whose entry is gone is only missing."),
    key("directory.user_type", "after_grace", Choice(&["keep", "delete"]), Default("\"keep\""),
        "What becomes of a record whose user is missing for longer than missing_grace: it stays, or is deleted; one that an admin has shut out stays."),
    key("directory.user_type", "parking_group", Text(DN), Optional("\"cn=deprovisioned,ou=gateway,dc=example,dc=com\""),
        "The group that a user is put into who was missing for longer; of the directory, or a name of your own."),

    attribute("common_name", "\"cn\"", "The full name."),
    attribute("display_name", "\"displayName\"", "The name to show."),
    attribute("given_name", "\"givenName\"", "The first name."),
    attribute("mail", "\"mail\"", "The mail address."),
    attribute("surname", "\"sn\"", "The last name."),
];

/// An attribute that records keep unless the file says otherwise.
const fn attribute(name: &'static str, upstream: &'static str, purpose: &'static str) -> Key {
    key("directory.user_type.attributes", name, Text(ATTRIBUTE), Default(upstream), purpose)
}

/// Keys that have their name already and do nothing yet: writing one is an error, so that nobody
/// relies on a switch that is not there.
pub(super) const NOT_YET: &[(&str, &str)] = &[];

/// Words of a choice that have their name already and do nothing yet.
pub(super) const WORDS_NOT_YET: &[(&str, &str, &[&str])] = &[];

/// The section whose keys have the names that the file gives them.
pub(super) const NAMED_BY_THE_FILE: &str = "directory.user_type.attributes";

/// The key of that name.
pub(super) fn find(section: &str, name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.section == section && key.name == name)
}

/// The names that may stand in a section: its keys, then the sections right below it.
pub(super) fn allowed(section: &str) -> Vec<&'static str> {
    let keys = KEYS.iter().filter(|key| key.section == section).map(|key| key.name);
    let sections = SECTIONS.iter().filter_map(|info| match info.name.rsplit_once('.') {
        Some((above, name)) => (above == section).then_some(name),
        None => section.is_empty().then_some(info.name),
    });
    keys.chain(sections).collect()
}

#[cfg(test)]
#[path = "keys_tests.rs"]
mod tests;
