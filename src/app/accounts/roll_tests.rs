use super::*;
use std::sync::atomic::AtomicI64;

const PASSWORD: &[u8] = b"correct horse";

struct World {
    roll: Arc<Roll>,
    shelf: Arc<Shelf>,
    clock: Arc<AtomicI64>,
    used: Arc<AtomicUsize>,
}

fn config() -> Config {
    Config {
        base: DistinguishedName::parse("ou=accounts,dc=bindgate").expect("a name"),
        max_accounts: 10,
        max_verifying: 1,
        max_waiting: 1,
        queue_timeout: Duration::from_secs(60),
        remember: true,
    }
}

fn world(config: Config) -> World {
    let (shelf, clock, used) =
        (Arc::<Shelf>::default(), Arc::new(AtomicI64::new(1)), Arc::default());
    let (time, count) = (clock.clone(), Arc::<AtomicUsize>::clone(&used));
    let now = move || Timestamp(time.load(Ordering::Relaxed));
    let tell = move |_: &str, _| {
        count.fetch_add(1, Ordering::Relaxed);
    };
    World { roll: Arc::new(Roll::new(config, shelf.clone(), now, tell)), shelf, clock, used }
}

fn account(name: &str) -> Account {
    Account {
        name: name.to_owned(),
        view: "v".to_owned(),
        hash: Hash::of(&Secret::new(PASSWORD.to_vec())).expect("there is memory"),
        created_at: Timestamp(1),
        created_by: "admin".to_owned(),
        password_set_at: Timestamp(1),
        expires_at: None,
        enabled: true,
        last_used: None,
    }
}

impl World {
    fn look(&self, name: &str, password: &[u8], hindrance: Option<NotAdmitted>) -> Verifying {
        let name = format!("cn={name},ou=accounts,dc=bindgate");
        let claim = self.roll.claim(name.as_bytes()).expect("it is below the accounts");
        self.roll.verify(&claim, Secret::new(password.to_vec()), hindrance)
    }

    async fn bind(&self, name: &str, password: &[u8]) -> Outcome {
        match self.look(name, password, None) {
            Verifying::Now(outcome) => outcome,
            Verifying::Later(wait) => wait.await,
        }
    }

    #[track_caller]
    fn is_at_once(&self, name: &str, password: &[u8], hindrance: Option<NotAdmitted>) -> bool {
        matches!(self.look(name, password, hindrance), Verifying::Now(Ok(_)))
    }
}

#[test]
fn a_name_below_the_accounts_is_claimed_in_every_spelling_and_no_other() {
    let world = world(config());
    let claim = |name: &str| world.roll.claim(name.as_bytes()).map(|claim| claim.0);
    assert_eq!(claim("cn=wiki,ou=accounts,dc=bindgate"), None, "there has never been an account");
    world.shelf.put("wiki", Some(account("wiki")));
    for name in [
        "cn=wiki,ou=accounts,dc=bindgate",
        "CN = WIKI , OU=Accounts,DC=BindGate",
        "2.5.4.3=wiki,2.5.4.11=accounts,0.9.2342.19200300.100.1.25=bindgate",
        "commonName=\\77iki,organizationalUnitName=\\61ccounts,dc=bindgate",
        "cn=#040477696b69,ou=accounts,dc=bindgate",
    ] {
        assert_eq!(claim(name).as_deref(), Some("wiki"), "{name}");
    }
    for name in ["ou=accounts,dc=bindgate", "uid=wiki,ou=accounts,dc=bindgate"] {
        assert_eq!(claim(name).as_deref(), Some(""), "nobody's, and not the directory's: {name}");
    }
    for name in ["cn=a,cn=wiki,ou=accounts,dc=bindgate", "cn=wiki+sn=x,ou=accounts,dc=bindgate"] {
        let own = claim(name).expect("it is below");
        assert!(world.shelf.find(&own).is_none(), "{name}");
    }
    for name in ["", "wiki", "cn=wiki,ou=people,dc=bindgate", "cn=wiki,ou=xaccounts,dc=bindgate"] {
        assert_eq!(claim(name), None, "{name}");
    }
}

#[test]
fn a_glance_passes_over_no_spelling_that_is_below_the_accounts() {
    for base in ["ou=accounts,dc=bindgate", "o=Our Apps", "ou=a+l=b,dc=x\\,y", "o=caf\u{e9}", "c=x"]
    {
        let base = DistinguishedName::parse(base).expect("a name");
        let world = world(Config { base: base.clone(), ..config() });
        let name = format!("cn=wiki,{base}");
        let mut spellings = vec![name.clone(), name.to_uppercase(), format!("{name}  ")];
        // Each character by its code, and with an invisible one behind it.
        for (at, found) in name.char_indices() {
            let (before, behind) = (&name[..at], &name[at + found.len_utf8()..]);
            let code: String = found.to_string().bytes().map(|b| format!("\\{b:02x}")).collect();
            spellings.push(format!("{before}{code}{behind}"));
            spellings.push(format!("{before}{found}\u{ad}{behind}"));
            spellings.push(format!("{before}{found}\u{1}{behind}"));
            spellings.push(format!("{before} {found} {behind}"));
        }
        let mut below = 0;
        for spelling in spellings {
            let is_below = DistinguishedName::parse(&spelling).is_ok_and(|it| it.is_within(&base));
            below += usize::from(is_below);
            assert!(!(is_below && world.roll.is_elsewhere(spelling.as_bytes())), "{spelling:?}");
        }
        assert!(below > 5, "{base}: {below}");
        assert!(!world.roll.is_elsewhere(name.as_bytes()));
    }
    let world = world(config());
    assert!(world.roll.is_elsewhere(b"uid=ann,ou=people,dc=example,dc=com"), "a glance is enough");
}

#[tokio::test]
async fn whatever_is_wrong_is_found_behind_the_password_alone() {
    let world = world(config());
    world.shelf.put("wiki", Some(account("wiki")));
    world.shelf.put("off", Some(Account { enabled: false, ..account("off") }));
    let over = Account { expires_at: Some(Timestamp(1)), ..account("over") };
    world.shelf.put("over", Some(over));
    for (name, password, why) in [
        ("wiki", &b"wrong"[..], NotAdmitted::WrongPassword),
        ("wiki", b"", NotAdmitted::WrongPassword),
        ("off", PASSWORD, NotAdmitted::Disabled),
        ("off", b"wrong", NotAdmitted::WrongPassword),
        ("over", PASSWORD, NotAdmitted::Expired),
        ("nobody", PASSWORD, NotAdmitted::Unknown),
    ] {
        let Verifying::Later(wait) = world.look(name, password, None) else {
            panic!("{name} was refused before its password was looked at")
        };
        assert_eq!(wait.await, Err(Refused::Not(why)), "{name}");
    }
    let acting = world.bind("WIKI", PASSWORD).await.expect("it is right");
    assert_eq!(acting.dn(), "cn=wiki,ou=accounts,dc=bindgate");
    // Known again, and still as late as ever where something else is wrong.
    assert!(world.is_at_once("wiki", PASSWORD, None));
    assert!(!world.is_at_once("wiki", b"wrong", None));
    assert!(!world.is_at_once("wiki", PASSWORD, Some(NotAdmitted::NoView)));
}

#[tokio::test]
async fn what_changes_while_a_password_is_looked_at_counts() {
    let world = world(config());
    let before = account("wiki");
    for (after, why) in [
        (None, NotAdmitted::Unknown),
        (Some(Account { enabled: false, ..before.clone() }), NotAdmitted::Disabled),
        (Some(Account { created_at: Timestamp(2), ..before.clone() }), NotAdmitted::WrongPassword),
    ] {
        world.shelf.put("wiki", Some(before.clone()));
        let Verifying::Later(wait) = world.look("wiki", PASSWORD, None) else {
            panic!("nothing is remembered")
        };
        world.shelf.put("wiki", after);
        assert_eq!(wait.await, Err(Refused::Not(why)));
    }
}

#[tokio::test]
async fn a_password_that_was_right_is_not_remembered_past_a_change_of_it_or_where_nothing_is() {
    let world = world(config());
    world.shelf.put("wiki", Some(account("wiki")));
    assert!(!world.is_at_once("wiki", PASSWORD, None));
    world.bind("wiki", PASSWORD).await.expect("it is right");
    assert!(world.is_at_once("wiki", PASSWORD, None));
    world.shelf.put("wiki", Some(account("wiki")));
    assert!(!world.is_at_once("wiki", PASSWORD, None), "the hash is another");

    let world = self::world(Config { remember: false, ..config() });
    world.shelf.put("wiki", Some(account("wiki")));
    world.bind("wiki", PASSWORD).await.expect("it is right");
    assert!(!world.is_at_once("wiki", PASSWORD, None));
}

#[tokio::test(start_paused = true)]
async fn no_more_are_looked_at_than_may_be_and_no_more_wait_and_none_for_ever() {
    let world = world(config());
    world.shelf.put("wiki", Some(account("wiki")));
    let place = world.roll.places.clone().try_acquire_owned().expect("nobody has it");
    let Verifying::Later(waiting) = world.look("wiki", PASSWORD, None) else {
        panic!("it has to wait")
    };
    let busy = |outcome: Verifying| matches!(outcome, Verifying::Now(Err(Refused::Busy(_))));
    assert!(busy(world.look("wiki", PASSWORD, None)), "one waits already");
    assert_eq!(waiting.await, Err(Refused::Busy("accounts.queue_timeout")));
    let Verifying::Later(waiting) = world.look("wiki", PASSWORD, None) else {
        panic!("there is room again")
    };
    drop(place);
    assert!(waiting.await.is_ok());
}

#[tokio::test]
async fn a_session_stands_until_its_account_is_another_or_is_not_taken() {
    let first = account("wiki");
    for (after, expected) in [
        (Some(Account { last_used: Some(Timestamp(5)), ..first.clone() }), true),
        (Some(Account { view: "w".to_owned(), ..first.clone() }), true),
        (Some(Account { enabled: false, ..first.clone() }), false),
        (Some(account("wiki")), false),
        (Some(Account { created_at: Timestamp(2), ..first.clone() }), false),
        (None, false),
    ] {
        let world = world(config());
        world.shelf.put("wiki", Some(first.clone()));
        let mut acting = world.bind("wiki", PASSWORD).await.expect("it is right");
        assert!(world.roll.stands(&mut acting));
        world.shelf.put("other", Some(account("other")));
        assert!(world.roll.stands(&mut acting));
        world.shelf.put("wiki", after.clone());
        assert_eq!(world.roll.stands(&mut acting), expected, "{after:?}");
    }
    let world = world(config());
    let until = Account { expires_at: Some(Timestamp(9)), ..first };
    world.shelf.put("wiki", Some(until));
    let mut acting = world.bind("wiki", PASSWORD).await.expect("it is right");
    world.clock.store(9, Ordering::Relaxed);
    assert!(!world.roll.stands(&mut acting));
}

#[tokio::test]
async fn a_use_is_told_once_an_hour() {
    let world = world(config());
    world.shelf.put("wiki", Some(account("wiki")));
    for (at, told) in [(1, 1), (2, 1), (COARSE, 1), (COARSE + 1, 2), (COARSE + 2, 2)] {
        world.clock.store(at, Ordering::Relaxed);
        world.bind("wiki", PASSWORD).await.expect("it is right");
        assert_eq!(world.used.load(Ordering::Relaxed), told, "at {at}");
    }
    world.shelf.used("wiki", Timestamp(2 * COARSE + 1));
    world.clock.store(2 * COARSE + 2, Ordering::Relaxed);
    world.bind("wiki", PASSWORD).await.expect("it is right");
    assert_eq!(world.used.load(Ordering::Relaxed), 2, "the disk knows");
}
