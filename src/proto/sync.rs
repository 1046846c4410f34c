//! Content synchronisation (RFC 4533): its request, and what a server tells about its content.

use super::ber::{self, BOOLEAN, BerError, ENUMERATED, OCTET_STRING, Reader, SEQUENCE, SET};
use super::control::Control;
use super::envelope::Envelope;
use super::oid;

/// The name and the value of an intermediate response (RFC 4511 section 4.13).
const RESPONSE_NAME: u8 = 0x80;
const RESPONSE_VALUE: u8 = 0x81;

/// The choices of a Sync Info value (RFC 4533 section 2.5).
const NEW_COOKIE: u8 = 0x80;
const REFRESH_DELETE: u8 = 0xa1;
const REFRESH_PRESENT: u8 = 0xa2;
const ID_SET: u8 = 0xa3;

/// The most ids of one set: 64 MiB of them.
const MAX_IDS: usize = 4 << 20;
/// The most controls of a response that are looked at.
const MAX_CONTROLS: usize = 16;

/// An entry's UUID as the protocol carries it.
pub type EntryUuid = [u8; 16];

/// How long a synchronisation goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Until the copy is up to date.
    RefreshOnly,
    /// For as long as the connection lasts.
    RefreshAndPersist,
}

/// The value of the Sync Request control.
pub fn request(mode: Mode, cookie: Option<&[u8]>) -> Vec<u8> {
    let mut value = Vec::new();
    let mode = match mode {
        Mode::RefreshOnly => 1,
        Mode::RefreshAndPersist => 3,
    };
    ber::write_nested(&mut value, SEQUENCE, |out| {
        ber::write_integer(out, ENUMERATED, mode);
        if let Some(cookie) = cookie {
            ber::write_element(out, OCTET_STRING, cookie);
        }
    });
    value
}

/// What happened to an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It is there, as it was; its content is left out.
    Present,
    /// It came in.
    Add,
    /// It changed.
    Modify,
    /// It went; its content is left out.
    Delete,
}

/// The Sync State control of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SyncState<'a> {
    /// What happened.
    pub state: State,
    /// To which entry.
    pub uuid: EntryUuid,
    /// How far the content is known with this.
    pub cookie: Option<&'a [u8]>,
}

/// A Sync Info message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SyncInfo<'a> {
    /// The content is known as far as this.
    NewCookie(&'a [u8]),
    /// A phase of the refresh has ended.
    Refreshed {
        /// Whether the phase told what was deleted, and not what is present.
        by_deletes: bool,
        /// How far the content is known.
        cookie: Option<&'a [u8]>,
        /// Whether the refresh has ended with it.
        is_done: bool,
    },
    /// Some entries at once.
    IdSet {
        /// Whether they were deleted, and are not present.
        are_deleted: bool,
        /// Which.
        uuids: Vec<EntryUuid>,
        /// How far the content is known.
        cookie: Option<&'a [u8]>,
    },
}

/// The Sync Done control of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SyncDone<'a> {
    /// How far the content is known.
    pub cookie: Option<&'a [u8]>,
    /// Whether what was not told of is still there.
    pub by_deletes: bool,
}

impl<'a> SyncState<'a> {
    /// The control of an entry's message; `None` if it has none.
    pub fn of(message: &Envelope<'a>) -> Result<Option<Self>, BerError> {
        let Some(value) = control(message, oid::SYNC_STATE)? else { return Ok(None) };
        let mut fields = Reader::new(Reader::new(value).expect(SEQUENCE)?);
        let state = match fields.enumerated()? {
            0 => State::Present,
            1 => State::Add,
            2 => State::Modify,
            3 => State::Delete,
            _ => return Err(BerError::BadInteger),
        };
        let uuid = uuid(fields.octets()?)?;
        let cookie = fields.optional(OCTET_STRING)?.map(|element| element.content);
        Ok(Some(Self { state, uuid, cookie }))
    }
}

impl<'a> SyncDone<'a> {
    /// The control of a result's message; `None` if it has none.
    pub fn of(message: &Envelope<'a>) -> Result<Option<Self>, BerError> {
        let Some(value) = control(message, oid::SYNC_DONE)? else { return Ok(None) };
        let mut fields = Reader::new(Reader::new(value).expect(SEQUENCE)?);
        let cookie = fields.optional(OCTET_STRING)?.map(|element| element.content);
        let by_deletes = flag(&mut fields, false)?;
        Ok(Some(Self { cookie, by_deletes }))
    }
}

impl<'a> SyncInfo<'a> {
    /// The message in the content of an intermediate response; `None` if it is another kind.
    pub fn decode(content: &'a [u8]) -> Result<Option<Self>, BerError> {
        let mut fields = Reader::new(content);
        let name = fields.optional(RESPONSE_NAME)?.map(|element| element.content);
        let value = fields.optional(RESPONSE_VALUE)?.map(|element| element.content);
        let Some(value) = value.filter(|_| name == Some(oid::SYNC_INFO)) else {
            return Ok(None);
        };
        let choice = Reader::new(value).element()?;
        let mut fields = Reader::new(choice.content);
        if choice.tag == NEW_COOKIE {
            return Ok(Some(Self::NewCookie(choice.content)));
        }
        let cookie = fields.optional(OCTET_STRING)?.map(|element| element.content);
        match choice.tag {
            REFRESH_DELETE | REFRESH_PRESENT => {
                let is_done = flag(&mut fields, true)?;
                let by_deletes = choice.tag == REFRESH_DELETE;
                Ok(Some(Self::Refreshed { by_deletes, cookie, is_done }))
            }
            ID_SET => {
                let are_deleted = flag(&mut fields, false)?;
                let mut set = Reader::new(fields.expect(SET)?);
                let mut uuids = Vec::new();
                while !set.is_empty() {
                    if uuids.len() == MAX_IDS {
                        return Err(BerError::TooMany);
                    }
                    uuids.push(uuid(set.octets()?)?);
                }
                Ok(Some(Self::IdSet { are_deleted, uuids, cookie }))
            }
            // A choice of a later version (RFC 4511 section 4).
            _ => Ok(None),
        }
    }
}

/// The value of a control of a message.
fn control<'a>(message: &Envelope<'a>, oid: &[u8]) -> Result<Option<&'a [u8]>, BerError> {
    let Some(content) = message.controls else { return Ok(None) };
    let controls = Control::decode_all(content, MAX_CONTROLS)?;
    Ok(controls.iter().find(|control| control.oid == oid).and_then(|control| control.value))
}

fn flag(fields: &mut Reader<'_>, default: bool) -> Result<bool, BerError> {
    match fields.optional(BOOLEAN)? {
        Some(element) => ber::boolean(element.content),
        None => Ok(default),
    }
}

fn uuid(octets: &[u8]) -> Result<EntryUuid, BerError> {
    octets.try_into().map_err(|_| BerError::BadInteger)
}

/// A UUID in the form that `entryUUID` has as an attribute (RFC 4530).
pub fn uuid_text(uuid: EntryUuid) -> String {
    uuid_digits(uuid, str::to_owned)
}

/// What `read` makes of that form, for which no memory is asked.
pub fn uuid_digits<T>(uuid: EntryUuid, read: impl FnOnce(&str) -> T) -> T {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [b'-'; 36];
    let places = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];
    for (byte, at) in uuid.iter().zip(places) {
        text[at] = DIGITS[usize::from(byte >> 4)];
        text[at + 1] = DIGITS[usize::from(byte & 15)];
    }
    // Digits and hyphens are UTF-8 in any case.
    read(std::str::from_utf8(&text).unwrap_or_default())
}

/// The UUID of that form, in either case; `None` if it is none.
pub fn uuid_from_text(text: &str) -> Option<EntryUuid> {
    let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b'-').collect();
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let mut uuid = EntryUuid::default();
    if text.len() != 36 || digits.len() != 32 {
        return None;
    }
    for (byte, pair) in uuid.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(uuid)
}
