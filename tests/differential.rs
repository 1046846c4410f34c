//! Two other libraries as second opinions on hostile bytes.
//!
//! Goal: what the gateway and `ldap3_proto`, or the gateway and `rasn-ldap`, both accept means the
//! same to both; and where one of them accepts what the other refuses, that is a class that
//! `classes.rs` lists with its reason. Method: the corpus, and mutations of it by a printed seed,
//! read by all three.

mod support;

#[path = "differential/ldap3_proto.rs"]
mod by_ldap3_proto;
#[path = "differential/rasn_ldap.rs"]
mod by_rasn_ldap;
#[path = "differential/classes.rs"]
mod classes;
#[path = "differential/meaning.rs"]
mod meaning;
#[path = "fuzz/mutator.rs"]
mod mutator;
#[path = "differential/ours.rs"]
mod ours;

use bindgate::proto::ber::Reader;
use classes::{CLASSES, Case, Verdict};
use meaning::Meaning;
use std::collections::BTreeMap;
use std::path::Path;
use support::counts::{counted, seed};
use support::dice::Dice;

/// How many mutated messages all three read: in CI, and in a soak.
const IN_CI: u64 = 40_000;
const IN_A_SOAK: u64 = 1_000_000;

/// The deepest message that the others are given: they recurse, and one has no bound.
const MAX_DEPTH: usize = 24;

type Reads = fn(&[u8]) -> Result<Meaning, String>;

/// The others.
const OTHERS: [(&str, Reads); 2] =
    [("ldap3_proto", by_ldap3_proto::read), ("rasn-ldap", by_rasn_ldap::read)];

/// Counts by what was found, and an example of each that no class explains.
#[derive(Default)]
struct Findings {
    counts: BTreeMap<String, u64>,
    unexplained: BTreeMap<String, String>,
}

impl Findings {
    fn look_at(&mut self, pdu: &[u8]) {
        if depth(pdu) > MAX_DEPTH {
            return;
        }
        let ours = ours::read(pdu);
        for (other, reads) in OTHERS {
            let theirs = reads(pdu);
            let verdict = match (&ours, &theirs) {
                (Ok(ours), Ok(theirs)) if ours.agrees(theirs) => Verdict::Same,
                (Ok(_), Ok(_)) => Verdict::Otherwise,
                (Ok(_), Err(_)) => Verdict::OnlyUs,
                (Err(_), Ok(_)) => Verdict::OnlyThem,
                (Err(_), Err(_)) => Verdict::Neither,
            };
            let case = Case { pdu, other, ours: &ours, theirs: &theirs, verdict };
            self.note(&case);
        }
    }

    fn note(&mut self, case: &Case<'_>) {
        let Case { other, verdict, ours, theirs, pdu } = case;
        let settled = matches!(verdict, Verdict::Same | Verdict::Neither);
        let class = CLASSES.iter().find(|class| (class.fits)(case));
        let name = match class {
            _ if settled => format!("{other}: {verdict:?}"),
            Some(class) => format!("{other}: {}", class.name),
            None => {
                let why = match (ours, theirs) {
                    (Err(error), _) | (_, Err(error)) => error.as_str(),
                    _ => "",
                };
                let innermost = why.rsplit("`: ").next().unwrap_or_default();
                let why: String =
                    innermost.chars().filter(|c| !c.is_ascii_digit()).take(60).collect();
                let name = format!("{other}: {verdict:?} {why}");
                let example = format!("{}\n  {ours:?}\n  {theirs:?}", pdu.escape_ascii());
                let shortest = self.unexplained.entry(name.clone()).or_insert(example.clone());
                if example.len() < shortest.len() {
                    *shortest = example;
                }
                name
            }
        };
        *self.counts.entry(name).or_default() += 1;
    }

    #[track_caller]
    fn expect_explained(&self) {
        println!("{:#?}", self.counts);
        let examples: Vec<String> = self
            .unexplained
            .iter()
            .map(|(name, example)| format!("{name}:\n  {example}"))
            .collect();
        assert!(examples.is_empty(), "no class explains these:\n{}", examples.join("\n"));
    }
}

fn depth(bytes: &[u8]) -> usize {
    let mut reader = Reader::new(bytes);
    let mut deepest = 0;
    while let Ok(element) = reader.element() {
        if element.tag & 0x20 != 0 {
            deepest = deepest.max(1 + depth(element.content));
        }
    }
    deepest
}

/// Whole messages of the corpus.
fn corpus() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/message");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("the corpus is there")
        .map(|file| file.expect("the corpus can be read").path())
        .collect();
    files.sort();
    files.iter().map(|file| std::fs::read(file).expect("the corpus can be read")).collect()
}

/// The others' panics are findings here, and no news.
fn without_noise(test: impl FnOnce()) {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let location = info.location().map_or("", |location| location.file());
        if location.starts_with("tests") {
            usual(info);
        }
    }));
    test();
}

#[test]
fn what_we_and_others_read_means_the_same_and_what_one_refuses_is_explained() {
    without_noise(|| {
        let (mut findings, corpus) = (Findings::default(), corpus());
        corpus.iter().for_each(|pdu| findings.look_at(pdu));
        let (mut dice, count) = (Dice::new(seed()), counted(IN_CI, IN_A_SOAK));
        for round in 0..count {
            let (from, other) = (dice.one_of(&corpus), dice.one_of(&corpus));
            let mutated = mutator::mutate(&mut dice, from, other);
            findings.look_at(&mutated);
            if (round + 1) % (count / 10).max(1) == 0 {
                println!("{} of {count}", round + 1);
            }
        }
        findings.expect_explained();
        for (other, _) in OTHERS {
            let same = findings.counts.get(&format!("{other}: Same")).copied().unwrap_or_default();
            assert!(same > count / 20, "{other} and we agree on {same} of {count} only");
        }
    });
}

#[test]
fn every_class_of_differences_has_a_reason() {
    for class in CLASSES {
        assert!(class.why.len() > 30, "{}: {}", class.name, class.why);
    }
}
