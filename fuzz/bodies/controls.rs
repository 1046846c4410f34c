//! Controls: the content of an envelope's controls element.

use bindgate::proto::ber::{BerError, Reader, SEQUENCE};
use bindgate::proto::control::Control;

/// Reads controls, with limits around their number, and writes them anew.
pub(crate) fn body(data: &[u8]) {
    let Ok(controls) = Control::decode_all(data, usize::MAX) else { return };
    assert!(controls.len() <= data.len());
    assert_eq!(Control::decode_all(data, controls.len()).as_ref(), Ok(&controls));
    if let Some(fewer) = controls.len().checked_sub(1) {
        assert_eq!(Control::decode_all(data, fewer), Err(BerError::TooMany));
    }
    let mut out = Vec::new();
    controls.iter().for_each(|control| control.write(&mut out));
    assert_eq!(Control::decode_all(&out, controls.len()), Ok(controls));
    assert!(out.is_empty() || Reader::new(&out).peek_tag() == Some(SEQUENCE));
}
