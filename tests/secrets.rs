//! No password is kept, printed or counted anywhere.
//!
//! Goal: whatever a user types as a password leaves the gateway towards the directory and nowhere
//! else. Method: binds with passwords that no text holds by chance, right ones and wrong ones, at
//! the most talkative log level; then a search for them, in every encoding that software likes,
//! through logs, metrics, the store's files, the admin API and what a crash leaves behind.

mod support;

use support::encodings::{base64, hex};
use support::gateway::Gateway;
use support::pdu::{self, Change};
use support::slapd::{Options, Slapd};
use support::tree;

const ANN: &str = "uid=ann,ou=people,dc=example,dc=com";
const CAROL: &str = "uid=carol,ou=people,dc=example,dc=com";

/// Passwords that only these tests use, each with something that trips careless code.
const ODD: [&[u8]; 8] = [
    tree::ODD_PASSWORD,
    b"quoted\"'`secret\\",
    b"percent%s%n%x%%secret",
    b"braces{}{0}{secret:?}",
    b"line\r\nbreaks\tsecret",
    b"\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8",
    b"nul\0in\0the\0middle",
    "Пароль-секрет-密碼".as_bytes(),
];

/// The forms in which a password could have been kept.
fn forms(password: &[u8]) -> Vec<Vec<u8>> {
    let text = String::from_utf8_lossy(password);
    let decimal: Vec<String> = password.iter().map(u8::to_string).collect();
    let mut forms = vec![
        password.to_vec(),
        hex(password).into_bytes(),
        hex(password).to_uppercase().into_bytes(),
        base64(password).trim_end_matches('=').as_bytes().to_vec(),
        base64(password).replace('+', "-").replace('/', "_").trim_end_matches('=').into(),
        password.escape_ascii().to_string().into_bytes(),
        format!("{text:?}").trim_matches('"').as_bytes().to_vec(),
        serde_json::to_string(&text).expect("text is JSON").trim_matches('"').as_bytes().to_vec(),
        decimal.join(", ").into_bytes(),
        decimal.join(",").into_bytes(),
    ];
    forms.push(text.into_owned().into_bytes());
    // What a lossy conversion leaves of pure rubbish would be found anywhere.
    forms.retain(|form| form.len() >= 6 && !form.iter().all(|byte| *byte >= 0x80));
    forms.push(password.to_vec());
    forms
}

/// Every place where the gateway leaves something, with what it left there.
fn places(gateway: &Gateway) -> Vec<(String, Vec<u8>)> {
    let mut places = vec![
        ("log".to_owned(), gateway.log().into_bytes()),
        ("metrics".to_owned(), gateway.metrics().into_bytes()),
        ("users".to_owned(), gateway.get("/api/v1/users").1.into_bytes()),
        ("audit".to_owned(), gateway.get("/api/v1/audit").1.into_bytes()),
    ];
    let folders = [gateway.store(), gateway.folder().path().to_owned()];
    for file in folders.iter().flat_map(|folder| std::fs::read_dir(folder).expect("it is there")) {
        let path = file.expect("it can be listed").path();
        if path.is_file() && !path.ends_with("service.password") {
            let bytes = std::fs::read(&path).expect("it can be read");
            places.push((path.display().to_string(), bytes));
        }
    }
    places
}

#[track_caller]
fn expect_absent(gateway: &Gateway, passwords: &[Vec<u8>]) {
    let places = places(gateway);
    for password in passwords {
        for form in forms(password) {
            for (place, content) in &places {
                let found = content.windows(form.len()).any(|window| window == form);
                assert!(!found, "{:?} is in {place}", String::from_utf8_lossy(&form));
            }
        }
    }
}

#[test]
fn passwords_right_or_wrong_are_nowhere_to_be_found() {
    let slapd = Slapd::start();
    let mut gateway = Gateway::before(slapd.port());
    let mut admin = slapd.admin();
    let mut used = Vec::new();
    for password in ODD {
        admin.modify(ANN, Change::Replace, "userPassword", &[password]);
        let wrong = [password, b"-wrong".as_slice()].concat();
        assert_eq!(gateway.sign_on(ANN, password), 0, "{}", password.escape_ascii());
        assert_ne!(gateway.sign_on(ANN, &wrong), 0);
        // A password typed where the name belongs is the user's own doing, but not the reverse.
        assert_ne!(gateway.sign_on("uid=nobody,dc=elsewhere", password), 0);
        used.extend([password.to_vec(), wrong]);
    }
    assert!(gateway.log().contains(ANN), "the log is talkative enough for the search to mean much");
    expect_absent(&gateway, &used);
    gateway.stop();
    gateway.restart(|_| {});
    expect_absent(&gateway, &used);
}

#[test]
fn passwords_in_other_operations_and_broken_binds_are_nowhere_either() {
    let rule = format!("authz-regexp \"uid=([^,]+),cn=[^,]+,cn=auth\" \"uid=$1,{}\"", tree::PEOPLE);
    let slapd = Slapd::with(&Options {
        global_lines: vec!["sasl-secprops none".to_owned(), rule],
        ..Options::default()
    });
    let gateway = Gateway::before(slapd.port());
    let mut raw = gateway.connect();
    assert_eq!(raw.bind(CAROL, "pw-carol"), 0);
    let secret: &[u8] = b"in-a-modify-%s-secret";
    assert_eq!(raw.code(&pdu::modify(CAROL, Change::Replace, "userPassword", &[secret])), 0);
    assert_eq!(raw.bind(CAROL, secret), 0);
    let right = [b"\0carol\0", secret].concat();
    assert_eq!(raw.code(&pdu::sasl_bind("PLAIN", Some(&right))), 0);
    let wrong = pdu::sasl_bind("PLAIN", Some(b"\0carol\0in-a-sasl-secret"));
    assert_eq!(raw.code(&wrong), 49);
    for (mechanism, credentials) in [
        ("PLAIN", &b"carol\0in-a-sasl-secret"[..]),
        ("LOGIN", b"in-a-login-secret"),
        ("LOGIN", b"in-a-login-secret"),
    ] {
        let _ = raw.code(&pdu::sasl_bind(mechanism, Some(credentials)));
    }
    assert_eq!(raw.bind(CAROL, secret), 0);
    let _ = raw.code(&pdu::compare(CAROL, "userPassword", b"in-a-compare-secret"));
    let new = pdu::nested(0x30, |out| {
        bindgate::proto::ber::write_element(out, 0x81, secret);
        bindgate::proto::ber::write_element(out, 0x82, b"in-an-exop-secret");
    });
    assert_eq!(raw.code(&pdu::extended("1.3.6.1.4.1.4203.1.11.1", Some(&new))), 0);

    // A bind that is cut short after its password, and one whose password is longer than it.
    let whole = pdu::message(9, &pdu::bind(CAROL, b"in-a-broken-bind-secret"));
    let mut broken = gateway.connect();
    broken.send(&whole[..whole.len() - 1]);
    drop(broken);
    let mut longer = whole;
    let at = longer.len() - b"in-a-broken-bind-secret".len() - 1;
    longer[at] += 1;
    let mut broken = gateway.connect();
    broken.send(&longer);
    assert_eq!(broken.closing_notice(), 2);

    let used = [
        "in-a-modify-%s-secret",
        "in-a-compare-secret",
        "in-an-exop-secret",
        "in-a-sasl-secret",
        "in-a-login-secret",
        "in-a-broken-bind-secret",
        tree::SERVICE_PASSWORD,
    ];
    expect_absent(&gateway, &used.map(|text| text.as_bytes().to_vec()));
}

#[test]
fn the_search_for_secrets_finds_what_is_there() {
    let slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    gateway.folder().write("planted", format!("x{}x", base64(ODD[1])));
    let search = || expect_absent(&gateway, &[ODD[1].to_vec()]);
    let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(search));
    assert!(found.is_err());
}
