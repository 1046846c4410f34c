//! Whether one address leads to several servers.

use super::csn::CsnSet;

/// What one connection saw of the server at its other end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sighting {
    /// What the server calls itself, where it says so: names and values that differ from one server
    /// of a directory to another.
    pub names: Vec<(String, Vec<u8>)>,
    /// The server id of OpenLDAP's replication, where it has one.
    pub server: Option<u16>,
    /// How far it has got, where it says so.
    pub marker: Option<CsnSet>,
}

/// Why one address is taken to lead to several servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Several {
    /// They call themselves by different values of this attribute.
    Name(String),
    /// They have these server ids.
    Server(u16, u16),
    /// One was behind what had been seen before.
    Behind,
}

/// Looks at sightings by one address, in the order in which they were made. `None` where nothing
/// speaks against one server; several that say nothing of themselves and are at the same point are
/// not told apart.
pub fn several(sightings: &[Sighting]) -> Option<Several> {
    sightings.windows(2).find_map(|pair| {
        let (first, second) = (&pair[0], &pair[1]);
        if let Some(name) = renamed(first, second) {
            return Some(Several::Name(name.to_owned()));
        }
        match (first.server, second.server) {
            (Some(one), Some(two)) if one != two => {
                return Some(Several::Server(one.min(two), one.max(two)));
            }
            _ => {}
        }
        match (&first.marker, &second.marker) {
            (Some(before), Some(now)) if !now.covers(before) => Some(Several::Behind),
            _ => None,
        }
    })
}

fn renamed<'a>(first: &'a Sighting, second: &Sighting) -> Option<&'a str> {
    first.names.iter().find_map(|(name, value)| {
        let (_, other) = second.names.iter().find(|(other, _)| other == name)?;
        (other != value).then_some(name.as_str())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sighting(host: &str, server: Option<u16>, second: u32) -> Sighting {
        let csn = format!("202601010000{second:02}.000000Z#000000#001#000000");
        let names = match host {
            "" => Vec::new(),
            host => vec![("dnsHostName".to_owned(), host.as_bytes().to_vec())],
        };
        Sighting { names, server, marker: CsnSet::from_values([csn.as_bytes()]) }
    }

    #[track_caller]
    fn check(sightings: &[Sighting], expected: Option<Several>) {
        assert_eq!(several(sightings), expected);
    }

    #[test]
    fn one_server_goes_on_and_keeps_its_name_and_id() {
        check(&[], None);
        check(&[sighting("a", Some(1), 1), sighting("a", Some(1), 1)], None);
        check(&[sighting("", None, 1), sighting("", None, 2), sighting("", None, 2)], None);
        check(&[sighting("a", None, 1), sighting("", Some(1), 2), Sighting::default()], None);
    }

    #[test]
    fn another_name_another_id_or_a_step_back_is_another_server() {
        let name = Several::Name("dnsHostName".to_owned());
        check(&[sighting("a", None, 1), sighting("b", None, 2)], Some(name));
        let ids = [sighting("", Some(2), 1), sighting("", Some(2), 1), sighting("", Some(1), 2)];
        check(&ids, Some(Several::Server(1, 2)));
        check(&[sighting("", None, 2), sighting("", None, 1)], Some(Several::Behind));
    }
}
