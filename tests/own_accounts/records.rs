//! The records' own suffix, read by an account: also while the directory is down, as is the bind.

use crate::scene::{found, gateway, made, name, slapd};
use crate::support::pdu::{self, Ask};
use crate::support::raw::Raw;
use crate::support::tree::{self, PEOPLE, person};

#[test]
fn with_the_directory_down_an_account_binds_and_reads_the_records_as_far_as_its_view_shows_them() {
    let mut slapd = slapd();
    let mut gateway = gateway(&slapd, |settings| {
        settings.add_view(
            "name = \"records\"\nbase = [\"ou=people,dc=bindgate\"]\nattributes = [\"uid\", \"memberOf\"]\n\
             match = { bind_dns = [\"cn=x\"] }",
        );
        let readers = ["app", "all", "both"].map(|reader| format!("\"{}\"", name(reader)));
        settings.set("[records]", "readers", format!("[{}]", readers.join(", ")));
        settings.add_view(
            "name = \"both\"\nbase = [\"ou=groups,dc=bindgate\", \"ou=people,dc=bindgate\"]\n\
             filter = \"(!(uid=bob))\"\nmatch = { bind_dns = [\"cn=y\"] }",
        );
    });
    for uid in ["ann", "bob"] {
        assert_eq!(gateway.sign_on(&person(uid), tree::password(uid)), 0);
    }
    let app = made(&gateway, "app", "records");
    let all = made(&gateway, "all", "open");
    let both = made(&gateway, "both", "both");
    let stranger = made(&gateway, "stranger", "open");
    slapd.kill();
    for is_restarted in [false, true] {
        if is_restarted {
            gateway.restart_unready(|_| {});
        }
        let client = |account: &str, password: &str| {
            let mut client = gateway.connect();
            assert_eq!(client.bind(&name(account), password), 0, "{account}");
            client
        };
        let here = |uid: &str| format!("uid={uid},ou=people,dc=bindgate");
        let mut app = client("app", &app);
        assert_eq!(found(&mut app, "dc=bindgate", "(uid=*)"), (vec![here("ann"), here("bob")], 0));
        assert_eq!(found(&mut app, "ou=groups,dc=bindgate", "(cn=*)"), (Vec::new(), 32));
        assert_eq!(found(&mut app, "dc=bindgate", "(mail=*)"), (Vec::new(), 0));
        assert_eq!(found(&mut app, "dc=bindgate", "(!(mail=x))"), (Vec::new(), 0));
        let entry = app.search(&Ask::entry(&here("ann")).of(&["*", "+"])).0.remove(0);
        let names: Vec<_> = entry.attributes.iter().map(|found| found.name.as_str()).collect();
        assert_eq!(names, ["uid", "memberOf"]);
        let compare = |client: &mut Raw, dn: &str, attribute: &str, value: &[u8]| {
            client.code(&pdu::compare(dn, attribute, value))
        };
        assert_eq!(compare(&mut app, &here("ann"), "uid", b"ann"), 6);
        assert_eq!(compare(&mut app, &here("ann"), "mail", b"ann@example.com"), 16);
        assert_eq!(compare(&mut app, "cn=A,ou=groups,dc=bindgate", "cn", b"A"), 32);

        let mut all = client("all", &all);
        assert_eq!(found(&mut all, "dc=bindgate", "(cn=A)").0, ["cn=A,ou=groups,dc=bindgate"]);
        assert_eq!(all.search(&Ask::entry("cn=subschema,dc=bindgate")).0.len(), 1);
        let mut both = client("both", &both);
        let (names, code) = found(&mut both, "dc=bindgate", "(objectClass=*)");
        assert_eq!(code, 0);
        let parts = ["ou=groups,dc=bindgate", "ou=people,dc=bindgate"];
        let is_inside = |name: &String| parts.iter().any(|part| name.ends_with(part));
        assert!(names.contains(&here("ann")) && names.iter().all(is_inside), "{names:?}");
        assert!(!names.contains(&here("bob")), "{names:?}");

        // No reader, though its view would show everything.
        assert_eq!(found(&mut client("stranger", &stranger), "dc=bindgate", "(uid=*)").1, 50);
        // What is the directory's is not there.
        assert_eq!(found(&mut all, PEOPLE, "(uid=ann)").1, 52);
        assert_eq!(compare(&mut all, &person("ann"), "uid", b"ann"), 52);
    }
}
