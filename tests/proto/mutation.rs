//! Truncated, changed and random messages.

use super::corpus;
use super::decode::everything;
use bindgate::proto::envelope::{Envelope, MessageId};
use bindgate::proto::framing::{Frame, frame};
use proptest::prelude::*;

const LIMIT: usize = 1 << 20;

#[test]
fn every_sample_is_framed_decoded_and_relayed_as_it_is() {
    for sample in corpus::all() {
        let pdu = &sample.pdu;
        assert_eq!(frame(pdu, LIMIT), Ok(Frame::Whole(pdu.len())), "{}", sample.name);
        assert!(everything(pdu), "{}: {pdu:02x?}", sample.name);
        let envelope = Envelope::parse(pdu).expect("it was just decoded");
        let mut out = Vec::new();
        envelope.write_as(MessageId::MAX, &mut out);
        let relayed = Envelope::parse(&out).expect("it was just written");
        assert_eq!(relayed.id, MessageId::MAX, "{}", sample.name);
        assert_eq!(relayed.body, envelope.body, "{}", sample.name);
    }
}

#[test]
fn no_truncation_of_a_message_is_a_message() {
    for sample in corpus::all() {
        for length in 0..sample.pdu.len() {
            let cut = &sample.pdu[..length];
            match frame(cut, LIMIT) {
                Ok(Frame::Partial(needed)) => {
                    assert!(needed > length && needed <= sample.pdu.len())
                }
                other => panic!("{} cut to {length}: {other:?}", sample.name),
            }
            assert!(!everything(cut), "{} cut to {length}", sample.name);
        }
    }
}

#[test]
fn no_content_cut_inside_whole_frames_panics() {
    for sample in corpus::all() {
        let envelope = Envelope::parse(&sample.pdu).expect("the sample is well formed");
        for length in 2..envelope.body.len().min(0x80) {
            let mut body = envelope.body[..length].to_vec();
            body[1] = (length - 2) as u8;
            let mut out = Vec::new();
            bindgate::proto::envelope::write_with_body(corpus::id(), &body, &mut out);
            let _ = everything(&out);
        }
    }
}

#[test]
fn no_change_of_a_single_byte_panics() {
    let mut refused = 0usize;
    for sample in corpus::all() {
        let mut pdu = sample.pdu.clone();
        for at in 0..pdu.len() {
            let original = pdu[at];
            for value in (0..=u8::MAX).filter(|value| *value != original) {
                pdu[at] = value;
                match frame(&pdu, LIMIT) {
                    Ok(Frame::Whole(length)) => refused += usize::from(!everything(&pdu[..length])),
                    Ok(Frame::Partial(needed)) => assert!(needed > pdu.len() && needed <= LIMIT),
                    Err(_) => refused += 1,
                }
            }
            pdu[at] = original;
        }
    }
    assert!(refused > 10_000, "only {refused} changes were noticed");
}

proptest! {
    #[test]
    fn random_bytes_are_decoded_or_refused(bytes: Vec<u8>, tag in 0x60u8..0x7a) {
        let _ = everything(&bytes);
        let mut body = Vec::new();
        bindgate::proto::ber::write_element(&mut body, tag, &bytes);
        let mut pdu = Vec::new();
        bindgate::proto::envelope::write_with_body(corpus::id(), &body, &mut pdu);
        let _ = everything(&pdu);
    }
}
