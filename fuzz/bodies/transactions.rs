//! Transactions and proxied authorisation: what a request's controls and value ask for, and the
//! messageIDs in the end of a transaction.

use bindgate::domain::sharing::{asks_as_another, is_stateless};
use bindgate::domain::transaction::{Updates, role_of_extended, role_of_update};
use bindgate::proto::control::Control;
use bindgate::proto::envelope::{ClientMessageId, Envelope, MessageId, UpstreamMessageId};
use bindgate::proto::extended::ExtendedResponse;
use bindgate::proto::oid;

/// Takes the bytes for a message, for controls, and for the content of the end of a transaction.
pub(crate) fn body(data: &[u8]) {
    if let Ok(request) = Envelope::parse(data) {
        let _ = role_of_extended(request.content);
        let asks = asks_as_another(request.controls);
        assert!(!(asks && is_stateless(&request)), "shared by one who asks as another");
        let role = role_of_update(request.controls);
        assert!(role.is_none() || !is_stateless(&request), "shared by a transaction");
    }
    if let Ok(controls) = Control::decode_all(data, usize::MAX) {
        let named = controls.iter().any(|control| oid::is_proxied_authorisation(control.oid));
        assert_eq!(asks_as_another(Some(data)), named);
    }
    let mut updates = Updates::default();
    let id = |number| MessageId::new(number).expect("it is in range");
    for number in 1..=3 {
        updates.sent(UpstreamMessageId(id(number)), ClientMessageId(id(number + 100)));
    }
    if let Some(content) = updates.renumbered(data) {
        let before = ExtendedResponse::decode(data).expect("what is renumbered is a response");
        let behind = ExtendedResponse::decode(&content).expect("and still is one");
        assert_eq!(before.result.code, behind.result.code);
    }
}
