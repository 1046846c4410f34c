//! SASL through a gateway (RFC 4422): which mechanisms can pass, and what is looked at on the way.
//!
//! An exchange is between the client and the directory. What ends it badly here is a security layer:
//! after it, the bytes of either side are opaque to whoever stands between. DIGEST-MD5 (RFC 2831)
//! has its offer cut down to authentication alone, which the client then chooses by itself. GSSAPI
//! (RFC 4752) protects its offer; what the client chooses can be read, and is refused unless it is
//! no layer.

use crate::proto::ber::Reader;
use std::ops::Range;

/// The longest name of a mechanism (RFC 4422 section 3.1).
pub const MAX_MECHANISM: usize = 20;

/// Mechanisms that cannot install a security layer, beside the families of SCRAM (RFC 5802) and GS2
/// (RFC 5801).
const LAYERLESS: [&str; 7] =
    ["PLAIN", "LOGIN", "ANONYMOUS", "CRAM-MD5", "NTLM", "OAUTHBEARER", "XOAUTH2"];

/// Why no mechanism of that name can be relayed, whatever the configuration says.
pub fn hindrance(mechanism: &[u8]) -> Option<&'static str> {
    let ends_with = |end: &[u8]| {
        let at = mechanism.len().checked_sub(end.len());
        at.is_some_and(|at| mechanism[at..].eq_ignore_ascii_case(end))
    };
    if ends_with(b"-PLUS") {
        return Some("it is bound to a channel that ends at the gateway");
    }
    if mechanism.eq_ignore_ascii_case(b"EXTERNAL") {
        return Some("the directory would see the gateway's own channel");
    }
    None
}

/// Whether what the client sends can be turned into a password or be used again by whoever reads it.
pub fn sends_secrets(mechanism: &[u8]) -> bool {
    ["PLAIN", "LOGIN", "OAUTHBEARER", "XOAUTH2"].iter().any(|known| is(mechanism, known))
}

/// Whether an exchange may leave something behind on its connection beside who it is bound as.
pub fn may_leave_a_layer(mechanism: &[u8]) -> bool {
    let is_of = |family: &[u8]| {
        let start = mechanism.get(..family.len());
        mechanism.len() > family.len() && start.is_some_and(|at| at.eq_ignore_ascii_case(family))
    };
    !is_of(b"SCRAM-") && !is_of(b"GS2-") && !LAYERLESS.iter().any(|known| is(mechanism, known))
}

fn is(mechanism: &[u8], known: &str) -> bool {
    mechanism.eq_ignore_ascii_case(known.as_bytes())
}

/// Whether the client's step chooses a security layer, or may do so unseen.
pub fn chooses_a_layer(mechanism: &[u8], credentials: &[u8]) -> bool {
    if is(mechanism, "DIGEST-MD5") {
        return directives(credentials).any(|directive| {
            directive.is("qop") && !directive.value(credentials).eq_ignore_ascii_case(b"auth")
        });
    }
    if is(mechanism, "GSSAPI") {
        return match token(credentials) {
            Token::Context => false,
            Token::Choice(layers) => layers != NO_LAYER,
            Token::Opaque => true,
        };
    }
    false
}

/// What becomes of a server's challenge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Challenge {
    /// It passes as it is.
    Same,
    /// This goes in its place.
    Other(Vec<u8>),
    /// It offers nothing but security layers.
    LayersOnly,
}

/// Looks at a server's challenge, and takes the offer of security layers out where that can be done.
pub fn without_layers(mechanism: &[u8], challenge: &[u8]) -> Challenge {
    if is(mechanism, "GSSAPI") {
        return match token(challenge) {
            Token::Choice(layers) if layers & NO_LAYER == 0 => Challenge::LayersOnly,
            _ => Challenge::Same,
        };
    }
    if !is(mechanism, "DIGEST-MD5") {
        return Challenge::Same;
    }
    let Some(qop) = directives(challenge).find(|directive| directive.is("qop")) else {
        return Challenge::Same;
    };
    let offered = qop.value(challenge);
    let mut kinds = offered.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    if !kinds.any(|kind| kind.eq_ignore_ascii_case(b"auth")) {
        return Challenge::LayersOnly;
    }
    if offered.eq_ignore_ascii_case(b"auth") {
        return Challenge::Same;
    }
    let (before, after) = (&challenge[..qop.value.start], &challenge[qop.value.end..]);
    Challenge::Other([before, b"auth", after].concat())
}

/// The name that a client's step claims, for a log and for counting who fails; it proves nothing.
pub fn claimed_name<'a>(mechanism: &[u8], credentials: &'a [u8]) -> Option<&'a [u8]> {
    if is(mechanism, "PLAIN") {
        let mut parts = credentials.split(|byte| *byte == 0);
        let name = parts.nth(1)?;
        // In anything but three parts it might be the password.
        return (parts.count() == 1).then_some(name);
    }
    if is(mechanism, "CRAM-MD5") {
        let blank = credentials.iter().rposition(|byte| *byte == b' ')?;
        return Some(&credentials[..blank]);
    }
    if is(mechanism, "DIGEST-MD5") {
        let name = directives(credentials).find(|directive| directive.is("username"))?;
        return Some(name.value(credentials));
    }
    let is_scram = mechanism.len() > 6 && mechanism[..6].eq_ignore_ascii_case(b"SCRAM-");
    let mut fields = credentials.split(|byte| *byte == b',').filter(|_| is_scram);
    fields.find_map(|field| field.strip_prefix(b"n=")).filter(|name| !name.is_empty())
}

/// One `key=value` of a DIGEST-MD5 message.
struct Directive<'a> {
    key: &'a [u8],
    /// Where its value stands, without quotes.
    value: Range<usize>,
}

impl Directive<'_> {
    fn is(&self, key: &str) -> bool {
        self.key.eq_ignore_ascii_case(key.as_bytes())
    }

    fn value<'a>(&self, text: &'a [u8]) -> &'a [u8] {
        &text[self.value.clone()]
    }
}

/// The directives of a DIGEST-MD5 message, to its end or to what is none.
fn directives(text: &[u8]) -> impl Iterator<Item = Directive<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        at += text[at..].iter().take_while(|byte| b" \t\r\n,".contains(byte)).count();
        let equals = at + text[at..].iter().position(|byte| *byte == b'=')?;
        let key = text[at..equals].trim_ascii();
        at = equals + 1;
        at += text[at..].iter().take_while(|byte| b" \t\r\n".contains(byte)).count();
        let value = if text.get(at) == Some(&b'"') {
            let start = at + 1;
            let end = start + closing_quote(&text[start..])?;
            at = end + 1;
            start..end
        } else {
            let start = at;
            let length = text[start..].iter().take_while(|byte| **byte != b',').count();
            at = start + length;
            start..start + text[start..at].trim_ascii_end().len()
        };
        Some(Directive { key, value })
    })
}

fn closing_quote(text: &[u8]) -> Option<usize> {
    let mut escaped = false;
    text.iter().position(|byte| {
        let closes = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        closes
    })
}

/// The layer that is none, in the bits of RFC 4752 section 3.3.
const NO_LAYER: u8 = 1;

/// A token of the GSS-API's Kerberos mechanism, as far as it can be seen.
#[derive(Debug, PartialEq, Eq)]
enum Token {
    /// One that establishes the context, or an empty one.
    Context,
    /// The offer or the choice of layers.
    Choice(u8),
    /// Anything else.
    Opaque,
}

/// The tag of a token that establishes a context (RFC 2743 section 3.1).
const INITIAL: u8 = 0x60;
/// The identifier of an AP-REQ, AP-REP or error in such a token, behind the mechanism (RFC 1964 1.1).
const ESTABLISHING: [[u8; 2]; 3] = [[1, 0], [2, 0], [3, 0]];
/// The identifier of a wrap token (RFC 4121 section 4.2.6.2).
const WRAP: [u8; 2] = [5, 4];
/// The flag of one whose content is enciphered.
const SEALED: u8 = 2;
/// The bytes of a wrap token's header.
const WRAP_HEADER: usize = 16;

fn token(bytes: &[u8]) -> Token {
    if bytes.is_empty() {
        return Token::Context;
    }
    if bytes[0] == INITIAL {
        let Ok(content) = Reader::new(bytes).expect(INITIAL) else { return Token::Opaque };
        let mut reader = Reader::new(content);
        let is_mechanism = reader.expect(6).is_ok();
        let behind = reader.take_rest();
        let establishes = ESTABLISHING.iter().any(|id| behind.starts_with(id));
        return if is_mechanism && establishes { Token::Context } else { Token::Opaque };
    }
    let (Some(header), Some(rest)) = (bytes.get(..WRAP_HEADER), bytes.get(WRAP_HEADER..)) else {
        return Token::Opaque;
    };
    if header[..2] != WRAP || header[2] & SEALED != 0 || rest.is_empty() {
        return Token::Opaque;
    }
    // What follows the header may have been rotated to the right by so many bytes (section 4.2.5).
    let rotated = usize::from(u16::from_be_bytes([header[6], header[7]])) % rest.len();
    Token::Choice(rest[rotated])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn mechanisms_that_cannot_pass_are_known_by_name() {
        for mechanism in ["SCRAM-SHA-256-PLUS", "scram-sha-1-plus", "EXTERNAL", "GS2-KRB5-PLUS"] {
            assert!(hindrance(mechanism.as_bytes()).is_some(), "{mechanism}");
        }
        for mechanism in ["", "PLAIN", "SCRAM-SHA-256", "PLUS", "GSSAPI", "EXTERNALS"] {
            assert!(hindrance(mechanism.as_bytes()).is_none(), "{mechanism}");
        }
        for mechanism in ["DIGEST-MD5", "GSSAPI", "GSS-SPNEGO", "X-UNKNOWN", "SCRAM-"] {
            assert!(may_leave_a_layer(mechanism.as_bytes()), "{mechanism}");
        }
        assert!(
            !may_leave_a_layer(b"GS2-KRB5")
                && !may_leave_a_layer(b"scram-sha-1")
                && !may_leave_a_layer(b"plain")
        );
        assert!(sends_secrets(b"PLAIN") && !sends_secrets(b"SCRAM-SHA-1"));
    }

    #[track_caller]
    fn check_challenge(given: &str, expected: Challenge) {
        assert_eq!(without_layers(b"DIGEST-MD5", given.as_bytes()), expected, "{given}");
    }

    #[test]
    fn a_digest_challenge_offers_authentication_alone() {
        check_challenge(
            "nonce=\"a,b\\\"qop=\",qop=\"auth,auth-int,auth-conf\",cipher=\"rc4\",algorithm=md5-sess",
            Challenge::Other(
                b"nonce=\"a,b\\\"qop=\",qop=\"auth\",cipher=\"rc4\",algorithm=md5-sess".to_vec(),
            ),
        );
        check_challenge(
            "realm=\"x\", qop = \"auth-conf, auth\"",
            Challenge::Other(b"realm=\"x\", qop = \"auth\"".to_vec()),
        );
        for same in
            ["nonce=\"x\",qop=\"auth\"", "nonce=\"x\"", "rspauth=0123", "", "qop", "qop=\"x"]
        {
            check_challenge(same, Challenge::Same);
        }
        check_challenge("qop=\"auth-int,auth-conf\"", Challenge::LayersOnly);
        assert_eq!(without_layers(b"SCRAM-SHA-1", b"qop=\"auth-int\""), Challenge::Same);
    }

    #[test]
    fn a_digest_response_that_chooses_a_layer_is_seen() {
        for (response, layer) in [
            ("username=\"ann\",qop=auth,response=1", false),
            ("username=\"ann\",qop=\"auth\"", false),
            ("username=\"qop=auth-conf\"", false),
            ("username=\"ann\",qop=auth-conf,response=1", true),
            ("username=\"ann\", QOP=\"auth-int\"", true),
            ("", false),
        ] {
            assert_eq!(chooses_a_layer(b"digest-md5", response.as_bytes()), layer, "{response}");
        }
    }

    fn wrap(flags: u8, rotated: u16, rest: &[u8]) -> Vec<u8> {
        let [high, low] = rotated.to_be_bytes();
        let header = [5, 4, flags, 0xff, 0, 12, high, low, 0, 0, 0, 0, 0, 0, 0, 1];
        [&header[..], rest].concat()
    }

    #[test]
    fn the_choice_of_a_kerberos_client_is_read_through_its_protection() {
        let (none, both): (&[u8], &[u8]) = (&[1, 0, 0, 0, 9, 9, 9], &[4, 0, 16, 0, 9, 9, 9]);
        let initial = |id: u8| [0x60, 7, 6, 2, 0x2a, 3, id, 0, 7];
        for (token, layer) in [
            (Vec::new(), false),
            (initial(1).to_vec(), false),
            (initial(7).to_vec(), true),
            (wrap(0, 0, none), false),
            (wrap(0, 3, &[9, 9, 9, 1, 0, 0, 0]), false),
            (wrap(0, 10, &[9, 9, 9, 1, 0, 0, 0]), false),
            (wrap(0, 0, both), true),
            (wrap(2, 0, none), true),
            (wrap(0, 0, &[]), true),
            (vec![5, 4, 0], true),
            (vec![7; 40], true),
        ] {
            assert_eq!(chooses_a_layer(b"GSSAPI", &token), layer, "{token:02x?}");
        }
        assert_eq!(without_layers(b"GSSAPI", &wrap(1, 0, &[7, 0, 0, 0])), Challenge::Same);
        assert_eq!(without_layers(b"GSSAPI", &wrap(1, 0, &[6, 0, 0, 0])), Challenge::LayersOnly);
        assert_eq!(without_layers(b"GSSAPI", &initial(2)), Challenge::Same);
    }

    #[test]
    fn the_claimed_name_is_found_where_a_mechanism_has_it() {
        for (mechanism, credentials, name) in [
            ("PLAIN", "\0ann\0secret", Some("ann")),
            ("PLAIN", "dn:x\0ann\0secret", Some("ann")),
            ("PLAIN", "", None),
            ("PLAIN", "ann\0secret", None),
            ("PLAIN", "\0ann\0a\0secret", None),
            ("SCRAM-SHA-256", "n,,n=ann,r=nonce", Some("ann")),
            ("SCRAM-SHA-256", "c=biws,r=nonce,p=proof", None),
            ("CRAM-MD5", "ann 0123", Some("ann")),
            ("DIGEST-MD5", "username=\"ann\",realm=\"n=x\"", Some("ann")),
            ("GSSAPI", "n=ann", None),
        ] {
            let got = claimed_name(mechanism.as_bytes(), credentials.as_bytes());
            assert_eq!(got, name.map(str::as_bytes), "{mechanism} {credentials:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>, mechanism in "(PLAIN|GSSAPI|DIGEST-MD5|SCRAM-SHA-1|CRAM-MD5)") {
            let mechanism = mechanism.as_bytes();
            let _ = (chooses_a_layer(mechanism, &bytes), claimed_name(mechanism, &bytes));
            let wrapped = [&[5u8, 4, 0, 0][..], &bytes].concat();
            let _ = (chooses_a_layer(b"GSSAPI", &wrapped), without_layers(b"GSSAPI", &wrapped));
            if let Challenge::Other(other) = without_layers(mechanism, &bytes) {
                prop_assert_eq!(without_layers(mechanism, &other), Challenge::Same);
            }
        }
    }
}
