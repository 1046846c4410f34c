//! `[[view]]`: what one client application may do and is shown.

use super::directory::{dn, filter};
use super::reader::{Reader, Section};
use super::sections::plain;
use super::serve::INACTIVE;
use super::value::{self, Mistake};
use crate::domain::policy::{Flatten, Switch};
use crate::domain::source::Network;
use crate::domain::view::groups::{Renamed, ShownGroups};
use crate::domain::view::{Kind, Matching, View, Views, VisibleTo, Writes};
use crate::proto::dn::DistinguishedName;
use std::net::SocketAddr;
use std::ops::Range;
use toml::Spanned;

/// The section whose keys are groups.
pub(super) const NAMES: &str = "view.group_names";

/// The kinds of operations that a view may serve.
const OPERATIONS: [Kind; 9] = [
    Kind::Bind,
    Kind::Search,
    Kind::Compare,
    Kind::Add,
    Kind::Modify,
    Kind::Delete,
    Kind::ModifyDn,
    Kind::PasswordModify,
    Kind::Extended,
];

/// A view with the places in the file that it is compared by.
struct Read {
    view: View,
    name: Range<usize>,
    matching: Range<usize>,
}

/// Reads all views; `listen` are the addresses that clients connect to.
pub(super) fn views<'d>(
    r: &mut Reader<'d>,
    root: &Section<'d>,
    listen: Option<&[SocketAddr]>,
) -> Option<Views> {
    let sections = r.sections(root, "view");
    let wanted = sections.len();
    let mut read: Vec<Read> = Vec::new();
    for section in sections {
        if let Some(next) = view(r, &section, listen) {
            compare(r, &read, &next);
            read.push(next);
        }
    }
    let sound = read.len() == wanted && (wanted > 0 || is_list(root));
    sound.then(|| Views::new(read.into_iter().map(|read| read.view).collect()))
}

fn is_list(root: &Section<'_>) -> bool {
    root.get("view").is_none_or(|given| given.get_ref().is_array())
}

fn view<'d>(
    r: &mut Reader<'d>,
    section: &Section<'d>,
    listen: Option<&[SocketAddr]>,
) -> Option<Read> {
    let name = r.text(section, "name", value::name);
    let (matching, place) = matching(r, section, listen);
    let flatten = r.optional(section, "flatten", |r, section, key| {
        r.text(section, key, value::flatten).map(Spanned::into_inner)
    });
    let groups = shown_groups(r, section);
    let attributes = r.optional(section, "attributes", |r, section, key| {
        r.list(section, key, value::attribute).map(plain)
    });
    let bases = r.list(section, "base", dn);
    let filter = r.optional(section, "filter", |r, section, key| {
        r.text(section, key, filter).map(Spanned::into_inner)
    });
    let inactive =
        r.optional(section, "inactive", |r, section, key| r.choice(section, key, &INACTIVE));
    let visible_to = visible_to(r, section);
    let words = [("allow", Writes::Allow), ("deny", Writes::Deny)];
    let writes = r.choice(section, "writes", &words);
    let operations = r.optional(section, "operations", |r, section, key| {
        r.list(section, key, operation).map(plain)
    });
    let bind_only = r.flag(section, "bind_only");
    let update = r.optional(section, "update_on_sign_on", Reader::flag);
    let (name, matching) = (name?, matching?);
    let view = View {
        name: name.get_ref().clone(),
        matching,
        flatten: flatten?,
        groups: groups?,
        attributes: attributes?,
        bases: plain(bases?),
        filter: filter?,
        inactive: inactive?,
        visible_to: visible_to?,
        writes: writes?,
        operations: operations?,
        bind_only: bind_only?,
        update_on_sign_on: update?.map(Switch::from_bool),
        hides_secrets: false,
    };
    judge(r, section, &view);
    Some(Read { view, name: name.span(), matching: place })
}

/// Whom a view is for, and where that stands.
fn matching<'d>(
    r: &mut Reader<'d>,
    view: &Section<'d>,
    listen: Option<&[SocketAddr]>,
) -> (Option<Matching>, Range<usize>) {
    let section = r.section(view, "view.match");
    let listeners = r.list(&section, "listeners", value::address);
    let addresses = r.list(&section, "addresses", value::network);
    let bind_dns = r.list(&section, "bind_dns", client);
    if let (Some(listeners), Some(listen)) = (&listeners, listen) {
        for listener in listeners.iter().filter(|given| !listen.contains(given.get_ref())) {
            let help = "an address as it stands in `ldap` or `ldaps` of [listen]";
            r.error(listener.span(), "nobody can connect to this address", help);
        }
    }
    let place = section.span();
    let all = (listeners, addresses, bind_dns);
    let (Some(listeners), Some(addresses), Some(bind_dns)) = all else { return (None, place) };
    let (listeners, addresses) = (plain(listeners), plain(addresses));
    (Some(Matching { listeners, addresses, bind_dns: plain(bind_dns) }), place)
}

/// Which groups are shown, and how they are called.
fn shown_groups<'d>(r: &mut Reader<'d>, section: &Section<'d>) -> Option<ShownGroups> {
    let bases = r.list(section, "group_base", dn);
    let filter = r.optional(section, "group_filter", |r, section, key| {
        r.text(section, key, filter).map(Spanned::into_inner)
    });
    let table = r.section(section, NAMES);
    let mut names: Vec<Renamed> = Vec::new();
    let mut sound = true;
    for (group, given) in table.entries() {
        match (DistinguishedName::parse(group), r.entry(given, dn)) {
            (Ok(group), Some(name)) => names.push(Renamed { group, name }),
            (Err(_), _) => {
                let help =
                    "\"cn=…\" = \"cn=…\": the group's DN in the directory, and its name here";
                r.error(given.span(), format!("\"{group}\" is no distinguished name"), help);
                sound = false;
            }
            (Ok(_), None) => sound = false,
        }
    }
    let (bases, filter) = (plain(bases?), filter?);
    sound.then_some(ShownGroups { bases, filter, names })
}

fn client(text: &str) -> Result<DistinguishedName, Mistake> {
    match dn(text)? {
        name if name.is_root() => {
            let help = "the name that an application binds as; leave it out for everybody";
            Err(Mistake::new("a client without a name is nobody in particular", help))
        }
        name => Ok(name),
    }
}

/// Who sees what is added: one of two words, or names.
fn visible_to<'d>(r: &mut Reader<'d>, section: &Section<'d>) -> Option<VisibleTo> {
    let key = "visible_to";
    let given = section.get(key);
    if given.is_some_and(|given| given.get_ref().as_array().is_some()) {
        return r.list(section, key, client).map(|names| VisibleTo::Named(plain(names)));
    }
    let word = |text: &str| match text {
        "bound" => Ok(VisibleTo::Bound),
        "anyone" => Ok(VisibleTo::Anyone),
        _ => {
            let help = "\"bound\", \"anyone\", or a list of names that clients are bound as";
            Err(Mistake::new(format!("`{key}` cannot be \"{text}\""), help))
        }
    };
    r.text(section, key, word).map(Spanned::into_inner)
}

fn operation(text: &str) -> Result<Kind, Mistake> {
    let found = OPERATIONS.into_iter().find(|kind| kind.name() == text);
    found.ok_or_else(|| {
        let words: Vec<&str> = OPERATIONS.into_iter().map(Kind::name).collect();
        Mistake::new(format!("\"{text}\" is no operation"), words.join(", "))
    })
}

/// What contradicts itself in one view.
fn judge(r: &mut Reader<'_>, section: &Section<'_>, view: &View) {
    let at = |key: &str| section.get(key).map_or_else(|| section.span(), Spanned::span);
    if !view.matching.bind_dns.is_empty() && !view.serves(Kind::Bind) {
        let help = "add \"bind\", or leave `bind_dns` out";
        r.error(
            at("operations"),
            "this view is for those who are bound, and nobody may bind",
            help,
        );
    }
    let is_write = |kind: &Kind| !matches!(kind, Kind::Bind | Kind::Search | Kind::Compare);
    let may_write = view.operations.iter().flatten().any(is_write);
    if view.writes == Writes::Deny && may_write {
        let help = "take add, modify, delete, modify-dn, password-modify and extended out";
        r.warning(at("operations"), "`writes = \"deny\"` refuses some of these all the same", help);
    }
    if view.flatten == Some(Flatten::Mapped) && view.groups.names.is_empty() {
        let help = "[view.group_names] with \"cn=…\" = \"cn=…\" for each group that is shown";
        r.warning(at("flatten"), "no group is shown: none is mapped", help);
    }
    if view.is_narrow() && view.writes == Writes::Allow {
        let help = "writes = \"deny\", unless these clients may find out more by writing";
        let message = "what this view does not show can still be written";
        r.warning(at("attributes"), message, help);
    }
    if view.bind_only && view.operations.is_some() {
        let help = "leave one of the two out";
        r.warning(at("operations"), "`bind_only` refuses all of these but binds", help);
    }
}

/// What two views must not share, and which of them would never count.
fn compare(r: &mut Reader<'_>, earlier: &[Read], next: &Read) {
    for other in earlier {
        let name = &other.view.name;
        if name.eq_ignore_ascii_case(&next.view.name) {
            let message = format!("another view is called \"{name}\" already");
            r.error(next.name.clone(), message, "every view has a name of its own");
        }
        let (before, after) = (&other.view.matching, &next.view.matching);
        if before.closeness() == after.closeness() && covers(before, after) {
            let message = format!("view \"{name}\" before it takes everybody whom this one is for");
            let help = "of several that fit, that with bind_dns counts, then that with addresses, \
                        then that with listeners; of two alike the first";
            r.warning(next.matching.clone(), message, help);
        }
    }
}

/// Whether one takes everybody whom another takes, as far as that can be seen part by part.
fn covers(wide: &Matching, narrow: &Matching) -> bool {
    fn has_all<T>(wide: &[T], narrow: &[T], covers: impl Fn(&T, &T) -> bool) -> bool {
        let is_covered = |part: &T| wide.iter().any(|wide| covers(wide, part));
        wide.is_empty() || (!narrow.is_empty() && narrow.iter().all(is_covered))
    }
    has_all(&wide.listeners, &narrow.listeners, PartialEq::eq)
        && has_all(&wide.addresses, &narrow.addresses, Network::covers)
        && has_all(&wide.bind_dns, &narrow.bind_dns, PartialEq::eq)
}
