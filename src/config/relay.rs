//! What applies to what clients ask a directory: keys of `[[directory]]`, and how clients reach the
//! gateway.

use super::reader::{Reader, Section};
use super::value::{self, Mistake};
use crate::domain::referral::Referrals;
use crate::domain::relay::RelayPolicy;
use crate::frontend;
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
    Some(RelayPolicy { referrals: referrals? })
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
