//! Two providers that keep each other up to date, and changes at either of them.
//!
//! "As young as the sign-on" means: as young as the server that the sign-on was asked of. So each
//! round waits until that server has the change, and not a moment longer, before all bind at once.
//! Half way the server goes away and the other one is asked; it comes back while changes go on.

use super::*;
use bindgate::domain::csn::CsnSet;
use support::pdu::Ask;

/// What a server has, of all providers.
fn position(admin: &mut Raw) -> CsnSet {
    let ask = Ask::entry(tree::SUFFIX).of(&["contextCSN"]);
    let (entries, code) = admin.search(&ask);
    assert_eq!(code, 0, "its suffix can be read");
    let values = entries[0].values("contextCSN").iter().map(Vec::as_slice);
    CsnSet::from_values(values).expect("a provider has a contextCSN")
}

#[track_caller]
fn until_it_has(server: &mut Raw, what: &CsnSet) {
    eventually("the server has what its peer has", || position(server).covers(what).then_some(()));
}

/// The binders, the model, and the servers' administrators.
struct Rounds<'a> {
    gateway: &'a Gateway,
    dice: Dice,
    model: Model,
    crowd: Crowd,
    round: u64,
}

impl Rounds<'_> {
    /// So many rounds; sign-ons are asked of the first of the servers.
    fn go(&mut self, rounds: u64, admins: &mut [Raw; 2]) {
        for _ in 0..rounds {
            let at = self.dice.below(2);
            self.model.change(self.round, &mut self.dice, &mut admins[at]);
            let changed = position(&mut admins[at]);
            until_it_has(&mut admins[0], &changed);
            self.look();
            // The next change may be made at the other one: it has to know what it changes.
            let changed = position(&mut admins[0]);
            until_it_has(&mut admins[1], &changed);
            self.round += 1;
        }
    }

    /// All bind at once; some records are looked at.
    fn look(&mut self) {
        self.crowd.bind(|at| at);
        for number in some_binders(&mut self.dice) {
            let uid = tree::extra_uid(number);
            let user = self.gateway.json(&format!("/api/v1/users/{uid}"));
            let expected = self.model.expected(number);
            assert_eq!(group_names(&user), expected, "round {}, {uid}", self.round);
        }
    }
}

#[test]
fn behind_two_providers_no_sign_on_shows_what_was_before_it_whichever_was_changed() {
    let (seed, rounds) = (seed(), counted(300, 3_000));
    let [mut one, two] = Slapd::pair(&options());
    populate(&mut one.admin());
    let has = position(&mut one.admin());
    until_it_has(&mut two.admin(), &has);
    let urls = format!("[\"{}\", \"{}\"]", one.url(), two.url());
    let gateway = gateway(one.port(), |settings| {
        settings.set("[[directory]]", "urls", urls);
    });
    until_complete(&gateway);
    let mut rounds_of = Rounds {
        gateway: &gateway,
        dice: Dice::new(seed),
        model: Model::new(),
        crowd: Crowd::before(&gateway),
        round: 0,
    };
    rounds_of.go(rounds / 2, &mut [one.admin(), two.admin()]);
    one.kill();
    let lost = "bindgate_replica_complete{directory=\"corp\"} ";
    eventually("the loss is noticed", || (metric(&gateway.metrics(), lost) == 0).then_some(()));
    until_complete(&gateway);
    rounds_of.crowd = Crowd::before(&gateway);
    one.restart();
    rounds_of.go(rounds / 2, &mut [two.admin(), one.admin()]);
    expect_few_walks(&gateway.metrics());
}
