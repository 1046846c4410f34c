//! Reads of the root DSE: the search that is asked instead, and the entry that is served.

use bindgate::domain::referral::Referrals;
use bindgate::domain::root_dse::{self, Offer};
use bindgate::proto::envelope::{Envelope, MessageId, write_with_body};
use bindgate::proto::oid;
use bindgate::proto::op::Operation;
use bindgate::proto::search::{Entry, SearchRequest};

/// The first byte says how long the search is; what follows it is the body of an entry. What cannot
/// be carried is never served, whatever was asked for.
pub(crate) fn body(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else { return };
    let (search, entry) = rest.split_at(usize::from(*first).min(rest.len()));
    if let Some(asked) = root_dse::asked(search) {
        let asked = SearchRequest::decode(&asked).expect("what is asked instead is a search");
        let wanted = SearchRequest::decode(search).expect("and so was what it stands for");
        assert_eq!(asked.base, wanted.base);
        assert!(!asked.types_only, "types alone cannot be altered");
    }
    let offer = Offer {
        carries: &|mechanism| mechanism == b"PLAIN",
        mechanisms: &[],
        start_tls: false,
        proxied_authorisation: false,
        referrals: Referrals::Strip,
        contexts: &[b"dc=bindgate"],
    };
    let Some(served) = root_dse::served(search, entry, &offer) else { return };
    let mut pdu = Vec::new();
    write_with_body(MessageId::MAX, &served, &mut pdu);
    let Ok(message) = Envelope::parse(&pdu) else { return };
    let Ok(found) = Entry::decode(message.content) else { return };
    if SearchRequest::decode(search).is_err() || message.operation != Operation::SearchResultEntry {
        return;
    }
    let values = |name: &str| found.values(name).to_vec();
    assert!(values("supportedSASLMechanisms").iter().all(|value| value == b"PLAIN"));
    assert!(!values("supportedExtension").iter().any(|value| value == oid::START_TLS));
    let controls = values("supportedControl");
    assert!(!controls.iter().any(|value| oid::is_proxied_authorisation(value)));
}
