//! What must not be seen: bytes that are wiped when dropped, never printed and never copied by accident;
//! and the attributes of entries that hold such.

use zeroize::Zeroizing;

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
