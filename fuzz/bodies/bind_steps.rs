//! SASL credentials and challenges: what a bind and its answer hold for a mechanism.

use bindgate::domain::sasl::{self, Challenge};

const MECHANISMS: [&[u8]; 8] = [
    b"PLAIN",
    b"LOGIN",
    b"SCRAM-SHA-256",
    b"DIGEST-MD5",
    b"CRAM-MD5",
    b"GSSAPI",
    b"GSS-SPNEGO",
    b"X-UNKNOWN",
];

/// The first byte chooses the mechanism. A claimed name is a part of the credentials, as they came;
/// a challenge that is altered offers no layer, so altering it again changes nothing.
pub(crate) fn body(data: &[u8]) {
    let Some((first, bytes)) = data.split_first() else { return };
    let mechanism = MECHANISMS[usize::from(*first) % MECHANISMS.len()];
    if let Some(name) = sasl::claimed_name(mechanism, bytes) {
        let is_part = name.is_empty() || bytes.windows(name.len()).any(|part| part == name);
        assert!(is_part, "a name that nobody claimed");
    }
    let lower = mechanism.to_ascii_lowercase();
    assert_eq!(
        sasl::chooses_a_layer(mechanism, bytes),
        sasl::chooses_a_layer(&lower, bytes),
        "a mechanism is known in any case"
    );
    if let Challenge::Other(altered) = sasl::without_layers(mechanism, bytes) {
        assert!(altered.len() <= bytes.len() + 64);
        let again = sasl::without_layers(mechanism, &altered);
        assert!(again == Challenge::Same, "{}", altered.escape_ascii());
    }
}
