//! A source that keeps failing does not slow the others down.
//!
//! Method: a directory of eight connections that answers when the test says so. The attackers send
//! the next wrong password as soon as they have an answer; in every round all binds that the
//! directory has are looked at, then answered.

use super::links::{FarEnds, Granting};
use super::play::{House, THROTTLE, Wire, paused};
use super::words;
use bindgate::app::throttle::{Config, Throttle, Watch};
use bindgate::domain::policy::OnUnknown;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, timeout};

const CONNECTIONS: usize = 8;
const QUARTER: usize = 2;
const ATTACKER: &str = "10.0.0.66";
const GOOD: &str = "uid=ann,dc=one";

/// Whether the passwords of binds under that name are right.
fn is_good(name: &str) -> bool {
    name == GOOD || name.starts_with("uid=user-")
}

/// A gateway, its clients, and a directory's ends.
struct Town {
    house: House,
    throttle: Arc<Throttle>,
    far_ends: FarEnds,
    wires: BTreeMap<usize, Wire>,
    /// The binds that the directory has, by connection: messageID and name.
    asked: BTreeMap<usize, (i64, String)>,
    clients: Vec<Client>,
}

struct Client {
    wire: Wire,
    name: String,
    last: i64,
    codes: Vec<String>,
}

impl Town {
    fn new(config: Config) -> Self {
        let (house, far_ends) = House::new(OnUnknown::Keep, Granting::Up(CONNECTIONS));
        let throttle = Arc::new(Throttle::new(config, &[CONNECTIONS, CONNECTIONS]));
        let house = house.with_throttle(throttle.clone());
        let (wires, asked, clients) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        Self { house, throttle, far_ends, wires, asked, clients }
    }

    async fn client(&mut self, address: &str, name: &str) {
        let (wire, _) = self.house.connect_from(address.parse().unwrap(), 4096);
        self.clients.push(Client { wire, name: name.to_owned(), last: 0, codes: Vec::new() });
        let at = self.clients.len() - 1;
        self.bind(at).await;
    }

    async fn bind(&mut self, at: usize) {
        let client = &mut self.clients[at];
        client.last += 1;
        let request = words::message(&format!("{} bind {}", client.last, client.name));
        client.wire.stream.write_all(&request).await.expect("the gateway reads");
    }

    /// Takes in what the directory was asked for, until nothing more comes.
    async fn listen(&mut self) {
        for _ in 0..3 {
            for _ in 0..200 {
                tokio::task::yield_now().await;
            }
            while let Ok((number, far)) = self.far_ends.try_recv() {
                self.wires.insert(number, Wire::new(far));
            }
            for (number, wire) in &mut self.wires {
                if self.asked.contains_key(number) {
                    continue;
                }
                let Ok(Some(pdu)) = timeout(Duration::from_millis(1), wire.message()).await else {
                    continue;
                };
                let text = words::words(&pdu);
                let (id, name) = text.split_once(" bind ").expect("binds alone are sent");
                self.asked.insert(*number, (id.parse().unwrap(), name.to_owned()));
            }
        }
    }

    /// How many binds of that name the directory has.
    fn has(&self, name: &str) -> usize {
        self.asked.values().filter(|(_, asked)| asked == name).count()
    }

    /// Answers all that the directory was asked for, and hands the answers to the clients; those
    /// who have one go on with `next`.
    async fn answer(&mut self, next: bool) {
        for (number, (id, name)) in std::mem::take(&mut self.asked) {
            let code = if is_good(&name) { 0 } else { 49 };
            let answer = words::message(&format!("{id} bound {code}"));
            let wire = self.wires.get_mut(&number).expect("it asked");
            if wire.stream.write_all(&answer).await.is_err() {
                // Its client has gone in the middle of the bind.
                self.wires.remove(&number);
            }
        }
        for at in 0..self.clients.len() {
            let wire = &mut self.clients[at].wire;
            let Ok(heard) = timeout(Duration::from_millis(1), wire.message()).await else {
                continue;
            };
            let text = words::words(&heard.expect("nobody is cut"));
            let is_bad = !is_good(&self.clients[at].name);
            self.clients[at].codes.push(text);
            if next && is_bad {
                self.bind(at).await;
            }
        }
    }

    /// All have their answers, and bind again under names that may be others.
    async fn take_turns(&mut self, rename: impl Fn(usize, &mut String)) {
        for _ in 0..2 {
            self.listen().await;
            self.answer(false).await;
        }
        for at in 0..self.clients.len() {
            rename(at, &mut self.clients[at].name);
            self.bind(at).await;
        }
    }

    async fn until_throttled(&mut self) {
        for _ in 0..100 {
            self.listen().await;
            self.answer(true).await;
            if self.house.seen.take("throttled 10.0.0.66") {
                return;
            }
        }
        panic!("nobody was held back");
    }
}

#[test]
fn others_never_wait_behind_more_than_a_quarter_of_the_pool() {
    paused(async {
        let mut town = Town::new(THROTTLE);
        for _ in 0..40 {
            town.client(ATTACKER, "bad").await;
        }
        town.listen().await;
        assert_eq!(town.has("bad"), CONNECTIONS, "before it is noticed it may have all");
        town.until_throttled().await;
        // Those that were let through before have their answers now; what is queued goes on.
        for _ in 0..10 {
            town.listen().await;
            town.answer(true).await;
        }
        for round in 0..50 {
            if round % 10 == 0 {
                for _ in 0..CONNECTIONS - QUARTER {
                    town.client("10.0.0.1", GOOD).await;
                }
            }
            town.listen().await;
            assert!(town.has("bad") <= QUARTER, "round {round}: {:?}", town.asked);
            assert!(town.has("bad") > 0, "it is held back, not shut out");
            let waiting = town.house.links.waiting();
            assert_eq!(waiting, 0, "round {round}: somebody waits for a connection");
            if round % 10 == 0 {
                assert_eq!(town.has(GOOD), CONNECTIONS - QUARTER, "round {round}");
            }
            town.answer(true).await;
            if round % 10 == 9 {
                let good = |client: &Client| client.name == GOOD;
                let all = town.clients.iter().filter(|client| good(client));
                assert!(all.into_iter().all(|client| client.codes == ["1 bound 0"]));
                town.clients.retain(|client| !good(client));
            }
        }
    });
}

/// With the keys' defaults in proportion: one wrong password in ten, from one address, for hours,
/// of many users.
#[test]
fn a_server_of_applications_with_some_wrong_passwords_is_never_held_back() {
    paused(async {
        let mut town = Town::new(THROTTLE);
        for _ in 0..9 {
            town.client(ATTACKER, GOOD).await;
        }
        town.client(ATTACKER, "bad").await;
        for round in 0..100 {
            town.take_turns(|at, name| {
                if is_good(name) {
                    *name = format!("uid=user-{},dc=one", round * 9 + at);
                }
            })
            .await;
        }
        assert_eq!(town.throttle.watch(), Watch::Counting, "it is watched, for it fails often");
        assert_eq!(town.throttle.held_back(), 0);
        assert!(!town.house.seen.take("throttled 10.0.0.66"));
    });
}

/// Whoever had a password of their own used it as often as they failed, and was never held back.
#[test]
fn ones_own_password_between_guesses_hides_nothing() {
    paused(async {
        let mut town = Town::new(THROTTLE);
        for name in [GOOD, "bad", GOOD, GOOD, "worse", GOOD] {
            town.client(ATTACKER, name).await;
        }
        for _ in 0..40 {
            town.take_turns(|_, _| {}).await;
            if town.house.seen.take("throttled 10.0.0.66") {
                return;
            }
        }
        panic!("nobody was held back");
    });
}

#[test]
fn the_entry_of_a_user_is_not_read_ahead_for_a_source_that_keeps_failing() {
    paused(async {
        let mut town = Town::new(THROTTLE);
        for _ in 0..4 {
            town.client(ATTACKER, "bad").await;
        }
        town.until_throttled().await;
        town.clients.clear();
        town.listen().await;
        town.answer(false).await;
        town.house.tree.state().searches.clear();
        town.client(ATTACKER, GOOD).await;
        town.listen().await;
        assert_eq!(town.has(GOOD), 1);
        assert_eq!(town.house.tree.state().searches.len(), 0, "read ahead");
        town.answer(false).await;
        // Its success is a sign-on all the same.
        assert_eq!(town.clients[0].codes, ["1 bound 0"]);
        assert!(town.house.seen.take("created +0 -0"));
    });
}

/// The connections of failed binds stayed with their sessions until somebody asked for them.
#[test]
fn a_failed_bind_of_such_a_source_gives_its_connection_back() {
    paused(async {
        let mut town = Town::new(THROTTLE);
        town.client(ATTACKER, "bad").await;
        town.until_throttled().await;
        for _ in 0..3 {
            town.listen().await;
            let number = *town.asked.keys().next().expect("its turn has come");
            let back = format!("{number} back Binds");
            while town.house.links.said(&back) {}
            town.answer(false).await;
            assert!(town.house.links.said(&back), "the client is silent, and keeps it");
            town.bind(0).await;
        }
    });
}

#[test]
fn what_is_beyond_the_pace_is_answered_busy_within_a_bounded_time() {
    paused(async {
        let queue_timeout = Duration::from_secs(3);
        let config = Config { binds_per_second: 1, max_waiting: 2, queue_timeout, ..THROTTLE };
        let mut town = Town::new(config);
        for _ in 0..10 {
            town.client(ATTACKER, "bad").await;
        }
        town.until_throttled().await;
        let started = Instant::now();
        let mut codes = Vec::new();
        while codes.len() < 40 {
            town.listen().await;
            town.answer(true).await;
            let said = town.clients.iter_mut().flat_map(|client| client.codes.drain(..));
            codes.extend(said.map(|text| text.rsplit(' ').next().unwrap_or_default().to_owned()));
            assert!(started.elapsed() < 20 * queue_timeout, "nobody is answered: {codes:?}");
        }
        assert!(codes.iter().any(|code| code == "51"), "{codes:?}");
        assert!(codes.iter().all(|code| code == "51" || code == "49"), "{codes:?}");
        assert!(town.house.seen.take("limit max_waiting"));
    });
}

#[test]
fn a_client_that_goes_while_it_waits_for_its_turn_gives_it_up() {
    paused(async {
        let mut town = Town::new(THROTTLE);
        for _ in 0..8 {
            town.client(ATTACKER, "bad").await;
        }
        town.until_throttled().await;
        for _ in 0..10 {
            town.listen().await;
            town.answer(true).await;
        }
        town.listen().await;
        assert_eq!(town.has("bad"), QUARTER);
        // All leave, those who wait and those whose binds are with the directory.
        town.clients.clear();
        for _ in 0..QUARTER {
            town.client(ATTACKER, GOOD).await;
        }
        let mut rounds = 0;
        while town.clients.iter().any(|client| client.codes.is_empty()) {
            town.listen().await;
            let good: BTreeMap<_, _> =
                town.asked.iter().filter(|(_, (_, name))| name == GOOD).map(clone).collect();
            town.asked = good;
            town.answer(false).await;
            rounds += 1;
            assert!(rounds < 100, "a place was not given back");
        }
    });
}

fn clone((number, asked): (&usize, &(i64, String))) -> (usize, (i64, String)) {
    (*number, asked.clone())
}
