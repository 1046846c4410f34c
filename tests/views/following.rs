//! Whether records follow the directory at sign-ons by one client application (rule S5.8).

use crate::support::folder::free_port;
use crate::support::gateway::Gateway;
use crate::support::raw::Raw;
use crate::support::slapd::Slapd;
use crate::support::tree::{self, group, person};
use serde_json::Value;

/// A directory, a gateway whose second listener is a portal's, and who signs on there.
struct Scene {
    slapd: Slapd,
    gateway: Gateway,
    portal: u16,
}

impl Scene {
    fn new(portal_says: &str, replica: &str) -> Self {
        let slapd = Slapd::start();
        let portal = free_port();
        let gateway = Gateway::configured(slapd.port(), |settings, _| {
            let first = settings.ldap_port;
            let both = format!("[\"127.0.0.1:{first}\", \"127.0.0.1:{portal}\"]");
            settings.set("[listen]", "ldap", both);
            settings.set("[directory.groups]", "replica", format!("\"{replica}\""));
            settings.set("[store]", "mark_interval", "\"1h\"");
            settings.add_view(&format!(
                "name = \"portal\"\nmatch = {{ listeners = [\"127.0.0.1:{portal}\"] }}\n\
                 {portal_says}"
            ));
        });
        if replica != "none" {
            gateway.comes_to_have_a_copy();
        }
        Self { slapd, gateway, portal }
    }

    fn by(&self, port: u16) {
        assert_eq!(Raw::connect(port).bind(&person("erin"), tree::password("erin")), 0);
    }

    /// Erin signs on by the portal; then she has so many groups.
    #[track_caller]
    fn by_portal(&self, groups: usize) {
        self.by(self.portal);
        self.has(groups);
    }

    /// Erin signs on by anything else; then she has so many groups.
    #[track_caller]
    fn elsewhere(&self, groups: usize) {
        self.by(self.gateway.port());
        self.has(groups);
    }

    #[track_caller]
    fn has(&self, groups: usize) {
        assert_eq!(self.gateway.managed_groups("staff/erin").len(), groups);
    }

    /// Erin joins one more group, or two by it, or leaves it.
    fn join(&self, name: &str) {
        self.slapd.admin().join(&group(name), &person("erin"));
    }

    fn leave(&self, name: &str) {
        self.slapd.admin().leave(&group(name), &person("erin"));
    }

    fn command(&self, args: &[&str]) -> String {
        self.gateway.command(args).expect_code(0)
    }

    fn foreseen(&self, view: &[&str]) -> Value {
        let args = [&["user", "preview", "staff/erin", "--json"], view].concat();
        serde_json::from_str(&self.command(&args)).expect("it is JSON")
    }
}

#[test]
fn s5_8_a_client_application_that_says_off_leaves_records_to_all_others() {
    for replica in ["auto", "none"] {
        let scene = Scene::new("update_on_sign_on = false", replica);
        // The first sign-on makes the record all the same.
        scene.join("B");
        scene.by_portal(2);
        scene.join("bottom");
        scene.by_portal(2);
        let said = scene.gateway.log();
        assert!(said.contains("view=portal outcome=switched-off"), "{said}");
        scene.elsewhere(6);
        // And what the portal saw meanwhile hides nothing from the others.
        scene.leave("B");
        scene.by_portal(6);
        scene.by_portal(6);
        scene.elsewhere(4);
        scene.by_portal(4);
        scene.elsewhere(4);
    }
}

#[test]
fn s5_8_a_client_application_that_says_on_has_records_follow_though_the_user_type_does_not() {
    for replica in ["auto", "none"] {
        let scene = Scene::new("update_on_sign_on = true", replica);
        scene.command(&["user-type", "set", "staff", "update-on-sign-on=off"]);
        scene.elsewhere(0);
        scene.join("B");
        scene.elsewhere(0);
        scene.by_portal(2);
        scene.join("bottom");
        scene.elsewhere(2);
        scene.by_portal(6);
        let audit = scene.gateway.audit();
        let detail = audit[0]["detail"].as_str().unwrap_or_default();
        assert!(detail.ends_with("update on sign-on is on by view portal"), "{detail}");
        // The user's own switch stands over the application's.
        scene.command(&["user", "set", "staff/erin", "update-on-sign-on=off"]);
        scene.leave("bottom");
        scene.by_portal(6);
        scene.command(&["user", "set", "staff/erin", "update-on-sign-on=default"]);
        scene.by_portal(2);
    }
}

#[test]
fn s5_8_a_value_set_for_a_view_stands_over_the_file_survives_a_restart_and_is_audited() {
    let mut scene = Scene::new("update_on_sign_on = true", "auto");
    scene.elsewhere(0);
    let set = scene.command(&["view", "set", "portal", "update-on-sign-on=off"]);
    assert_eq!(set, "portal: update-on-sign-on is off (stored)\n");
    let row = &scene.gateway.audit()[0];
    assert_eq!((&row["action"], &row["actor"]), (&"switch-changed".into(), &"admin".into()));
    let told = "view portal: update-on-sign-on on (file) -> off (stored)";
    assert_eq!(row["detail"], told);
    scene.join("B");
    scene.by_portal(0);
    scene.gateway.restart(|_| {});
    scene.gateway.comes_to_have_a_copy();
    scene.by_portal(0);
    let listed = scene.command(&["view", "list"]);
    let line = listed.lines().nth(1).unwrap_or_default();
    let words: Vec<&str> = line.split_whitespace().take(3).collect();
    assert_eq!(words, ["portal", "off", "stored"], "{listed}");
    scene.command(&["view", "set", "portal", "update-on-sign-on=default"]);
    scene.by_portal(2);
    scene.gateway.command(&["view", "set", "door", "update-on-sign-on=on"]).expect_code(1);
}

#[test]
fn s5_8_a_preview_by_a_view_is_what_a_sign_on_by_it_does() {
    let scene = Scene::new("update_on_sign_on = false", "auto");
    scene.elsewhere(0);
    scene.join("B");
    let by = ["--view", "portal"];
    let foreseen = scene.foreseen(&by);
    assert_eq!(foreseen["update_on_sign_on"], false, "{foreseen}");
    assert_eq!(
        (&foreseen["view"], &foreseen["changes"]),
        (&"portal".into(), &Value::Array(vec![]))
    );
    let text = scene.command(&["user", "preview", "staff/erin", "--view", "portal"]);
    assert!(text.contains("update on sign-on is off by view portal"), "{text}");
    let otherwise = scene.foreseen(&[]);
    assert_eq!(otherwise["changes"].as_array().map(Vec::len), Some(2), "{otherwise}");
    assert_eq!(otherwise["view"], Value::Null);
    scene.by_portal(0);
    scene.elsewhere(2);
    let nowhere = ["user", "preview", "staff/erin", "--view", "door"];
    scene.gateway.command(&nowhere).expect_code(1);
}

#[test]
fn s5_8_client_applications_that_say_otherwise_do_not_write_their_observations_in_turn() {
    let scene = Scene::new("update_on_sign_on = false", "none");
    scene.join("B");
    scene.elsewhere(2);
    let file = scene.gateway.folder().file("store/bindgate.sqlite");
    let store = rusqlite::Connection::open(file).expect("it is there");
    let writes = || {
        // Behind whatever waits to be written.
        let _rows = scene.gateway.audit();
        let version = store.query_row("PRAGMA data_version", [], |row| row.get::<_, i64>(0));
        version.expect("it can be read")
    };
    let before = writes();
    for _ in 0..3 {
        scene.by_portal(2);
        scene.elsewhere(2);
    }
    assert_eq!(writes(), before, "nothing was written");
}
