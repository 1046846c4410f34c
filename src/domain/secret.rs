//! What must not be seen: bytes that are wiped when dropped, never printed and never copied by accident;
//! and the attributes of entries that hold such.

use zeroize::{Zeroizing, optimization_barrier};

/// A secret. It has neither `Debug` nor `Clone`.
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes bytes in.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes, for the one place that has to send or compare them.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

/// Wipes bytes that may have held a password. As `Zeroize` does, but all at once and not byte by byte:
/// every bind has three places to be wiped.
pub fn wipe(bytes: &mut [u8]) {
    bytes.fill(0);
    // Nobody may find that nobody reads those zeros.
    optimization_barrier(bytes);
}

/// Wipes and empties a buffer, and leaves it its room. What lies beyond its end has to have been wiped
/// as it was taken off.
pub fn wipe_out(bytes: &mut Vec<u8>) {
    wipe(bytes);
    bytes.clear();
}

/// Attributes that hold a password, or what can be used as one, in lower case.
pub const ATTRIBUTES: [&str; 25] = [
    "userpassword",
    "unicodepwd",
    "dbcspwd",
    "lmpwdhistory",
    "ntpwdhistory",
    "pwdhistory",
    "supplementalcredentials",
    "sambantpassword",
    "sambalmpassword",
    "sambapasswordhistory",
    "krbprincipalkey",
    "krbmkey",
    "krbpwdhistory",
    "ipanthash",
    "authpassword",
    "ms-mcs-admpwd",
    "mslaps-password",
    "mslaps-encryptedpassword",
    "msds-managedpassword",
    "oathsecret",
    "ipatokenotpkey",
    "passwordhistory",
    "userpkcs12",
    "nsslapd-rootpw",
    "olcrootpw",
];

/// The same by OID, of those that directories can be asked for so.
const OIDS: [&str; 12] = [
    "2.5.4.35",
    "1.2.840.113556.1.4.90",
    "1.2.840.113556.1.4.55",
    "1.2.840.113556.1.4.160",
    "1.2.840.113556.1.4.94",
    "1.2.840.113556.1.4.125",
    "1.3.6.1.4.1.42.2.27.8.1.20",
    "1.3.6.1.4.1.7165.2.1.25",
    "1.3.6.1.4.1.7165.2.1.24",
    "1.3.6.1.4.1.7165.2.1.54",
    "1.3.6.1.4.1.4203.1.3.4",
    "2.16.840.1.113730.3.1.216",
];

/// Whether an attribute holds a password or its kin, whatever its options.
pub fn is_secret(description: &[u8]) -> bool {
    let name = description.split(|byte| *byte == b';').next().unwrap_or_default();
    ATTRIBUTES.iter().chain(&OIDS).any(|secret| secret.as_bytes().eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wiped_is_zeros_and_what_is_wiped_out_keeps_its_room() {
        let mut bytes = b"secret".to_vec();
        wipe(&mut bytes[1..4]);
        assert_eq!(bytes, b"s\0\0\0et");
        let room = bytes.capacity();
        wipe_out(&mut bytes);
        assert_eq!((bytes.len(), bytes.capacity()), (0, room));
        bytes.resize(4, 7);
        assert_eq!(bytes, [7; 4]);
    }

    #[test]
    fn passwords_and_their_kin_are_known_by_name_and_oid_in_any_case_with_any_option() {
        for name in ["userPassword", "USERPASSWORD;lang-de", "2.5.4.35", "unicodePwd", "pwdHistory"]
        {
            assert!(is_secret(name.as_bytes()), "{name}");
        }
        for name in ["", "uid", "userPasswordHint", "2.5.4.3", "2.5.4.351"] {
            assert!(!is_secret(name.as_bytes()), "{name}");
        }
    }
}
