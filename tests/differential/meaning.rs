//! What a message says, in words that every reader can be made to use: what is a set has an order,
//! what the gateway relays undecoded is only named.

use bindgate::proto::filter::Filter;
use std::fmt::Debug;

/// A control: OID, criticality, value.
type Control = (Vec<u8>, bool, Option<Vec<u8>>);

/// What a message says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Meaning {
    pub(crate) id: i64,
    pub(crate) says: String,
    /// `None` if the reader does not tell.
    pub(crate) controls: Option<Vec<Control>>,
}

impl Meaning {
    /// Whether two readers understood the same, as far as both tell.
    pub(crate) fn agrees(&self, other: &Self) -> bool {
        let controls = match (&self.controls, &other.controls) {
            (Some(one), Some(other)) => one == other,
            _ => true,
        };
        self.id == other.id && self.says == other.says && controls
    }
}

/// A search.
pub(crate) struct SearchWords<'a> {
    pub(crate) base: &'a [u8],
    pub(crate) scope: i64,
    pub(crate) aliases: i64,
    pub(crate) size_limit: i64,
    pub(crate) time_limit: i64,
    pub(crate) types_only: bool,
    pub(crate) filter: &'a Filter,
    pub(crate) attributes: Vec<&'a [u8]>,
}

impl SearchWords<'_> {
    pub(crate) fn says(&self) -> String {
        let Self { scope, aliases, size_limit, time_limit, types_only, .. } = self;
        let (base, filter) = (shown(self.base), filter(self.filter));
        let attributes: Vec<String> = self.attributes.iter().map(|name| shown(name)).collect();
        format!(
            "search {base} {scope} {aliases} {size_limit} {time_limit} {types_only} {filter} {attributes:?}"
        )
    }
}

/// Bytes in quotes.
pub(crate) fn shown(bytes: &[u8]) -> String {
    format!("\"{}\"", bytes.escape_ascii())
}

/// A result.
pub(crate) fn result(code: i64, matched: &[u8], text: &[u8], referral: &[&[u8]]) -> String {
    let referral: Vec<String> = referral.iter().map(|url| shown(url)).collect();
    format!("{code} {} {} {referral:?}", shown(matched), shown(text))
}

/// An attribute with its values, whose order says nothing.
pub(crate) fn attribute(name: &[u8], values: &[&[u8]]) -> String {
    let mut values: Vec<String> = values.iter().map(|value| shown(value)).collect();
    values.sort();
    format!("{} {values:?}", shown(name))
}

/// An extended request or response.
pub(crate) fn extended(name: Option<&[u8]>, value: Option<&[u8]>) -> String {
    format!("{:?} {:?}", name.map(shown), value.map(shown))
}

/// A filter in which the parts of `&` and `|` stand in one order.
pub(crate) fn filter(of: &Filter) -> String {
    let set = |operator: &str, parts: &[Filter]| {
        let mut parts: Vec<String> = parts.iter().map(filter).collect();
        parts.sort();
        format!("({operator}{})", parts.concat())
    };
    match of {
        Filter::And(parts) => set("&", parts),
        Filter::Or(parts) => set("|", parts),
        Filter::Not(part) => format!("(!{})", filter(part)),
        other => plain(other),
    }
}

fn plain(filter: &impl Debug) -> String {
    format!("{filter:?}")
}
