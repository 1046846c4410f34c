//! What happens outside of the browser: a directory, a gateway, people who sign on. A script asks for it
//! line by line.

use crate::support::gateway::{Gateway, group_names};
use crate::support::pdu::Change;
use crate::support::raw::Raw;
use crate::support::tree::password;
use crate::tree;
use crate::world::{Directory, Kind};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Who is in the day: each with a record at its beginning.
const PEOPLE: [&str; 6] = ["ann", "bob", "carol", "deep", "cyril", "erin"];
/// Set to have pictures of the pages written for the documentation.
const WRITE: &str = "BINDGATE_WRITE_PICTURES";

/// A view for the pages that show one.
const PORTAL: &str = "name = \"portal\"\nflatten = \"direct\"\nwrites = \"deny\"\n\
                      attributes = [\"cn\", \"mail\", \"memberOf\"]\n\
                      [view.match]\naddresses = [\"192.0.2.0/24\"]";

struct Outside {
    directory: Directory,
    gateway: Gateway,
    /// Clients that stay connected.
    clients: RefCell<Vec<Raw>>,
}

/// Plays a script of `tests/console` in front of a directory.
#[track_caller]
pub(crate) fn play(script: &str, kind: Kind) {
    let directory = kind.start();
    let gateway = directory.gateway_with(|settings, _| {
        settings.set("[directory.mass_change]", "least_users", "3");
        settings.set("[directory.mass_change]", "window", "\"1h\"");
        settings.add_view(PORTAL);
    });
    let outside = Outside { directory, gateway, clients: RefCell::default() };
    PEOPLE.iter().for_each(|uid| assert_eq!(outside.sign_on(uid), 0, "{uid}"));
    let log = outside.gateway.folder().file("browser.log");
    let mut browser = start(script, &log);
    let questions = BufReader::new(browser.stdout.take().expect("it is a pipe"));
    let mut answers = browser.stdin.take().expect("it is a pipe");
    for line in questions.lines() {
        let line = line.expect("a pipe can be read");
        let question =
            serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let answer = outside.answer(&question, kind);
        // A browser that has ended does not listen; how it ended is told below.
        let _ = writeln!(answers, "{answer}");
    }
    let status = browser.wait().expect("it is a child");
    let said = std::fs::read_to_string(log).unwrap_or_default();
    assert!(status.success(), "{status} in front of {}: {said}", kind.name());
}

fn start(script: &str, log: &Path) -> Child {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    for needed in ["clients/node_modules/playwright-core", "clients/node_modules/axe-core"] {
        assert!(tests.join(needed).exists(), "{needed} is missing: scripts/install-test-needs");
    }
    let log = File::create(log).expect("the folder is ours");
    Command::new("node")
        .arg(tests.join("console").join(script))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .expect("node can be started: scripts/install-test-needs")
}

impl Outside {
    fn answer(&self, question: &Value, kind: Kind) -> Value {
        let text = |name: &str| question[name].as_str().unwrap_or_default();
        let uid = text("uid");
        match text("do") {
            "begin" => self.scene(kind),
            "connect" => self.connect(uid),
            "sign-on" => json!({ "code": self.sign_on(uid) }),
            "join" => self.set_member(uid, text("group"), Change::Add),
            "leave" => self.set_member(uid, text("group"), Change::Delete),
            "user" => self.gateway.user(uid),
            "groups" => json!({ "groups": effective(&self.gateway.user(uid)) }),
            other => panic!("nobody knows how to {other:?}"),
        }
    }

    /// What a script has to know.
    fn scene(&self, kind: Kind) -> Value {
        let token = std::fs::read_to_string(self.gateway.folder().file("admin.token"));
        let of = |method| {
            let pages = bindgate::console::pages().into_iter();
            let pages = pages.filter(move |page| page.method == method);
            let shown = pages.filter(|page| !page.path.ends_with("/rows"));
            shown.map(|page| page.path).collect::<Vec<_>>()
        };
        let pictures = std::env::var_os(WRITE).filter(|_| kind == Kind::Slapd);
        let pictures =
            pictures.map(|_| Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/pictures"));
        json!({
            "url": self.gateway.admin_url(),
            "token": token.expect("the gateway has made one").trim(),
            "pages": of("GET"),
            "forms": of("POST"),
            "people": PEOPLE,
            "copied": kind == Kind::Slapd,
            "ways": { "carol": ["bottom", "left", "right", "top"] },
            "folder": self.gateway.folder().path(),
            "pictures": pictures,
        })
    }

    /// Somebody is bound and stays.
    fn connect(&self, uid: &str) -> Value {
        let mut client = self.gateway.connect();
        let code = client.bind(&tree::person(uid), password(uid));
        self.clients.borrow_mut().push(client);
        json!({ "code": code })
    }

    fn sign_on(&self, uid: &str) -> u32 {
        self.gateway.sign_on(&tree::person(uid), password(uid))
    }

    fn set_member(&self, uid: &str, group: &str, change: Change) -> Value {
        let (group, member) = (tree::group(group), tree::person(uid));
        self.directory.admin().modify(&group, change, "member", &[member.as_bytes()]);
        json!({})
    }
}

/// The groups that count, by name.
fn effective(user: &Value) -> Vec<String> {
    let rows = user["memberships"].as_array().expect("a user has memberships");
    let counts = rows.iter().filter(|row| row["effective"] == true);
    group_names(&json!({ "memberships": counts.collect::<Vec<_>>() }))
}
