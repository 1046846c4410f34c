//! Moments and troubles, each with each, as scripts: a cell says in words what the client gets.
//!
//! The words are those of `frontend/play.rs`. What a directory never answers and is no bind is
//! waited for until the client leaves; the limit on that is not the directory's side's.

use super::play::check;

/// What a client is about when the trouble comes.
struct Moment {
    name: &'static str,
    /// How it comes about, on connection 1.
    before: String,
    /// The messageID upstream of an operation under way; of the last one if there is none.
    id: u32,
    /// What answers it, and something of another type.
    answer: &'static str,
    other: &'static str,
    /// What is under way goes on to its end, on the connection of that number.
    rest: fn(usize) -> String,
    /// What is under way is refused, in words; empty if there is nothing.
    refused: &'static str,
}

/// What a moment has to make of a trouble.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cell {
    /// It goes on as if nothing had been.
    GoesOn,
    /// Each operation under way is unavailable, and so is the session.
    Ends,
    /// The bind is sent again on another connection.
    SentAgain,
    /// The bind is unavailable at once, and the session is nobody's.
    Refused,
    /// The bind is unavailable when its time is over, and the session is nobody's.
    TimedOut,
    /// The client waits, and leaves.
    Waits,
}

const BOUND: &str = "> 1 bind ann\n1< 1 bind ann\n1> 1 bound 0\n< 1 bound 0\n";

fn moments(entries: usize) -> Vec<Moment> {
    let seen: String = (0..entries).map(|n| format!("1> 2 entry {n}\n< 2 entry {n}\n")).collect();
    vec![
        Moment {
            name: "during a bind",
            before: "> 1 bind ann\n1< 1 bind ann\n".to_owned(),
            id: 1,
            answer: "bound 49",
            other: "done 0",
            rest: |on| format!("{on}> 1 bound 0\n< 1 bound 0\n> 2 whoami\n< 2 answer 0 u:ann\n"),
            refused: "1 bound 52",
        },
        Moment {
            name: "during a search",
            before: format!("{BOUND}> 2 search x\n1< 2 search x\n{seen}"),
            id: 2,
            answer: "done 4",
            other: "compared 6",
            rest: |on| format!("{on}> 2 entry y & 2 done 0\n< 2 entry y & 2 done 0\n"),
            refused: "2 done 52",
        },
        Moment {
            name: "while an idle session is bound",
            before: format!("{BOUND}> 2 search x\n1< 2 search x\n1> 2 done 0\n< 2 done 0\n"),
            id: 2,
            answer: "done 0",
            other: "",
            rest: |on| format!("> 3 search y\n{on}< 3 search y\n{on}> 3 done 0\n< 3 done 0\n"),
            refused: "",
        },
        Moment {
            name: "with several operations under way",
            before: format!(
                "{BOUND}> 2 search x & 3 compare y & 4 extended 1.2.3\n\
                 1< 2 search x & 3 compare y & 4 extended 1.2.3\n{seen}"
            ),
            id: 3,
            answer: "compared 5",
            other: "done 0",
            rest: |on| {
                format!(
                    "{on}> 4 answer 0 & 3 compared 6 & 2 done 0\n\
                     < 4 answer 0 & 3 compared 6 & 2 done 0\n"
                )
            },
            refused: "2 done 52 & 3 compared 52 & 4 answer 52",
        },
    ]
}

/// Whether a trouble may come at a moment, what it is there, and what has to come of it.
type Trouble = (&'static str, fn(&Moment) -> Option<(String, Cell)>);

fn binds(moment: &Moment) -> bool {
    moment.answer.starts_with("bound")
}

fn is_idle(moment: &Moment) -> bool {
    moment.refused.is_empty()
}

/// A trouble that spoils the connection: a bind that may be sent again is, others are not.
fn lost(moment: &Moment, script: String, before_an_answer: bool) -> Option<(String, Cell)> {
    let cell = match (binds(moment), before_an_answer) {
        (false, _) => Cell::Ends,
        (true, true) => Cell::SentAgain,
        (true, false) => Cell::Refused,
    };
    Some((script, cell))
}

/// A trouble after which nothing comes any more.
fn silent(moment: &Moment, script: String) -> Option<(String, Cell)> {
    Some((script, if binds(moment) { Cell::TimedOut } else { Cell::Waits }))
}

const TROUBLES: &[Trouble] = &[
    ("the connection is lost", |m| lost(m, "1 dies\n".into(), true)),
    ("the directory cannot be reached any more", |m| {
        // For a bind there is a retry, which finds nobody.
        let script = if binds(m) { "later\n1 dies\nrefuse\n" } else { "later\n1 dies\n" };
        lost(m, script.into(), false)
    }),
    ("it is slow", |_| Some(("wait 29\n< nothing\n".into(), Cell::GoesOn))),
    ("it is silent", |m| silent(m, String::new())),
    ("it is reset inside a message", |m| lost(m, "1>x 30 0c 02\n1 dies\n".into(), false)),
    ("it is reset inside the first length", |m| lost(m, "1>x 30 82\n1 dies\n".into(), false)),
    ("it says that it disconnects", |m| lost(m, "1> 0 notice 52\n".into(), true)),
    ("it sends garbage", |m| lost(m, "1>x 47 45 54 20 2f\nevent odd\n".into(), false)),
    ("it sends a message that ends too early", |m| {
        lost(m, "1>x 30 03 02 01 01\nevent odd\n".into(), false)
    }),
    ("it answers messageID 0", |m| lost(m, format!("1> 0 {}\nevent odd\n", m.answer), false)),
    ("it answers what was never asked", |m| {
        lost(m, format!("1> 99 {}\nevent odd\n", m.answer), false)
    }),
    ("it answers under a negative messageID", |m| {
        lost(m, "1>x 30 05 02 01 80 65 00\nevent odd\n".into(), false)
    }),
    ("its answer is of the wrong type", |m| {
        let script = format!("1> {} {}\nevent odd\n", m.id, m.other);
        if is_idle(m) { None } else { lost(m, script, false) }
    }),
    ("it sends a request", |m| {
        let script = format!("1> {} search z\nevent odd\n", m.id);
        if is_idle(m) { None } else { lost(m, script, false) }
    }),
    ("it announces a giant message", |m| {
        lost(m, "1>x 30 84 7f ff ff ff\nevent odd\n".into(), false)
    }),
    ("it announces a length of lengths", |m| {
        lost(m, "1>x 30 89 01 01 01 01 01 01 01 01 01\nevent odd\n".into(), false)
    }),
    ("it nests deeply", |m| lost(m, format!("1>x {}\nevent odd\n", nested(2000)), false)),
    ("it stops inside a message", |m| {
        let begun = format!("1>x 30 0c 02 01 {:02x}\n", m.id);
        silent(m, begun)
    }),
    ("it sends what is unknown", |m| {
        let script = format!("1>x 30 05 02 01 {:02x} 7e 00\nevent skipped\n", m.id);
        if is_idle(m) { None } else { Some((script, Cell::GoesOn)) }
    }),
    ("it sends an unsolicited notification that is none of ours", |_| {
        Some(("1> 0 answer 0\n".into(), Cell::GoesOn))
    }),
];

/// Messages in messages, as many as that, in hex.
fn nested(depth: usize) -> String {
    let mut bytes: Vec<u8> = Vec::new();
    for _ in 0..depth {
        let length = u32::try_from(bytes.len()).unwrap().to_be_bytes();
        let mut around = vec![0x30, 0x84];
        around.extend(length);
        around.append(&mut bytes);
        bytes = around;
    }
    bytes.iter().map(|byte| format!("{byte:02x} ")).collect()
}

fn end(moment: &Moment, cell: Cell) -> String {
    let nobody = "1 closed\n> 8 whoami\n< 8 answer 0\n> 9 search z\n2< 1 search z\n\
                  2> 1 done 0\n< 9 done 0\n";
    let separator = if is_idle(moment) { "" } else { " & " };
    let (refused, rest) = (moment.refused, (moment.rest)(1));
    match cell {
        Cell::GoesOn => rest,
        Cell::Ends => format!(
            "< {refused}{separator}0 notice 52 & end\n1 closed\nleave\nevent left upstream-lost\n"
        ),
        Cell::SentAgain => format!("event retried\n2< 1 bind ann\n{}", (moment.rest)(2)),
        Cell::Refused => format!("< {refused}\nnow\n{nobody}"),
        Cell::TimedOut => {
            format!("wait 29\n< nothing\nwait 1\n< {refused}\n1 silent\n{nobody}")
        }
        Cell::Waits if is_idle(moment) => format!("< nothing\n{rest}"),
        Cell::Waits => "wait 100\n< nothing\nleave\n1 closed\nevent left by-client\n".to_owned(),
    }
}

#[test]
fn every_trouble_at_every_moment_gives_each_operation_its_answer() {
    let mut cells = 0;
    for entries in [0, 3] {
        for moment in moments(entries) {
            for (name, trouble) in TROUBLES {
                // Half a message is no answer to an idle session that goes on afterwards.
                if is_idle(&moment) && name.starts_with("it stops") {
                    continue;
                }
                let Some((trouble, cell)) = trouble(&moment) else { continue };
                let script = format!("{}{trouble}{}", moment.before, end(&moment, cell));
                println!("{}: {name}, after {entries} entries\n{script}", moment.name);
                check(&script);
                cells += 1;
            }
        }
    }
    assert!(cells > 140, "only {cells} cells");
}

/// A final answer that comes twice is the first one; what comes second is for nobody, and the
/// connection does not go back to the pool.
#[test]
fn the_first_of_two_final_answers_counts_and_the_connection_is_closed_afterwards() {
    check(
        "> 1 bind ann
         1< 1 bind ann
         1> 1 bound 49 & 1 bound 0
         < 1 bound 49 & nothing
         > 2 whoami & 3 unbind
         < 2 answer 0 & end
         1 closed",
    );
    check(
        "> 1 bind ann & 2 search x & 3 compare y
         1> 1 bound 0
         1< 1 bind ann & 2 search x & 3 compare y
         1> 2 done 0 & 2 done 0 & 2 entry x & 3 compared 6
         < 1 bound 0 & 2 done 0 & 3 compared 6 & nothing
         > 4 unbind
         < end
         1 closed",
    );
}

/// An idle session whose directory falls silent inside a message ends with the next that it asks.
#[test]
fn half_a_message_to_an_idle_session_is_the_end_of_the_connection_when_that_ends() {
    check(
        "> 1 bind ann & 2 search x
         1> 1 bound 0
         1< 1 bind ann & 2 search x
         1> 2 done 0
         < 1 bound 0 & 2 done 0
         1>x 30 0c 02
         < nothing
         > 3 search y
         1< 3 search y
         1 dies
         < 3 done 52 & 0 notice 52 & end
         1 closed",
    );
}

/// RFC 4511 section 4.13: what comes before the final answer is relayed for a bind too.
#[test]
fn an_intermediate_response_to_a_bind_is_relayed_and_rules_a_retry_out() {
    check(
        "> 1 bind ann
         1< 1 bind ann
         1> 1 intermediate
         < 1 intermediate & nothing
         1> 1 bound 0
         < 1 bound 0",
    );
    for begun in ["1> 1 intermediate\n< 1 intermediate", "1>x 30 05 02 01 01 7e 00\nevent skipped"]
    {
        check(&format!("> 1 bind ann\n1< 1 bind ann\n{begun}\n1 dies\n< 1 bound 52 & nothing"));
    }
}

/// A session of binds alone has lost nothing that its next bind does not bring back.
#[test]
fn trouble_between_two_binds_is_not_noticed() {
    for trouble in ["1 dies", "1> 0 notice 52", "1>x 47 45 54 20", "1> 9 bound 0", "1>x 30 0c 02"] {
        let closed = if trouble == "1>x 30 0c 02" { "1 dies\n1 closed" } else { "1 closed" };
        check(&format!(
            "{BOUND}{trouble}\n{closed}\n< nothing\n> 2 bind ann\n2< 1 bind ann\n2> 1 bound 0\n\
             < 2 bound 0"
        ));
    }
}

#[test]
fn a_directory_that_cannot_be_reached_refuses_each_request_and_keeps_the_session() {
    check(
        "later
         > 1 bind ann & 2 search+ x & 3 whoami
         refuse
         < 1 bound 52
         refuse
         < 2 done 52 & 3 answer 0
         > 4 bind ann
         grant
         1< 1 bind ann
         1> 1 bound 0
         < 4 bound 0",
    );
}
