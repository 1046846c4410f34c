//! Questions to whoever sits at the terminal; without one, flags and what was seen have to do.

use super::super::exit::{Exit, Failure};
use super::printable;
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use std::io::{BufRead, IsTerminal, Read, Write};
use zeroize::Zeroizing;

/// How often a question is put that gets no sensible answer.
const TRIES: usize = 5;
/// The most bytes of an answer.
const MAX_ANSWER: u64 = 64 * 1024;

/// Who answers.
pub(super) enum Asking {
    /// Somebody at a terminal.
    Person,
    /// Nobody.
    Nobody,
}

impl Asking {
    /// Whoever sits at the terminal, if there is one and questions are wanted.
    pub(super) fn of_terminal(non_interactive: bool) -> Self {
        let is_there = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
        if is_there && !non_interactive { Self::Person } else { Self::Nobody }
    }

    /// What the flag says; else the answer to the question, where an empty one is what was seen; else
    /// that itself. Whatever it is, `judge` has to find nothing wrong with it.
    pub(super) fn text(
        &mut self,
        flag: &'static str,
        question: &str,
        given: Option<&str>,
        seen: Option<&str>,
        judge: impl Fn(&str) -> Result<(), String>,
    ) -> Result<String, Failure> {
        let usage =
            |detail: String| Failure::new(Exit::Usage, "usage", format!("{flag}: {detail}"));
        match (given, &self, seen) {
            (Some(given), _, _) => judge(given).map(|()| given.to_owned()).map_err(usage),
            (None, Self::Nobody, Some(seen)) => Ok(seen.to_owned()),
            (None, Self::Nobody, None) => {
                Err(usage("it cannot be seen, and nobody is there to be asked".to_owned()))
            }
            (None, Self::Person, seen) => {
                let (mut input, mut out) = (std::io::stdin().lock(), std::io::stderr().lock());
                ask(&mut input, &mut out, question, seen, judge).map_err(usage)
            }
        }
    }

    /// A password, typed unseen.
    pub(super) fn password(
        &mut self,
        flag: &'static str,
        question: &str,
    ) -> Result<Zeroizing<String>, Failure> {
        let usage = |detail: &str| Failure::new(Exit::Usage, "usage", format!("{flag}: {detail}"));
        if matches!(self, Self::Nobody) {
            return Err(usage("a password comes from a file, or with --password-env"));
        }
        let _unseen = Unseen::begin();
        let (mut input, mut out) = (std::io::stdin().lock(), std::io::stderr().lock());
        let _ = write!(out, "{question}: ").and_then(|()| out.flush());
        let typed = line(&mut input).map_err(|error| usage(&error))?;
        let _ = writeln!(out);
        if typed.is_empty() { Err(usage("the password is empty")) } else { Ok(typed) }
    }
}

/// Puts a question until the answer makes sense.
fn ask(
    input: &mut impl BufRead,
    out: &mut impl Write,
    question: &str,
    seen: Option<&str>,
    judge: impl Fn(&str) -> Result<(), String>,
) -> Result<String, String> {
    for _ in 0..TRIES {
        let shown = seen.map(|seen| format!(" [{}]", printable(seen))).unwrap_or_default();
        // A terminal that is gone has no answer either.
        let _ = write!(out, "{question}{shown}: ").and_then(|()| out.flush());
        let typed = line(input)?;
        let answer = match (typed.trim(), seen) {
            ("", Some(seen)) => seen,
            (typed, _) => typed,
        };
        match judge(answer) {
            Ok(()) if !answer.is_empty() => return Ok(answer.to_owned()),
            Ok(()) => {}
            Err(wrong) => drop(writeln!(out, "{wrong}")),
        }
    }
    Err("no answer that makes sense".to_owned())
}

/// A line without its end.
fn line(input: &mut impl BufRead) -> Result<Zeroizing<String>, String> {
    let mut line = Zeroizing::new(String::with_capacity(1024));
    let read = input.take(MAX_ANSWER).read_line(&mut line);
    match read.map_err(|error| error.to_string())? {
        0 => Err("the terminal was closed".to_owned()),
        _ => {
            let length = line.trim_end_matches(['\r', '\n']).len();
            line.truncate(length);
            Ok(line)
        }
    }
}

/// While this lives, what is typed is not shown.
struct Unseen(Option<rustix::termios::Termios>);

impl Unseen {
    fn begin() -> Self {
        let terminal = std::io::stdin();
        let Ok(before) = tcgetattr(&terminal) else { return Self(None) };
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO);
        let is_set = tcsetattr(&terminal, OptionalActions::Now, &quiet).is_ok();
        Self(is_set.then_some(before))
    }
}

impl Drop for Unseen {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, before);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(typed: &str, seen: Option<&str>, expected: Result<&str, &str>) -> String {
        let mut out = Vec::new();
        let short = |text: &str| if text.len() < 5 { Ok(()) } else { Err("too long".to_owned()) };
        let answer = ask(&mut typed.as_bytes(), &mut out, "What", seen, short);
        assert_eq!(answer.as_deref().map_err(String::as_str), expected);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn an_empty_answer_is_what_was_seen_and_a_senseless_one_is_asked_for_again() {
        assert_eq!(check("\n", Some("seen"), Ok("seen")), "What [seen]: ");
        assert_eq!(check(" mine \r\n", Some("seen"), Ok("mine")), "What [seen]: ");
        assert_eq!(check("\nmine", None, Ok("mine")), "What: What: ");
        assert_eq!(check("mistaken\nmine\n", None, Ok("mine")), "What: too long\nWhat: ");
        check("", Some("seen"), Err("the terminal was closed"));
        check("\n\n\n\n\n\n", None, Err("no answer that makes sense"));
    }

    #[test]
    fn what_was_seen_cannot_move_the_cursor() {
        assert_eq!(check("a\n", Some("\x1b[2J"), Ok("a")), "What [\\x1b[2J]: ");
    }
}
