//! Where messages end: the first byte is the limit's size, the rest is a stream.

use bindgate::proto::framing::{Frame, frame};

/// Cuts a stream into messages, as it comes in pieces and as a whole.
pub(crate) fn body(data: &[u8]) {
    let Some((&size, stream)) = data.split_first() else { return };
    let limit = usize::from(size) * 16;
    let mut rest = stream;
    while let Ok(Frame::Whole(length)) = frame(rest, limit) {
        assert!((2..=limit.min(rest.len())).contains(&length));
        for cut in 0..length.min(64) {
            match frame(&rest[..cut], limit) {
                Ok(Frame::Partial(needed)) => assert!(needed > cut && needed <= length),
                other => panic!("a message cut to {cut} bytes is {other:?}"),
            }
        }
        rest = &rest[length..];
    }
    if let Ok(Frame::Partial(needed)) = frame(rest, limit) {
        // A header alone may be longer than a tiny limit: it is not known before it is read.
        assert!(needed > rest.len() && needed <= limit.max(10));
    }
}
