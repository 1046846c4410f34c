//! What applies to what clients ask a directory: keys of `[[directory]]`, and how clients reach the
//! gateway.

use super::reader::{Reader, Section};
use super::sections::plain;
use super::serve::serve;
use super::value::{self, Mistake};
use crate::domain::referral::Referrals;
use crate::domain::relay::RelayPolicy;
use crate::domain::sasl::{self, MAX_MECHANISM};
use crate::frontend;
use crate::proto::dn::DistinguishedName;
use crate::upstream::Scheme;
use std::net::SocketAddr;
use toml::Spanned;

/// Whether it is known how clients reach this gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Here {
    /// It is, or `[listen]` is wrong anyway.
    Known,
    /// It is not: every address to listen on stands for several.
    Unknown,
}

impl Here {
    pub(super) fn of(listen: Option<&frontend::Config>) -> Self {
        match listen {
            Some(listen) if listen.public_url.is_none() => Self::Unknown,
            _ => Self::Known,
        }
    }
}

/// Reads the keys of a directory that concern what is relayed.
pub(super) fn relay_policy<'d>(
    r: &mut Reader<'d>,
    section: &Section<'d>,
    here: Here,
) -> Option<RelayPolicy> {
    let words =
        [("strip", Referrals::Strip), ("pass", Referrals::Pass), ("rewrite", Referrals::Rewrite)];
    let referrals = r.choice(section, "referrals", &words);
    if referrals == Some(Referrals::Rewrite) && here == Here::Unknown {
        let span = section.get("referrals").map_or_else(|| section.span(), Spanned::span);
        let help =
            "public_url = \"ldap://HOST\" in [listen]: no address there leads to this machine";
        r.error(span, "referrals cannot be rewritten to lead nowhere", help);
    }
    let clients = r.list(section, "proxied_authorisation_clients", client);
    let mechanisms = r.list(section, "sasl_mechanisms", mechanism);
    let serve = serve(r, section);
    Some(RelayPolicy {
        referrals: referrals?,
        proxied_authorisation_clients: plain(clients?),
        sasl_mechanisms: plain(mechanisms?),
        serve: serve?,
    })
}

fn client(text: &str) -> Result<DistinguishedName, Mistake> {
    match super::directory::dn(text)? {
        name if name.is_root() => {
            let help = "the names of applications that are trusted with everybody's rights";
            Err(Mistake::new("a client without a name is anybody", help))
        }
        name => Ok(name),
    }
}

fn mechanism(text: &str) -> Result<String, Mistake> {
    let help = "a mechanism's name, for example \"SCRAM-SHA-256\"";
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if text.is_empty() || text.len() > MAX_MECHANISM || !text.bytes().all(is_name) {
        return Err(Mistake::new(format!("\"{text}\" is no SASL mechanism"), help));
    }
    let name = text.to_ascii_uppercase();
    match sasl::hindrance(name.as_bytes()) {
        Some(hindrance) => {
            Err(Mistake::new(format!("{name} cannot be relayed: {hindrance}"), help))
        }
        None => Ok(name),
    }
}

/// Reads how clients reach the gateway: a URL of a server, written out in its shortest form.
pub(super) fn public_url(text: &str) -> Result<String, Mistake> {
    value::server_url(text).map(|_| text.trim_end_matches('/').to_owned())
}

/// The first address that one machine can be reached at, as a URL.
pub(super) fn first_address(ldap: &[SocketAddr], ldaps: &[SocketAddr]) -> Option<String> {
    let with = |scheme: Scheme| move |address: &SocketAddr| (scheme, *address);
    let mut all = ldap.iter().map(with(Scheme::Ldap)).chain(ldaps.iter().map(with(Scheme::Ldaps)));
    let (scheme, address) = all.find(|(_, address)| !address.ip().is_unspecified())?;
    let scheme = if scheme == Scheme::Ldap { "ldap" } else { "ldaps" };
    Some(format!("{scheme}://{address}"))
}
