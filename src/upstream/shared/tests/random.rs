//! The books under random clients, answers and deaths. Whatever comes: an operation ends once, for
//! the client that asked it and by the name that it was given; what changes something is sent once,
//! everything else twice at most. Seeds are printed.

use super::super::books::{Books, Delivered, End, Wakes};
use super::super::outgoing::Outgoing;
use super::*;
use std::collections::{BTreeMap, BTreeSet};
use std::task::Waker;

const SEEDS: u64 = 300;
const STEPS: usize = 300;

struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % end.max(1)
    }
}

/// An operation: who asked it, and the number that its request and its answers bear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mark {
    seat: u64,
    number: u16,
}

/// The books, the clients and the directory.
struct World {
    dice: Dice,
    books: Books,
    seats: Vec<u64>,
    /// By connection, what was sent on it and has no answer.
    lines: BTreeMap<u64, Vec<(MessageId, Operation, u16)>>,
    names: BTreeMap<SharedId, Mark>,
    abandoned: BTreeSet<SharedId>,
    sent: BTreeMap<u16, (Operation, usize)>,
    next: u16,
}

impl World {
    fn new(seed: u64) -> Self {
        let limits = SharedLimits {
            connections: 3,
            outstanding: 4,
            inbox: 1 << 20,
            inbox_timeout: INBOX_TIMEOUT,
            idle_timeout: IDLE_TIMEOUT,
            message: 1 << 16,
            queue_timeout: QUEUE_TIMEOUT,
        };
        let mut books = Books::new(limits);
        let seats = (0..4).map(|_| books.sit()).collect();
        Self {
            dice: Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1),
            books,
            seats,
            lines: BTreeMap::new(),
            names: BTreeMap::new(),
            abandoned: BTreeSet::new(),
            sent: BTreeMap::new(),
            next: 0,
        }
    }

    fn step(&mut self) {
        let wakes = &mut Wakes::new();
        match self.dice.below(16) {
            0..6 => self.ask(wakes),
            6..12 => self.answer(wakes),
            12 => self.abandon(wakes),
            13 => {
                let end = if self.dice.below(4) == 0 { End::Odd } else { End::Gone };
                self.end_one(end, wakes);
            }
            _ => self.open(wakes),
        }
        self.listen(wakes);
        self.read(wakes);
    }

    fn ask(&mut self, wakes: &mut Wakes) {
        let seat = self.seats[self.dice.below(self.seats.len())];
        let tag = [0x63, 0x6e, 0x66][self.dice.below(3)];
        self.next += 1;
        let [high, low] = self.next.to_be_bytes();
        let operation = Operation::from_tag(tag);
        match self.books.send(seat, operation, &[tag, 2, high, low], wakes) {
            Some(id) => {
                let mark = Mark { seat, number: self.next };
                assert_eq!(self.names.insert(id, mark), None, "a name is given once");
            }
            None if self.dice.below(2) == 0 => self.books.give_up(seat, wakes),
            None => {}
        }
    }

    fn some_line(&mut self) -> Option<u64> {
        let at = self.dice.below(self.lines.len());
        self.lines.keys().nth(at).copied()
    }

    fn answer(&mut self, wakes: &mut Wakes) {
        let Some(number) = self.some_line() else { return };
        let at = self.dice.below(self.lines[&number].len());
        let Some((id, operation, mark)) = self.lines[&number].get(at).copied() else { return };
        let is_last = operation != Operation::SearchRequest || self.dice.below(3) > 0;
        let last = operation.final_response().expect("it has one").tag();
        let [high, low] = mark.to_be_bytes();
        let mut pdu = Vec::new();
        write_with_body(id, &[if is_last { last } else { 0x64 }, 2, high, low], &mut pdu);
        let message = Envelope::parse(&pdu).expect("it is well formed");
        assert_eq!(self.books.deliver(number, &message, wakes), Delivered::Yes);
        if is_last {
            self.lines.get_mut(&number).expect("it is there").remove(at);
        }
    }

    fn abandon(&mut self, wakes: &mut Wakes) {
        let at = self.dice.below(self.names.len());
        let Some((id, mark)) = self.names.iter().nth(at).map(|(id, mark)| (*id, *mark)) else {
            return;
        };
        self.books.abandon(mark.seat, id, None, wakes);
        self.names.remove(&id);
        self.abandoned.insert(id);
    }

    fn end_one(&mut self, end: End, wakes: &mut Wakes) {
        if let Some(number) = self.some_line() {
            self.lines.remove(&number);
            self.books.ended(number, end, wakes);
        }
    }

    fn open(&mut self, wakes: &mut Wakes) {
        if self.books.begin_opening() {
            if self.dice.below(4) == 0 {
                return self.books.not_opened(LinkError::Unreachable, wakes);
            }
            let number = self.books.opened(MessageId::UNSOLICITED, wakes);
            self.lines.insert(number, Vec::new());
        }
    }

    /// The directory hears what was sent.
    fn listen(&mut self, wakes: &mut Wakes) {
        for (number, under_way) in &mut self.lines {
            let mut outgoing = Outgoing::default();
            self.books.collect(*number, &mut outgoing, Waker::noop(), wakes);
            let mut rest = outgoing.rest();
            while let Ok(Frame::Whole(length)) = frame(rest, 1 << 16) {
                let message = Envelope::parse(&rest[..length]).expect("it is well formed");
                rest = &rest[length..];
                if message.operation == Operation::AbandonRequest {
                    let gone = ber::integer(message.content).expect("a messageID");
                    under_way.retain(|(id, ..)| i64::from(id.get()) != gone);
                    continue;
                }
                let mark = u16::from_be_bytes([message.content[0], message.content[1]]);
                under_way.push((message.id, message.operation, mark));
                self.sent.entry(mark).or_insert((message.operation, 0)).1 += 1;
            }
        }
    }

    /// The clients take their responses.
    fn read(&mut self, wakes: &mut Wakes) {
        for seat in self.seats.clone() {
            let _ = self.books.news(seat, Waker::noop());
            let Some(taken) = self.books.take(seat, Waker::noop(), wakes) else { continue };
            for (id, part, body) in taken.iter().filter(|(id, ..)| !self.abandoned.contains(id)) {
                let mark = self.names.get(&id).copied().expect("it has not ended before");
                assert_eq!(mark.seat, seat);
                if part != Part::Lost {
                    assert_eq!(body[2..], mark.number.to_be_bytes());
                }
                if part != Part::More {
                    self.names.remove(&id);
                }
            }
        }
    }
}

#[test]
fn an_operation_ends_once_and_is_sent_twice_at_most() {
    let mut again = 0;
    for seed in 1..=SEEDS {
        let run = std::panic::catch_unwind(|| {
            let mut world = World::new(seed);
            (0..STEPS).for_each(|_| world.step());
            let wakes = &mut Wakes::new();
            while !world.lines.is_empty() {
                world.end_one(End::Gone, wakes);
            }
            world.books.close(wakes);
            world.read(wakes);
            assert!(world.names.is_empty(), "without an end: {:?}", world.names);
            for (number, (operation, times)) in &world.sent {
                let most = 1 + usize::from(*operation != Operation::ModifyRequest);
                assert!(*times <= most, "{number}: {operation:?} {times} times");
            }
            world.sent.values().filter(|(_, times)| *times == 2).count()
        });
        again += run.unwrap_or_else(|_| panic!("seed {seed}"));
    }
    assert!(again > SEEDS as usize, "next to nothing was sent again: {again}");
}
