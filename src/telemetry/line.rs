//! An event as a log line, in slapd's tongue.

use super::escape::{Printable, Quoted, Word};
use crate::app::events::{Closed, Event, SignOnOutcome};
use crate::domain::change::switch_name;
use crate::domain::policy::Switch;
use crate::proto::op::Operation;
use std::fmt;
use std::time::Duration;

/// The line of an event; everything that a peer chose is quoted and cut.
pub(super) struct Line<'a>(pub(super) &'a Event<'a>);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self.0 {
            Event::Connected { .. }
            | Event::TlsEstablished { .. }
            | Event::TlsFailed { .. }
            | Event::Disconnected { .. }
            | Event::Bind { .. }
            | Event::Answered { .. } => connection(self.0, f),
            Event::SignOn { .. } => sign_on(self.0, f),
            _ => gateway(self.0, f),
        }
    }
}

fn connection(event: &Event<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match *event {
        Event::Connected { conn, peer, tls } => {
            let tls = if tls { "yes" } else { "no" };
            write!(f, "conn={} ACCEPT from {peer} tls={tls}", conn.0)
        }
        Event::TlsEstablished { conn, version, handshake, certified } => {
            let (conn, version, handshake) = (conn.0, version.name(), handshake.name());
            let certificate = if certified { "yes" } else { "no" };
            write!(
                f,
                "conn={conn} TLS established tls_proto={version} handshake={handshake} \
                 client_certificate={certificate}"
            )
        }
        Event::TlsFailed { conn, error } => {
            write!(f, "conn={} TLS failed error={}", conn.0, Quoted(error.as_bytes()))
        }
        Event::Disconnected { conn, reason: Closed::Limit(limit) } => {
            write!(f, "conn={} closed (limit {})", conn.0, Word(limit))
        }
        Event::Disconnected { conn, reason } => {
            write!(f, "conn={} closed ({})", conn.0, reason.name())
        }
        Event::Bind { conn, op, name, code, elapsed, .. } => {
            let (conn, code, name) = (conn.0, code.0, Quoted(name));
            write!(f, "conn={conn} op={op} BIND dn={name} result={code} {}", Etime(elapsed))
        }
        Event::Answered { conn, op, operation, code, entries, elapsed } => {
            write!(f, "conn={} op={op} {} result={}", conn.0, operation.log_name(), code.0)?;
            if operation == Operation::SearchRequest {
                write!(f, " nentries={entries}")?;
            }
            write!(f, " {}", Etime(elapsed))
        }
        _ => Ok(()),
    }
}

fn sign_on(event: &Event<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let Event::SignOn {
        directory,
        user_type,
        user,
        view,
        outcome,
        added,
        removed,
        source,
        elapsed,
    } = *event
    else {
        return Ok(());
    };
    write!(f, "SIGNON directory={}", Word(directory))?;
    if let Some(user_type) = user_type {
        write!(f, " type={}", Word(user_type))?;
    }
    write!(f, " user={}", Quoted(user.as_bytes()))?;
    if let Some(view) = view {
        write!(f, " view={}", Word(view))?;
    }
    tell_outcome(outcome, f)?;
    let source = source.name();
    write!(f, " added={added} removed={removed} groups={source} {}", Etime(elapsed))
}

fn tell_outcome(outcome: SignOnOutcome, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, " outcome={}", outcome.name())?;
    match outcome {
        SignOnOutcome::Unknown(reason) => write!(f, " reason={}", Word(&reason.to_string())),
        _ => Ok(()),
    }
}

fn gateway(event: &Event<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match *event {
        Event::SwitchChanged { directory, user_type, who, old, new } => write!(
            f,
            "SWITCH directory={} type={} update-on-sign-on={} was={} by={}",
            Word(directory),
            Word(user_type),
            on_off(new),
            on_off(old),
            Quoted(who.as_bytes())
        ),
        Event::ViewSwitchChanged { view, who, old, new } => write!(
            f,
            "SWITCH view={} update-on-sign-on={} was={} by={}",
            Word(view),
            switch_name(new),
            switch_name(old),
            Quoted(who.as_bytes())
        ),
        Event::UpstreamDown { directory, url, error } => {
            let (url, error) = (Quoted(url.as_bytes()), Quoted(error.as_bytes()));
            write!(f, "UPSTREAM directory={} url={url} down error={error}", Word(directory))
        }
        Event::UpstreamUp { directory, url } => {
            write!(f, "UPSTREAM directory={} url={} up", Word(directory), Quoted(url.as_bytes()))
        }
        Event::UpstreamRetried { directory } => {
            write!(f, "UPSTREAM directory={} retried on a fresh connection", Word(directory))
        }
        Event::UpstreamSkipped { directory } => {
            write!(f, "UPSTREAM directory={} response of an unknown type skipped", Word(directory))
        }
        Event::SignOnUnidentified { directory, reason } => {
            write!(f, "SIGNON directory={} unidentified reason={}", Word(directory), reason.name())
        }
        Event::ReferralSettled { directory, settled } => {
            write!(f, "REFERRAL directory={} {}", Word(directory), settled.name())
        }
        Event::UpstreamOdd { directory } => {
            write!(f, "UPSTREAM directory={} closed: no answer to what was asked", Word(directory))
        }
        Event::LimitHit { limit, peer: Some(peer) } => {
            write!(f, "LIMIT {} hit by {peer}", Word(limit))
        }
        Event::LimitHit { limit, peer: None } => write!(f, "LIMIT {} hit", Word(limit)),
        Event::ThrottleBegan { source } => {
            write!(f, "THROTTLE source={source} begins, most of its binds fail")
        }
        Event::ThrottleEnded { source } => write!(f, "THROTTLE source={source} ends"),
        Event::StoreFailed { error } => {
            write!(f, "STORE failed error={}", Quoted(error.as_bytes()))
        }
        Event::StoreRecovered => f.write_str("STORE recovered"),
        Event::AdminRefused => f.write_str("ADMIN request without a valid token refused"),
        _ => account(event, f),
    }
}

/// What happens to accounts without a sign-on, and to those that TLS vouches for.
fn account(event: &Event<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match *event {
        Event::Reconciled { directory, user, outcome, added, removed } => {
            write!(f, "RECONCILE directory={} user={}", Word(directory), Quoted(user.as_bytes()))?;
            tell_outcome(outcome, f)?;
            write!(f, " added={added} removed={removed}")
        }
        Event::RecordDeleted { directory, user } => {
            let user = Quoted(user.as_bytes());
            write!(f, "RECONCILE directory={} user={user} deleted", Word(directory))
        }
        Event::ReconcileRound { records, looked_at, changed, elapsed } => {
            let elapsed = Etime(elapsed);
            write!(f, "RECONCILE records={records} looked={looked_at} changed={changed} {elapsed}")
        }
        Event::GroupNotGiven { directory, group, reason } => {
            let (group, reason) = (Quoted(group.as_bytes()), reason.to_string());
            let directory = Word(directory);
            write!(f, "GROUP directory={directory} dn={group} not given reason={}", Word(&reason))
        }
        Event::GroupSkipped { directory, group } => {
            let group = Quoted(group.as_bytes());
            write!(f, "GROUP directory={} dn={group} skipped", Word(directory))
        }
        Event::LastMemberHeld { directory, user, group } => {
            let (user, group) = (Quoted(user.as_bytes()), Quoted(group.as_bytes()));
            write!(f, "HELD directory={} user={user} protected group={group}", Word(directory))
        }
        Event::NotVouchedFor { conn, name, why } => {
            let (conn, name, why) =
                (conn.0, Quoted(name), Quoted(why.to_string().as_bytes()).to_string());
            write!(f, "conn={conn} EXTERNAL dn={name} refused reason={why}")
        }
        Event::AccountBind { conn, name, refused } => {
            write!(f, "conn={} ACCOUNT dn={} ", conn.0, Quoted(name))?;
            match refused {
                None => f.write_str("bound"),
                Some(why) => write!(f, "refused reason={}", Quoted(why.to_string().as_bytes())),
            }
        }
        Event::ConfigurationReloaded { changed, restart } => {
            let changed = if changed.is_empty() { "nothing" } else { changed };
            write!(f, "configuration read again, in force: {}", Printable(changed))?;
            if restart.is_empty() {
                return Ok(());
            }
            write!(f, "; changed and needs a restart: {}", Printable(restart))
        }
        Event::ConfigurationRefused { error } => {
            let error = Quoted(error.as_bytes());
            write!(f, "configuration not reloaded, the old one stays in force error={error}")
        }
        Event::CertificatesReloaded => f.write_str("TLS certificates reloaded"),
        Event::CertificatesRefused { error } => {
            let error = Quoted(error.as_bytes());
            write!(f, "TLS certificates not reloaded, the old ones stay in force error={error}")
        }
        Event::ChangeHeld { directory, id, kind, seen } => write!(
            f,
            "HELD directory={} id={} {} seen={seen}, waits to be confirmed or rejected",
            Word(directory),
            Word(id),
            kind.name()
        ),
        Event::HeldPassed { directory, id } => {
            write!(f, "HELD directory={} id={} has passed", Word(directory), Word(id))
        }
        _ => copy(event, f),
    }
}

/// What happens to a directory's live copy, and how far the directory has got.
fn copy(event: &Event<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match *event {
        Event::ReplicaMissed { directory } => {
            write!(f, "REPLICA directory={} late, the directory was asked", Word(directory))
        }
        Event::ReplicaGivenUp { directory } => {
            write!(f, "REPLICA directory={} late too often, not waited for", Word(directory))
        }
        Event::ReplicaCaughtUp { directory } => {
            write!(f, "REPLICA directory={} has caught up", Word(directory))
        }
        Event::RollbackSeen { directory } => {
            let directory = Word(directory);
            write!(f, "ROLLBACK directory={directory} behind what was seen of it, not believed")
        }
        Event::RollbackOver { directory } => {
            write!(f, "ROLLBACK directory={} believed again", Word(directory))
        }
        Event::RollbackAccepted { directory, who } => {
            let who = Quoted(who.as_bytes());
            write!(f, "ROLLBACK directory={} accepted by={who}", Word(directory))
        }
        Event::HeldDecided { directory, id, decision, who } => write!(
            f,
            "HELD directory={} id={} {} by={}",
            Word(directory),
            Word(id),
            decision.name(),
            Quoted(who.as_bytes())
        ),
        _ => Ok(()),
    }
}

fn on_off(switch: Switch) -> &'static str {
    if switch.is_on() { "on" } else { "off" }
}

/// Elapsed time as slapd writes it: seconds, with microseconds behind the point.
struct Etime(Duration);

impl fmt::Display for Etime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "etime={}.{:06}", self.0.as_secs(), self.0.subsec_micros())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::accounts::NotAdmitted;
    use crate::app::events::{BindSpent, ConnectionId, GroupSource, Handshake, TlsVersion};
    use crate::app::oversight::HeldKind;
    use crate::domain::observation::UnknownReason;
    use crate::domain::replication::Decision;
    use crate::proto::result::ResultCode;

    const CONN: ConnectionId = ConnectionId(12);
    const ETIME: Duration = Duration::from_micros(4_021);

    #[track_caller]
    fn check(event: Event<'_>, expected: &str) {
        assert_eq!(Line(&event).to_string(), expected);
    }

    fn bind(op: u64, name: &[u8], code: ResultCode, elapsed: Duration) -> Event<'_> {
        let (directory, spent) = ("corp", BindSpent::default());
        Event::Bind { conn: CONN, op, directory, name, code, elapsed, spent }
    }

    #[test]
    fn a_connection_reads_as_in_slapds_log() {
        let peer = "127.0.0.1:5555".parse().unwrap();
        check(
            Event::TlsEstablished {
                conn: CONN,
                version: TlsVersion::V1_2,
                handshake: Handshake::Resumed,
                certified: true,
            },
            "conn=12 TLS established tls_proto=TLSv1.2 handshake=resumed client_certificate=yes",
        );
        check(
            Event::TlsFailed { conn: CONN, error: "no certificate" },
            r#"conn=12 TLS failed error="no certificate""#,
        );
        check(
            Event::Connected { conn: CONN, peer, tls: false },
            "conn=12 ACCEPT from 127.0.0.1:5555 tls=no",
        );
        let code = ResultCode::INVALID_CREDENTIALS;
        check(
            bind(3, b"uid=ann,dc=x", code, ETIME),
            r#"conn=12 op=3 BIND dn="uid=ann,dc=x" result=49 etime=0.004021"#,
        );
        let answered = |operation| Event::Answered {
            conn: CONN,
            op: 4,
            operation,
            code: ResultCode::SUCCESS,
            entries: 2,
            elapsed: ETIME,
        };
        check(
            answered(Operation::SearchRequest),
            "conn=12 op=4 SRCH result=0 nentries=2 etime=0.004021",
        );
        check(answered(Operation::ModifyRequest), "conn=12 op=4 MOD result=0 etime=0.004021");
        check(
            Event::Disconnected { conn: CONN, reason: Closed::Unbind },
            "conn=12 closed (unbind)",
        );
        check(
            Event::Disconnected { conn: CONN, reason: Closed::Limit("max_unread") },
            "conn=12 closed (limit max_unread)",
        );
    }

    #[test]
    fn a_bound_name_cannot_forge_a_second_line() {
        let name = b"uid=ann\nconn=13 op=0 BIND dn=\"cn=admin\" result=0";
        let code = ResultCode::SUCCESS;
        check(
            bind(0, name, code, Duration::ZERO),
            concat!(
                r#"conn=12 op=0 BIND dn="uid=ann\x0aconn=13 op=0 BIND dn=\"cn=admin\" result=0" "#,
                "result=0 etime=0.000000"
            ),
        );
    }

    #[test]
    fn a_sign_on_tells_what_it_did_and_why_it_could_not() {
        let sign_on = |outcome, user_type| Event::SignOn {
            directory: "corp",
            user_type,
            user: "uid=ann",
            view: user_type.and(Some("portal")),
            outcome,
            added: 1,
            removed: 0,
            source: GroupSource::Directory,
            elapsed: ETIME,
        };
        check(
            sign_on(SignOnOutcome::Changed, Some("staff")),
            "SIGNON directory=corp type=staff user=\"uid=ann\" view=portal outcome=changed added=1 removed=0 \
             groups=directory etime=0.004021",
        );
        check(
            sign_on(SignOnOutcome::Unknown(UnknownReason::Timeout), None),
            "SIGNON directory=corp user=\"uid=ann\" outcome=unknown reason=timeout added=1 \
             removed=0 groups=directory etime=0.004021",
        );
    }

    #[test]
    fn the_gateways_own_events_name_directory_and_cause() {
        let (old, new) = (Switch::On, Switch::Off);
        check(
            Event::SwitchChanged { directory: "corp", user_type: "staff", who: "admin", old, new },
            r#"SWITCH directory=corp type=staff update-on-sign-on=off was=on by="admin""#,
        );
        check(
            Event::ViewSwitchChanged { view: "portal", who: "admin", old: None, new: Some(new) },
            r#"SWITCH view=portal update-on-sign-on=off was=default by="admin""#,
        );
        check(
            Event::UpstreamDown { directory: "corp", url: "ldap://x:1", error: "refused" },
            r#"UPSTREAM directory=corp url="ldap://x:1" down error="refused""#,
        );
        let decision = Decision::Confirmed;
        check(
            Event::HeldDecided { directory: "corp", id: "00c0ffee", decision, who: "admin" },
            r#"HELD directory=corp id=00c0ffee confirmed by="admin""#,
        );
        let kind = HeldKind::MassChange;
        check(
            Event::ChangeHeld { directory: "corp", id: "00c0ffee", kind, seen: 40 },
            "HELD directory=corp id=00c0ffee mass-change seen=40, waits to be confirmed or rejected",
        );
        check(
            Event::RollbackAccepted { directory: "corp", who: "admin" },
            r#"ROLLBACK directory=corp accepted by="admin""#,
        );
        check(
            Event::GroupSkipped { directory: "corp", group: "cn=A" },
            r#"GROUP directory=corp dn="cn=A" skipped"#,
        );
        check(
            Event::LastMemberHeld { directory: "corp", user: "u1", group: "g1" },
            r#"HELD directory=corp user="u1" protected group="g1""#,
        );
        check(Event::LimitHit { limit: "max_clients", peer: None }, "LIMIT max_clients hit");
        let account = |refused| Event::AccountBind { conn: CONN, name: b"cn=wiki,dc=x", refused };
        check(account(None), r#"conn=12 ACCOUNT dn="cn=wiki,dc=x" bound"#);
        check(
            account(Some(NotAdmitted::Disabled)),
            r#"conn=12 ACCOUNT dn="cn=wiki,dc=x" refused reason="the account is disabled""#,
        );
        let source = crate::domain::source::Source::of("2001:db8::1".parse().unwrap());
        check(
            Event::ThrottleBegan { source },
            "THROTTLE source=2001:db8::/64 begins, most of its binds fail",
        );
        check(Event::ThrottleEnded { source }, "THROTTLE source=2001:db8::/64 ends");
        check(Event::StoreFailed { error: "disk full" }, r#"STORE failed error="disk full""#);
    }
}
