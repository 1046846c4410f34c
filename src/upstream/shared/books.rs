//! The bookkeeping of shared connections, without sockets, tasks or clocks: who sits where, whose
//! operation is under way on which connection, who waits for a place, and what lies in whose inbox.
//!
//! What always holds: no connection has more operations, places that were promised included, than
//! its limit; a client that waits is promised the next place that comes free, one place each in
//! turn; while somebody waits and there may be one more connection, one is being opened.

use super::entry::{ENVELOPE_ROOM, Line};
use super::ids::{Asked, Found};
use super::outgoing::Outgoing;
use super::repeats::{self, Repeats};
use crate::app::ports::{LinkError, Part, Responses, SeatNews, SharedId};
use crate::proto::ber;
use crate::proto::envelope::{Envelope, MessageId, UpstreamMessageId, write_with_body};
use crate::proto::extended::ExtendedRequest;
use crate::proto::oid;
use crate::proto::op::Operation;
use std::collections::{HashMap, VecDeque};
use std::task::Waker;
use std::time::Duration;

/// How many Cancels a connection takes beyond its limit: they are what makes room on it.
const CANCEL_ROOM: usize = 16;
/// The bounds of one worker's shared connections of one kind.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The most connections (`max_shared_connections`).
    pub connections: usize,
    /// The most operations on each.
    pub outstanding: usize,
    /// The most bytes of responses that wait for a client to take them (`max_inbox`).
    pub inbox: usize,
    /// How long a client may hold a connection up with them (`inbox_timeout`).
    pub inbox_timeout: Duration,
    /// How long a connection is kept unused (`idle_timeout`).
    pub idle_timeout: Duration,
    /// The most bytes of one message from a server (`max_message_size`).
    pub message: usize,
    /// How long a client waits for a place (`queue_timeout`).
    pub queue_timeout: Duration,
}

/// Who is to be woken once the lock is free.
pub(super) type Wakes = Vec<Waker>;

/// What became of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Delivered {
    /// It is in its client's inbox, or it was nobody's.
    Yes,
    /// Its client's inbox is full.
    Full,
    /// The connection is not to be trusted any more.
    Odd,
}

/// How a connection came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// It is gone, between answers: what was not answered on it may be sent on another.
    Gone,
    /// Inside an answer, or by what is none: nothing of it is tried again.
    Odd,
}

/// How a connection stands, for the task that serves it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct State {
    /// Whether a full inbox forbids to read on.
    pub(super) is_stalled: bool,
    /// Whether nothing is under way on it and none of its places is promised.
    pub(super) is_idle: bool,
    /// Whether it ends once nothing is under way.
    pub(super) is_retiring: bool,
}

/// The books.
pub(super) struct Books {
    limits: Limits,
    lines: Vec<Line>,
    seats: HashMap<u64, Seat>,
    waiting: VecDeque<u64>,
    repeats: Repeats,
    is_opening: bool,
    /// Whether one could not be opened and nothing has moved since.
    has_failed: bool,
    is_open: bool,
    next_line: u64,
    next_seat: u64,
}

#[derive(Default)]
struct Seat {
    waker: Option<Waker>,
    inbox: Responses,
    wait: Wait,
    /// Where it was last: operations of one client stay together where they can, so that one who
    /// does not read holds up as little as may be.
    line: Option<u64>,
    is_overdue: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Wait {
    #[default]
    None,
    Queued,
    Promised {
        line: u64,
        told: bool,
    },
    Refused(LinkError),
}

impl Books {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            lines: Vec::new(),
            seats: HashMap::new(),
            waiting: VecDeque::new(),
            repeats: Repeats::default(),
            is_opening: false,
            has_failed: false,
            is_open: true,
            next_line: 0,
            next_seat: 0,
        }
    }

    /// A new client.
    pub(super) fn sit(&mut self) -> u64 {
        self.next_seat += 1;
        self.seats.insert(self.next_seat, Seat::default());
        self.next_seat
    }

    /// A client has left: what it has under way is abandoned.
    pub(super) fn leave(&mut self, seat: u64, wakes: &mut Wakes) {
        self.give_up(seat, wakes);
        self.abandon_all(seat, wakes);
        // A waker is not dropped under the lock: it may be the last to hold its task.
        wakes.extend(self.seats.remove(&seat).and_then(|seat| seat.waker));
        self.serve(wakes);
    }

    /// Sends an operation, if there is a place for it; else its client is queued.
    pub(super) fn send(
        &mut self,
        seat: u64,
        operation: Operation,
        body: &[u8],
        wakes: &mut Wakes,
    ) -> Option<SharedId> {
        let Some(number) = self.place(seat) else {
            self.serve(wakes);
            return None;
        };
        let line = self.lines.iter_mut().find(|line| line.number == number)?;
        let kept = repeats::keep(operation, body);
        let id = line.ids.ask(Asked { seat, operation, known_as: None, kept });
        write_with_body(id, body, line.outgoing.append(body.len() + ENVELOPE_ROOM));
        wakes.extend(line.waker.take());
        if let Some(seat) = self.seats.get_mut(&seat) {
            seat.line = Some(number);
        }
        Some(SharedId { connection: number, message: UpstreamMessageId(id) })
    }

    /// Sends a Cancel on the connection of the operation that it is about.
    pub(super) fn cancel(
        &mut self,
        seat: u64,
        id: SharedId,
        wakes: &mut Wakes,
    ) -> Option<SharedId> {
        let most = self.limits.outstanding + CANCEL_ROOM;
        let (line, target) = self.find(id)?;
        if line.ids.outstanding() >= most || !line.ids.of(seat).contains(&target) {
            return None;
        }
        let operation = Operation::ExtendedRequest;
        let own = line.ids.ask(Asked { seat, operation, known_as: None, kept: None });
        let mut value = Vec::new();
        ber::write_nested(&mut value, ber::SEQUENCE, |out| {
            ber::write_integer(out, ber::INTEGER, i64::from(target.get()));
        });
        let cancel = ExtendedRequest { name: oid::CANCEL, value: Some(&value) };
        cancel.write(line.outgoing.append(2 * ENVELOPE_ROOM), own);
        wakes.extend(line.waker.take());
        Some(SharedId { connection: line.number, message: UpstreamMessageId(own) })
    }

    /// Abandons an operation; `controls` is the content of the request's.
    pub(super) fn abandon(
        &mut self,
        seat: u64,
        id: SharedId,
        controls: Option<&[u8]>,
        wakes: &mut Wakes,
    ) {
        let Some((line, target)) = self.find(id) else {
            return self.repeats.drop_one(seat, id);
        };
        line.abandon(target, seat, controls);
        wakes.extend(line.waker.take());
        self.serve(wakes);
    }

    /// A client does not want a place any more.
    pub(super) fn give_up(&mut self, seat: u64, wakes: &mut Wakes) {
        let Some(found) = self.seats.get_mut(&seat) else { return };
        match std::mem::take(&mut found.wait) {
            Wait::None | Wait::Refused(_) => {}
            Wait::Queued => self.waiting.retain(|waiting| *waiting != seat),
            Wait::Promised { line, .. } => {
                self.redeem(line);
                self.serve(wakes);
            }
        }
    }

    /// What a client has to know; else it is woken when there is something.
    pub(super) fn news(&mut self, seat: u64, waker: &Waker) -> Option<SeatNews> {
        let seat = self.seats.get_mut(&seat)?;
        if std::mem::take(&mut seat.is_overdue) {
            return Some(SeatNews::Overdue("inbox_timeout"));
        }
        match seat.wait {
            Wait::Promised { line, told: false } => {
                seat.wait = Wait::Promised { line, told: true };
                return Some(SeatNews::Place);
            }
            Wait::Refused(error) => {
                seat.wait = Wait::None;
                return Some(SeatNews::NoPlace(error));
            }
            Wait::None | Wait::Queued | Wait::Promised { .. } => {}
        }
        seat.watch(waker);
        None
    }

    /// Takes a client's responses, if there are any.
    pub(super) fn take(
        &mut self,
        number: u64,
        waker: &Waker,
        wakes: &mut Wakes,
    ) -> Option<Responses> {
        let seat = self.seats.get_mut(&number)?;
        if seat.inbox.is_empty() {
            seat.watch(waker);
            return None;
        }
        let taken = std::mem::take(&mut seat.inbox);
        self.unstall(number, wakes);
        Some(taken)
    }

    /// Whether a connection is to be opened, which then counts as being opened.
    pub(super) fn begin_opening(&mut self) -> bool {
        let is_wanted = !self.waiting.is_empty() || !self.repeats.is_empty();
        let begins = is_wanted
            && self.is_open
            && !self.is_opening
            && !self.has_failed
            && self.lines.len() < self.limits.connections;
        self.is_opening |= begins;
        begins
    }

    /// How many operations were sent again since this was asked last.
    pub(super) fn take_repeated(&mut self) -> u64 {
        self.repeats.take_sent()
    }

    /// Whether there may be no further connection.
    pub(super) fn is_full(&self) -> bool {
        self.lines.len() + usize::from(self.is_opening) >= self.limits.connections
    }

    /// A connection is there; `last` is the messageID that was used last on it.
    pub(super) fn opened(&mut self, last: MessageId, wakes: &mut Wakes) -> u64 {
        (self.is_opening, self.has_failed) = (false, false);
        self.next_line += 1;
        self.lines.push(Line { is_retiring: !self.is_open, ..Line::new(self.next_line, last) });
        self.serve(wakes);
        self.next_line
    }

    /// None could be opened: without another one, all who wait are told. With others, it is tried
    /// again when an operation on those has ended.
    pub(super) fn not_opened(&mut self, error: LinkError, wakes: &mut Wakes) {
        self.is_opening = false;
        self.has_failed = !self.lines.is_empty();
        if self.lines.is_empty() {
            self.refuse_all(error, wakes);
        }
    }

    /// Moves what a connection has to send over, notes whom to wake, and tells how it stands.
    pub(super) fn collect(
        &mut self,
        number: u64,
        outgoing: &mut Outgoing,
        waker: &Waker,
        wakes: &mut Wakes,
    ) -> Option<State> {
        let line = self.lines.iter_mut().find(|line| line.number == number)?;
        let mut has_room = false;
        if outgoing.is_empty() && !line.outgoing.is_empty() {
            has_room = line.is_choked();
            std::mem::swap(outgoing, &mut line.outgoing);
        }
        if !line.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
            wakes.extend(line.waker.replace(waker.clone()));
        }
        let state = State {
            is_stalled: line.stalled_by.is_some(),
            is_idle: line.ids.outstanding() + line.promised == 0 && line.outgoing.is_empty(),
            is_retiring: line.is_retiring,
        };
        if has_room {
            self.serve(wakes);
        }
        Some(state)
    }

    /// Puts a response into its client's inbox.
    pub(super) fn deliver(
        &mut self,
        number: u64,
        response: &Envelope<'_>,
        wakes: &mut Wakes,
    ) -> Delivered {
        let Some(line) = self.lines.iter_mut().find(|line| line.number == number) else {
            return Delivered::Odd;
        };
        let here = SharedId { connection: number, message: UpstreamMessageId(response.id) };
        let id = line.ids.known_as(response.id).unwrap_or(here);
        let (seat, part) = match line.ids.find(response.id, response.operation) {
            Found::Odd => return Delivered::Odd,
            Found::Skipped => {
                line.ids.taken(response.id, response.operation);
                return Delivered::Yes;
            }
            Found::More(seat) => (seat, Part::More),
            Found::Last(seat) => (seat, Part::Last),
        };
        if let Some(found) = self.seats.get_mut(&seat) {
            if found.inbox.size() >= self.limits.inbox {
                line.stalled_by = Some(seat);
                return Delivered::Full;
            }
            found.inbox.push(id, part, response.body);
            wakes.extend(found.waker.take());
        }
        line.ids.taken(response.id, response.operation);
        if part == Part::Last {
            line.has_answered = true;
            self.has_failed = false;
            self.serve(wakes);
        }
        Delivered::Yes
    }

    /// The client that holds a connection up has done so for too long.
    pub(super) fn overdue(&mut self, number: u64, wakes: &mut Wakes) {
        let line = self.lines.iter().find(|line| line.number == number);
        let Some(seat) = line.and_then(|line| line.stalled_by) else { return };
        self.abandon_all(seat, wakes);
        if let Some(found) = self.seats.get_mut(&seat) {
            found.inbox = Responses::default();
            found.is_overdue = true;
            wakes.extend(found.waker.take());
        }
        self.serve(wakes);
    }

    /// A connection takes nothing more, and ends when nothing is under way.
    pub(super) fn retire(&mut self, number: u64, wakes: &mut Wakes) {
        if let Some(line) = self.lines.iter_mut().find(|line| line.number == number) {
            line.is_retiring = true;
        }
        self.serve(wakes);
    }

    /// A connection has ended: whatever was under way on it is sent again once, or has no answer.
    /// Those who wait get another one, unless this one never answered anything: a server that takes
    /// connections and drops them would be asked for ever.
    pub(super) fn ended(&mut self, number: u64, end: End, wakes: &mut Wakes) {
        let Some(at) = self.lines.iter().position(|line| line.number == number) else { return };
        let mut line = self.lines.remove(at);
        self.has_failed = false;
        for (id, mut asked) in line.ids.drain() {
            if end == End::Odd || !self.is_open {
                asked.kept = None;
            }
            let name = SharedId { connection: number, message: UpstreamMessageId(id) };
            if let Err((seat, name)) = self.repeats.add(name, asked) {
                self.lose(seat, name, wakes);
            }
        }
        wakes.extend(line.waker.take());
        self.requeue_promised(number);
        if !line.has_answered && !line.is_retiring && self.lines.is_empty() {
            self.refuse_waiting(LinkError::Unreachable, wakes);
        }
        self.serve(wakes);
    }

    /// Turns away all who wait; connections end with what they have under way.
    pub(super) fn close(&mut self, wakes: &mut Wakes) {
        self.is_open = false;
        for line in &mut self.lines {
            line.is_retiring = true;
            wakes.extend(line.waker.take());
        }
        self.refuse_all(LinkError::Closed, wakes);
    }

    /// The connection that takes a client's next operation; without one the client is queued.
    fn place(&mut self, seat: u64) -> Option<u64> {
        let (wait, last) = self.seats.get(&seat).map(|found| (found.wait, found.line))?;
        let may_go_first = match wait {
            Wait::Promised { line, .. } => {
                self.redeem(line);
                true
            }
            Wait::None => self.waiting.is_empty(),
            Wait::Queued | Wait::Refused(_) => return None,
        };
        let free = self.room(last).filter(|_| may_go_first && self.is_open);
        let wait = match free {
            Some(_) => Wait::None,
            None if !self.is_open => Wait::Refused(LinkError::Closed),
            None => {
                match may_go_first {
                    true => self.waiting.push_front(seat),
                    false => self.waiting.push_back(seat),
                }
                Wait::Queued
            }
        };
        if let Some(found) = self.seats.get_mut(&seat) {
            found.wait = wait;
        }
        free
    }

    /// A connection with a free place, this one if it has one.
    fn room(&self, preferred: Option<u64>) -> Option<u64> {
        let most = self.limits.outstanding;
        let has_room = |line: &&Line| line.has_room(most);
        let stays = self.lines.iter().find(|line| Some(line.number) == preferred);
        let found = stays.filter(has_room).or_else(|| self.lines.iter().find(has_room));
        found.map(|line| line.number)
    }

    /// A promised place is used, or not needed.
    fn redeem(&mut self, number: u64) {
        if let Some(line) = self.lines.iter_mut().find(|line| line.number == number) {
            line.promised -= 1;
        }
    }

    /// Sends again what was lost, then promises free places to those who wait, one each.
    fn serve(&mut self, wakes: &mut Wakes) {
        while !self.repeats.is_empty() {
            let most = self.limits.outstanding;
            let Some(line) = self.lines.iter_mut().find(|line| line.has_room(most)) else { return };
            let Some(repeat) = self.repeats.next() else { break };
            let id = line.ids.ask(repeat.asked());
            write_with_body(
                id,
                &repeat.body,
                line.outgoing.append(repeat.body.len() + ENVELOPE_ROOM),
            );
            wakes.extend(line.waker.take());
        }
        while let Some(first) = self.waiting.front().copied() {
            let Some(seat) = self.seats.get(&first) else {
                self.waiting.pop_front();
                continue;
            };
            let Some(number) = self.room(seat.line) else { return };
            self.waiting.pop_front();
            if let Some(line) = self.lines.iter_mut().find(|line| line.number == number) {
                line.promised += 1;
            }
            if let Some(seat) = self.seats.get_mut(&first) {
                seat.wait = Wait::Promised { line: number, told: false };
                wakes.extend(seat.waker.take());
            }
        }
    }

    fn requeue_promised(&mut self, number: u64) {
        for (seat, found) in &mut self.seats {
            if matches!(found.wait, Wait::Promised { line, .. } if line == number) {
                found.wait = Wait::Queued;
                self.waiting.push_front(*seat);
            }
        }
    }

    /// The connection of an operation and its messageID there.
    fn find(&mut self, id: SharedId) -> Option<(&mut Line, MessageId)> {
        self.lines.iter_mut().find_map(|line| match line.number == id.connection {
            true => Some((line, id.message.0)),
            false => line.ids.find_known_as(id).map(|here| (line, here)),
        })
    }

    fn lose(&mut self, seat: u64, name: SharedId, wakes: &mut Wakes) {
        if let Some(found) = self.seats.get_mut(&seat) {
            found.inbox.push(name, Part::Lost, &[]);
            wakes.extend(found.waker.take());
        }
    }

    fn refuse_all(&mut self, error: LinkError, wakes: &mut Wakes) {
        for (seat, name) in self.repeats.give_up() {
            self.lose(seat, name, wakes);
        }
        self.refuse_waiting(error, wakes);
    }

    fn refuse_waiting(&mut self, error: LinkError, wakes: &mut Wakes) {
        for seat in std::mem::take(&mut self.waiting) {
            if let Some(found) = self.seats.get_mut(&seat) {
                found.wait = Wait::Refused(error);
                wakes.extend(found.waker.take());
            }
        }
    }

    fn abandon_all(&mut self, seat: u64, wakes: &mut Wakes) {
        self.repeats.drop_all(seat);
        for line in &mut self.lines {
            let ids = line.ids.of(seat);
            if !ids.is_empty() {
                wakes.extend(line.waker.take());
            }
            ids.into_iter().for_each(|id| line.abandon(id, seat, None));
        }
        self.unstall(seat, wakes);
    }

    fn unstall(&mut self, seat: u64, wakes: &mut Wakes) {
        for line in self.lines.iter_mut().filter(|line| line.stalled_by == Some(seat)) {
            line.stalled_by = None;
            wakes.extend(line.waker.take());
        }
        self.serve(wakes);
    }
}

impl Seat {
    fn watch(&mut self, waker: &Waker) {
        if !self.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
            self.waker = Some(waker.clone());
        }
    }
}
