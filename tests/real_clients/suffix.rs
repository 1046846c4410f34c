//! The same programs, asking the records' own suffix: their configurations as they are shown, with
//! that suffix in the place of the directory's.

use crate::apache::{Apache, PLACES};
use crate::dovecot::Dovecot;
use crate::postgresql::Postgresql;
use crate::scene::{self, Door, Scene};
use crate::system::{NSLCD, SSSD, Source, System};
use crate::web::{Page, Site};

/// Whoever has signed on once is let in as through the directory, and by nested groups.
#[track_caller]
fn check(what: &str, make: impl FnOnce(&Scene) -> Box<dyn Door>) {
    let scene = Scene::new();
    scene.all_sign_on();
    let door = make(&scene);
    scene.check_in_suffix(what, &*door);
}

/// A place of Apache's, and the server for as long as it is asked.
struct Place(Page, #[allow(dead_code)] Apache);

impl Door for Place {
    fn lets_in(&self, uid: &str, password: &str) -> bool {
        self.0.lets_in(uid, password)
    }
}

#[test]
fn apache_finds_people_and_groups_in_the_records() {
    for place in PLACES {
        check("Apache", |scene| {
            let apache = Apache::before(&scene.suffix());
            Box::new(Place(apache.page(place), apache))
        });
    }
}

#[test]
fn dovecot_finds_people_and_groups_in_the_records() {
    check("Dovecot", |scene| Box::new(Dovecot::before(&scene.suffix())));
}

#[test]
fn postgresql_finds_people_and_groups_in_the_records() {
    check("PostgreSQL", |scene| Box::new(Postgresql::before(&scene.suffix())));
}

#[test]
fn django_auth_ldap_finds_people_and_groups_in_the_records() {
    check("django-auth-ldap", |scene| Box::new(Site::of_django(&scene.suffix(), "ldap_settings")));
}

#[test]
fn passport_finds_people_and_groups_in_the_records() {
    check("passport-ldapauth", |scene| Box::new(Site::of_passport(&scene.suffix())));
}

fn system(source: &'static Source) {
    check(source.name, |scene| {
        let system = System::with(source, &scene.suffix());
        let person = system.ask(&["getent", "passwd", scene::NESTED]).expect_code(0);
        assert_eq!(person, "henry:*:12002:12000:henry:/home/henry:\n");
        system.ask(&["getent", "passwd", "nobody-at-all"]).expect_code(2);
        Box::new(system)
    });
}

#[test]
fn nslcd_finds_people_and_groups_in_the_records() {
    system(&NSLCD);
}

#[test]
fn sssd_finds_people_and_groups_in_the_records() {
    system(&SSSD);
}
