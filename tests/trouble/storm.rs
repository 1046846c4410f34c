//! All troubles mixed: clients that ask, and a directory that answers rightly, wrongly, late, twice
//! or not at all, on connections that break.
//!
//! A run is replayed by its seed. The clock moves only when everybody waits, so that time-outs cost
//! nothing.

use super::dice::Dice;
use super::links::Granting;
use super::play::{House, Wire, paused};
use super::words;
use bindgate::domain::policy::OnUnknown;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, timeout};

const RUNS: u64 = 80;
const CLIENTS: u64 = 8;
const CONNECTIONS: usize = 4;
const VISITS: u64 = 6;
const DEEDS: u64 = 8;

/// The longest that a bind may take: a connection that is waited for behind others, the time-out,
/// the retry and its time-out.
const BIND_AT_MOST: Duration = Duration::from_secs(600);
/// How long a client waits for anything else before it leaves.
const PATIENCE: Duration = Duration::from_secs(100);

#[derive(Debug, Default)]
struct Tally {
    breaches: Vec<String>,
    /// What the directory said success to, as it was about to say so.
    granted: BTreeSet<String>,
    served: u64,
    refused: u64,
    cut: u64,
    left: u64,
    troubles: u64,
}

type Shared = Arc<Mutex<Tally>>;

#[test]
fn in_any_mix_of_troubles_nothing_succeeds_that_was_not_granted_and_nothing_hangs() {
    let mut total = Tally::default();
    for seed in 1..=RUNS {
        println!("seed {seed}");
        let tally = paused(run(seed));
        assert_eq!(tally.breaches, Vec::<String>::new(), "seed {seed}");
        total.served += tally.served;
        total.refused += tally.refused;
        total.cut += tally.cut;
        total.left += tally.left;
        total.troubles += tally.troubles;
    }
    println!("{total:?}");
    assert!(total.served > RUNS * 20 && total.refused > RUNS * 5, "too little was tried");
    assert!(total.cut > RUNS && total.troubles > RUNS * 10, "too little went wrong");
}

async fn run(seed: u64) -> Tally {
    let (house, mut ends) = House::new(OnUnknown::Keep, Granting::Up(CONNECTIONS));
    let (house, tally) = (Arc::new(house), Shared::default());
    let of_directory = tally.clone();
    let directories = tokio::spawn(async move {
        while let Some((number, end)) = ends.recv().await {
            let dice = Dice::new(seed * 10_000 + number as u64);
            tokio::spawn(directory(Wire::new(end), dice, of_directory.clone()));
        }
    });
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| tokio::spawn(client(house.clone(), tally.clone(), seed, number)))
        .collect();
    for client in clients {
        client.await.expect("a client does not panic");
    }
    timeout(Duration::from_secs(20), house.drain.emptied()).await.expect("every task ends");
    assert_eq!(house.links.waiting(), 0, "somebody still waits");
    directories.abort();
    std::mem::take(&mut *tally.lock().unwrap())
}

/// One connection's far end: mostly it answers, and what it answers with success it notes first.
async fn directory(mut end: Wire, mut dice: Dice, tally: Shared) {
    while let Some(pdu) = end.message().await {
        let text = words::words(&pdu);
        let words: Vec<&str> = text.split(' ').collect();
        let (id, name) = (words[0], words.get(2).copied().unwrap_or_default());
        let right = match words[1] {
            "bind" if name.contains("bad") => format!("{id} bound 49"),
            "bind" => format!("{id} bound 0"),
            "search" => format!("{id} done 0"),
            "compare" => format!("{id} compared 6"),
            _ => continue,
        };
        let other = if words[1] == "compare" { "done 0" } else { "compared 6" };
        let trouble = dice.below(30);
        tally.lock().unwrap().troubles += u64::from(trouble < 14);
        let bytes = match trouble {
            0 => return,
            1 => vec![0x30, 0x0c, 0x02, 0x01],
            2 => b"GET / HTTP/1.0".to_vec(),
            3 => words::message(&format!("0 {}", right.split_once(' ').unwrap().1)),
            4 => words::message(&format!("77777 {}", right.split_once(' ').unwrap().1)),
            5 => words::message(&format!("{id} {other}")),
            6 => words::message("0 notice 52"),
            7 => vec![0x30, 0x84, 0x7f, 0xff, 0xff, 0xff],
            8 => Vec::new(),
            9 => vec![0x30, 0x03, 0x02, 0x01, 0x01],
            10..14 => {
                // Late, and perhaps too late.
                let late = Duration::from_secs(dice.below(45));
                let _ = timeout(late, std::future::pending::<()>()).await;
                grant(&tally, words[1], name);
                words::message(&right)
            }
            14 => {
                grant(&tally, words[1], name);
                [words::message(&right), words::message(&right)].concat()
            }
            _ => {
                grant(&tally, words[1], name);
                words::message(&right)
            }
        };
        if end.stream.write_all(&bytes).await.is_err() || (trouble == 1 && dice.below(2) == 0) {
            return;
        }
    }
}

fn grant(tally: &Shared, verb: &str, name: &str) {
    tally.lock().unwrap().granted.insert(format!("{verb} {name}"));
}

async fn client(house: Arc<House>, tally: Shared, seed: u64, number: u64) {
    let mut dice = Dice::new(seed * 10_000 + 5_000 + number);
    for visit in 0..VISITS {
        let (mut wire, _) = house.connect(4096);
        let mut id = 0;
        for _ in 0..DEEDS {
            let asked: Vec<(u64, &str, String)> = (0..1 + dice.below(2))
                .map(|_| {
                    id += 1;
                    let kind = if dice.below(4) == 0 { "bad" } else { "good" };
                    let verb = ["bind", "search", "compare"][dice.below(3) as usize];
                    (id, verb, format!("{kind}-{number}.{visit}.{id}"))
                })
                .collect();
            if !deed(&mut wire, asked, &tally).await {
                break;
            }
        }
    }
}

/// Asks, and waits for all answers; whether the connection goes on.
async fn deed(wire: &mut Wire, mut asked: Vec<(u64, &str, String)>, tally: &Shared) -> bool {
    let bytes: Vec<u8> = asked
        .iter()
        .flat_map(|(id, verb, name)| words::message(&format!("{id} {verb} {name}")))
        .collect();
    let _ = wire.stream.write_all(&bytes).await;
    let began = Instant::now();
    while let Some((_, first, _)) = asked.first() {
        // Behind a search that is never answered a bind waits, as the client does.
        let all_bind = asked.iter().all(|(_, verb, _)| *verb == "bind");
        let limit = if all_bind { BIND_AT_MOST } else { PATIENCE };
        let Ok(heard) = timeout(limit.saturating_sub(began.elapsed()), wire.message()).await else {
            let mut tally = tally.lock().unwrap();
            tally.left += 1;
            if all_bind {
                tally.breaches.push(format!("a {first} was not answered in {limit:?}"));
            }
            return false;
        };
        let Some(text) = heard.map(|pdu| words::words(&pdu)) else {
            tally.lock().unwrap().cut += 1;
            return false;
        };
        if text == "0 notice 52" {
            continue;
        }
        take(&text, &mut asked, &mut tally.lock().unwrap());
    }
    true
}

/// An answer belongs to what was asked, is of its type, and is no success that was not granted.
fn take(text: &str, asked: &mut Vec<(u64, &str, String)>, tally: &mut Tally) {
    let words: Vec<&str> = text.split(' ').collect();
    let id: u64 = words[0].parse().unwrap();
    let Some(at) = asked.iter().position(|(asked, _, _)| *asked == id) else {
        return tally.breaches.push(format!("{text} answers nothing of {asked:?}"));
    };
    let (_, verb, name) = asked.remove(at);
    let fits = matches!(
        (verb, words[1]),
        ("bind", "bound") | ("search", "done") | ("compare", "compared")
    );
    // 3: what a bind waited for too long was abandoned. 51: all places were taken for too long.
    let succeeded = !matches!(words[2], "52" | "51" | "49" | "3");
    let granted = tally.granted.contains(&format!("{verb} {name}"));
    let is_right = match (verb, name.contains("bad"), words[2]) {
        ("bind", true, "0") => false,
        _ => !succeeded || granted,
    };
    if !fits || !is_right {
        tally.breaches.push(format!("{text} answers {verb} {name}, granted: {granted}"));
    }
    match succeeded {
        true => tally.served += 1,
        false => tally.refused += 1,
    }
}
