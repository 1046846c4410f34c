//! Changes of bytes that respect their structure, or break it in one place: what a fuzzer would
//! find after long trying is tried at once.

use super::support::dice::Dice;

/// The deepest elements that are looked into.
const MAX_DEPTH: usize = 24;
/// The most bytes of what a mutation gives.
const MAX_SIZE: usize = 16 * 1024;
/// Bytes that mean something somewhere.
const TELLING: [u8; 16] =
    [0, 1, 0x7f, 0x80, 0x81, 0x84, 0x89, 0xff, b'*', b'(', b')', b'\\', b',', b'=', b'+', b'"'];
/// Tags that mean something somewhere.
const TAGS: [u8; 24] = [
    0x01, 0x02, 0x04, 0x0a, 0x30, 0x31, 0x42, 0x4a, 0x50, 0x60, 0x61, 0x63, 0x64, 0x65, 0x66, 0x77,
    0x78, 0x80, 0x81, 0x87, 0xa0, 0xa2, 0xa3, 0xa4,
];

/// A changed copy of `bytes`; parts of `other` may get into it.
pub(crate) fn mutate(dice: &mut Dice, bytes: &[u8], other: &[u8]) -> Vec<u8> {
    let mut out = bytes.to_vec();
    for _ in 0..=dice.below(3) {
        out = match dice.below(5) {
            0 => flat(dice, out, other),
            _ => structured(dice, &out, other),
        };
        out.truncate(MAX_SIZE);
    }
    out
}

/// A change that knows of no structure.
fn flat(dice: &mut Dice, mut bytes: Vec<u8>, other: &[u8]) -> Vec<u8> {
    let at = dice.below(bytes.len() + 1);
    match dice.below(7) {
        _ if at == bytes.len() => bytes.push(*dice.one_of(&TELLING)),
        0 => bytes[at] ^= 1 << dice.below(8),
        1 => bytes[at] = *dice.one_of(&TELLING),
        2 => bytes[at] = dice.number() as u8,
        3 => bytes.truncate(at),
        4 => drop(bytes.remove(at)),
        5 => bytes.insert(at, *dice.one_of(&TELLING)),
        _ => {
            let from = dice.below(other.len() + 1);
            bytes.truncate(at);
            bytes.extend_from_slice(&other[from..]);
        }
    }
    bytes
}

/// An element of BER, or bytes that are none.
#[derive(Debug, Clone)]
enum Node {
    Bytes(Vec<u8>),
    Element { tag: u8, length: Length, inside: Vec<Node> },
}

/// How an element's length is written.
#[derive(Debug, Clone, Copy)]
enum Length {
    Shortest,
    /// In this many bytes after the first.
    Long(usize),
    /// As it is not.
    Wrong(u64),
    Indefinite,
}

fn structured(dice: &mut Dice, bytes: &[u8], other: &[u8]) -> Vec<u8> {
    let mut nodes = parse(bytes, MAX_DEPTH);
    let gift = {
        let mut nodes = parse(other, MAX_DEPTH);
        let all = nodes.iter().map(Node::count).sum::<usize>();
        let at = dice.below(all.max(1));
        pick(&mut nodes, at, &mut 0).map(|(siblings, at)| siblings[at].clone())
    };
    let all = nodes.iter().map(Node::count).sum::<usize>();
    let at = dice.below(all.max(1));
    if let Some((siblings, at)) = pick(&mut nodes, at, &mut 0) {
        change(dice, siblings, at, gift);
    }
    let mut out = Vec::new();
    nodes.iter().for_each(|node| node.write(&mut out));
    out
}

/// Changes one node among its siblings.
fn change(dice: &mut Dice, siblings: &mut Vec<Node>, at: usize, gift: Option<Node>) {
    match dice.below(12) {
        0 => drop(siblings.remove(at)),
        1 => siblings.insert(at, siblings[at].clone()),
        2 => siblings[at] = gift.unwrap_or_else(|| siblings[at].clone()),
        3 => siblings.extend(gift),
        4 => {
            let last = siblings.len() - 1;
            siblings.swap(at, last);
        }
        5 => {
            for _ in 0..=dice.below(90) {
                let tag = *dice.one_of(&[0x30, 0xa0, 0xa1, 0xa2]);
                let inside = vec![siblings[at].clone()];
                siblings[at] = Node::Element { tag, length: Length::Shortest, inside };
            }
        }
        6 => {
            let copies = vec![siblings[at].clone(); dice.below(12)];
            siblings.splice(at..at, copies);
        }
        _ => alter(dice, &mut siblings[at]),
    }
}

/// Changes a node's own tag, length or content.
fn alter(dice: &mut Dice, node: &mut Node) {
    let size = node.content_size() as u64;
    match node {
        Node::Bytes(bytes) => *bytes = flat(dice, std::mem::take(bytes), b"*)(=,\\"),
        Node::Element { tag, length, inside } => match dice.below(5) {
            0 => *tag = *dice.one_of(&TAGS),
            1 => *tag ^= 1 << dice.below(8),
            2 => inside.clear(),
            3 => *inside = vec![Node::Bytes(vec![*dice.one_of(&TELLING); dice.below(10)])],
            _ => {
                *length = match dice.below(6) {
                    0 => Length::Wrong(size.saturating_sub(1)),
                    1 => Length::Wrong(size + 1),
                    2 => Length::Wrong(dice.number() >> dice.below(64)),
                    3 => Length::Indefinite,
                    _ => Length::Long(dice.below(10)),
                };
            }
        },
    }
}

impl Node {
    fn count(&self) -> usize {
        match self {
            Self::Bytes(_) => 1,
            Self::Element { inside, .. } => 1 + inside.iter().map(Self::count).sum::<usize>(),
        }
    }

    fn content_size(&self) -> usize {
        let mut out = Vec::new();
        match self {
            Self::Bytes(bytes) => return bytes.len(),
            Self::Element { inside, .. } => inside.iter().for_each(|node| node.write(&mut out)),
        }
        out.len()
    }

    fn write(&self, out: &mut Vec<u8>) {
        let (tag, length, inside) = match self {
            Self::Bytes(bytes) => return out.extend_from_slice(bytes),
            Self::Element { tag, length, inside } => (*tag, *length, inside),
        };
        let mut content = Vec::new();
        inside.iter().for_each(|node| node.write(&mut content));
        out.push(tag);
        match length {
            Length::Shortest => bindgate::proto::ber::write_length(out, content.len()),
            Length::Wrong(wrong) if wrong < 0x80 => out.push(wrong as u8),
            Length::Wrong(wrong) => {
                out.push(0x88);
                out.extend_from_slice(&wrong.to_be_bytes());
            }
            Length::Indefinite => out.push(0x80),
            Length::Long(count) => {
                out.push(0x80 | count as u8);
                let digits = (content.len() as u128).to_be_bytes();
                out.extend_from_slice(&digits[digits.len() - count..]);
            }
        }
        out.append(&mut content);
        if let Length::Indefinite = length {
            out.extend_from_slice(&[0, 0]);
        }
    }
}

/// The bytes as elements; what is none stays bytes.
fn parse(bytes: &[u8], depth: usize) -> Vec<Node> {
    let mut reader = bindgate::proto::ber::Reader::new(bytes);
    let mut nodes = Vec::new();
    while !reader.is_empty() {
        let Ok(element) = reader.clone().element() else {
            nodes.push(Node::Bytes(reader.take_rest().to_vec()));
            break;
        };
        let _ = reader.element();
        let constructed = element.tag & 0x20 != 0 && depth > 0;
        let inside = match constructed {
            true => parse(element.content, depth - 1),
            false if element.content.is_empty() => Vec::new(),
            false => vec![Node::Bytes(element.content.to_vec())],
        };
        let short = element.whole.len() - element.content.len() == 2;
        let length = if short || element.content.len() >= 0x80 {
            Length::Shortest
        } else {
            Length::Long(element.whole.len() - element.content.len() - 2)
        };
        nodes.push(Node::Element { tag: element.tag, length, inside });
    }
    nodes
}

/// The node of that number, counted from the front and from the outside, among its siblings.
fn pick<'n>(
    siblings: &'n mut Vec<Node>,
    wanted: usize,
    counted: &mut usize,
) -> Option<(&'n mut Vec<Node>, usize)> {
    let mut inside_of = None;
    for (at, node) in siblings.iter().enumerate() {
        if *counted == wanted {
            return Some((siblings, at));
        }
        let count = node.count();
        if wanted < *counted + count {
            *counted += 1;
            inside_of = Some(at);
            break;
        }
        *counted += count;
    }
    match &mut siblings[inside_of?] {
        Node::Bytes(_) => None,
        Node::Element { inside, .. } => pick(inside, wanted, counted),
    }
}
