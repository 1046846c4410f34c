//! The envelope: what is peeled is relayed under another messageID and otherwise as it is.

use bindgate::proto::envelope::{Envelope, MessageId};

/// Peels a message and writes it anew.
pub(crate) fn body(data: &[u8]) {
    let Ok(envelope) = Envelope::parse(data) else { return };
    assert!(envelope.content.len() < envelope.body.len() && envelope.body.len() < data.len());
    for id in [MessageId::UNSOLICITED, MessageId::MAX, envelope.id.next()] {
        let mut out = Vec::new();
        envelope.write_as(id, &mut out);
        let relayed = Envelope::parse(&out).expect("what was relayed is a message");
        assert_eq!(relayed, Envelope { id, ..envelope });
    }
}
