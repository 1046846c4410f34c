//! What a view leaves of a filter, held against three-valued logic item by item.

use crate::dice::Dice;
use bindgate::domain::matching::{Truth, evaluate};
use bindgate::domain::view::View;
use bindgate::proto::dn::DistinguishedName;
use bindgate::proto::filter::Filter;
use bindgate::proto::search::{Attribute, Entry, Scope, SearchRequest};

/// Attributes by the names that filters have for them; the last three are not shown.
const NAMES: [&str; 6] = ["cn", "CN;lang-de", "uid", "sn", "userPassword", "2.5.4.35"];
const SHOWN: [&str; 3] = ["cn", "uid", "objectClass"];

fn filter(dice: &mut Dice, depth: usize) -> Filter {
    let parts = |dice: &mut Dice| {
        let many = dice.below(4);
        (0..many).map(|_| filter(dice, depth - 1)).collect::<Vec<_>>()
    };
    match dice.below(if depth == 0 { 3 } else { 6 }) {
        0 => Filter::Present((*dice.one_of(&NAMES)).to_owned()),
        1 => {
            let value = if dice.once_in(2) { b"a" } else { b"b" };
            Filter::Equal((*dice.one_of(&NAMES)).to_owned(), value.to_vec())
        }
        2 => Filter::any_entry(),
        3 => Filter::And(parts(dice)),
        4 => Filter::Or(parts(dice)),
        _ => Filter::Not(Box::new(filter(dice, depth - 1))),
    }
}

/// The filter in which whatever is not shown is Undefined.
fn truth(filter: &Filter, entry: &Entry) -> Truth {
    let all = |parts: &[Filter]| parts.iter().map(|part| truth(part, entry)).collect::<Vec<_>>();
    match filter {
        Filter::And(parts) => match all(parts) {
            all if all.contains(&Truth::False) => Truth::False,
            all if all.contains(&Truth::Undefined) => Truth::Undefined,
            _ => Truth::True,
        },
        Filter::Or(parts) => match all(parts) {
            all if all.contains(&Truth::True) => Truth::True,
            all if all.contains(&Truth::Undefined) => Truth::Undefined,
            _ => Truth::False,
        },
        Filter::Not(inner) => match truth(inner, entry) {
            Truth::True => Truth::False,
            Truth::False => Truth::True,
            Truth::Undefined => Truth::Undefined,
        },
        Filter::Present(name) | Filter::Equal(name, _) => {
            let name = name.split(';').next().unwrap_or_default();
            let is_shown = SHOWN.iter().any(|shown| shown.eq_ignore_ascii_case(name));
            if is_shown { evaluate(filter, entry) } else { Truth::Undefined }
        }
        other => panic!("no such filter is made: {other:?}"),
    }
}

fn entry(dice: &mut Dice, hidden: &[u8]) -> Entry {
    let mut attributes = vec![("objectClass", b"person".to_vec())];
    for name in ["cn", "uid"] {
        match dice.below(3) {
            0 => {}
            1 => attributes.push((name, b"a".to_vec())),
            _ => attributes.push((name, b"b".to_vec())),
        }
    }
    attributes.extend(["sn", "userPassword"].map(|name| (name, hidden.to_vec())));
    let attribute =
        |(name, value): (&str, Vec<u8>)| Attribute { name: name.to_owned(), values: vec![value] };
    Entry {
        dn: "uid=a,dc=x".to_owned(),
        attributes: attributes.into_iter().map(attribute).collect(),
    }
}

#[test]
fn s10_7_what_a_filter_finds_for_an_account_says_nothing_of_what_is_not_shown() {
    let mut dice = Dice::new(crate::counts::seed());
    let base = || DistinguishedName::parse("dc=x").ok().into_iter();
    // One view lists the secrets, as if it meant to show them.
    let listing = |names: &[&str]| View {
        attributes: Some(names.iter().map(|name| (*name).to_owned()).collect()),
        ..View::default()
    };
    let views = [
        listing(&SHOWN).of_account(base()),
        listing(&[&SHOWN[..], &["userPassword", "2.5.4.35"]].concat()).of_account(base()),
    ];
    let search = SearchRequest {
        base: b"dc=x",
        scope: Scope::Subtree,
        deref_aliases: 0,
        size_limit: 0,
        time_limit: 0,
        types_only: false,
        filter: b"",
        attributes: Vec::new(),
    };
    let (mut found, cases) = (0, crate::counts::counted(20_000, 400_000));
    for _ in 0..cases {
        let asked = filter(&mut dice, 3);
        let hidden = *dice.one_of(&[b"a", b"b"]);
        let entry = entry(&mut dice, hidden);
        let view = dice.one_of(&views);
        let left = view.narrow(&search, &asked).expect("it may be asked").filter;
        let is_found = evaluate(&left, &entry) == Truth::True;
        assert_eq!(is_found, truth(&asked, &entry) == Truth::True, "{asked:?} of {entry:?}");
        found += u64::from(is_found);
    }
    assert!(found > cases / 10 && found < cases - cases / 10, "{found} of {cases}");
}
