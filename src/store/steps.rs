//! The steps of a row of the audit, as the column holds them.
//!
//! `[["name", null, null, ["ann"], ["anna"]], …]`: what, of which, who says so, before, after. The same ids
//! stand in step after step, so a number is a text that stood there before: the first is 0. Rows of a
//! version that wrote objects, `{"what": "name", "before": ["ann"], "after": ["anna"]}`, are read too.

use crate::domain::record::Provenance;
use crate::domain::step::Step;
use serde_json::Value;
use std::collections::HashMap;

/// What the column holds of these steps: nothing if there are none.
pub(super) fn to_column(steps: &[Step]) -> Option<String> {
    (!steps.is_empty()).then(|| to_text(steps))
}

/// The text of these steps.
fn to_text(steps: &[Step]) -> String {
    let mut writer = Writer { text: Vec::with_capacity(64 * steps.len()), places: HashMap::new() };
    writer.list(steps, Writer::step);
    // All that is written there is text.
    String::from_utf8(writer.text).unwrap_or_default()
}

struct Writer<'a> {
    text: Vec<u8>,
    /// Which text it is of those that stand there.
    places: HashMap<&'a str, usize>,
}

impl<'a> Writer<'a> {
    fn list<T>(&mut self, items: &'a [T], mut write: impl FnMut(&mut Self, &'a T)) {
        self.text.push(b'[');
        for (number, item) in items.iter().enumerate() {
            if number > 0 {
                self.text.push(b',');
            }
            write(self, item);
        }
        self.text.push(b']');
    }

    fn step(&mut self, step: &'a Step) {
        self.text.push(b'[');
        self.part(Some(&step.what));
        self.text.push(b',');
        self.part(step.of.as_deref());
        self.text.push(b',');
        self.part(step.provenance.map(Provenance::name));
        self.text.push(b',');
        self.list(&step.before, |writer, text| writer.part(Some(text)));
        self.text.push(b',');
        self.list(&step.after, |writer, text| writer.part(Some(text)));
        self.text.push(b']');
    }

    fn part(&mut self, text: Option<&'a str>) {
        let next = self.places.len();
        let known = text.map(|text| *self.places.entry(text).or_insert(next));
        // Nothing that is written here can fail: a vector takes all, and each part has a form in JSON.
        let _ = match (text, known) {
            (Some(text), Some(known)) if known == next => {
                serde_json::to_writer(&mut self.text, text)
            }
            _ => serde_json::to_writer(&mut self.text, &known),
        };
    }
}

/// The steps of such a text; those that cannot be understood are left out.
pub(super) fn from_text(text: &str) -> Vec<Step> {
    let all: Value = serde_json::from_str(text).unwrap_or_default();
    let mut texts = Vec::new();
    let steps = all.as_array().into_iter().flatten();
    steps.filter_map(|value| from_list(value, &mut texts).or_else(|| from_object(value))).collect()
}

fn from_list(value: &Value, texts: &mut Vec<String>) -> Option<Step> {
    let [what, of, provenance, before, after] = value.as_array()?.as_slice() else { return None };
    let mut read = |value: &Value| match value {
        Value::String(text) => {
            texts.push(text.clone());
            Some(text.clone())
        }
        place => texts.get(usize::try_from(place.as_u64()?).ok()?).cloned(),
    };
    // In the order in which they stand there.
    let (what, of, provenance) = (read(what), read(of), read(provenance));
    let mut list = |value: &Value| -> Vec<String> {
        value.as_array().into_iter().flatten().filter_map(&mut read).collect()
    };
    let (before, after) = (list(before), list(after));
    let provenance = provenance.as_deref().and_then(Provenance::from_name);
    Some(Step { what: what?, of, provenance, before, after })
}

fn from_object(value: &Value) -> Option<Step> {
    let list = |value: &Value| -> Vec<String> {
        let texts = value.as_array().into_iter().flatten().filter_map(Value::as_str);
        texts.map(str::to_owned).collect()
    };
    Some(Step {
        what: value["what"].as_str()?.to_owned(),
        of: value["of"].as_str().map(str::to_owned),
        provenance: value["provenance"].as_str().and_then(Provenance::from_name),
        before: list(&value["before"]),
        after: list(&value["after"]),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::option;
    use proptest::prelude::*;
    use proptest::sample::select;

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        // Few texts, so that they come again.
        let text = || prop_oneof!["[a-c]", Just("membership".to_owned()), any::<String>()];
        let provenance = option::of(select(Provenance::ALL.to_vec()));
        let parts = (text(), option::of(text()), provenance, vec(text(), 0..4), vec(text(), 0..4));
        let step = parts.prop_map(|(what, of, provenance, before, after)| Step {
            what,
            of,
            provenance,
            before,
            after,
        });
        vec(step, 0..6)
    }

    proptest! {
        #[test]
        fn steps_survive_whatever_their_texts_are(steps in steps()) {
            prop_assert_eq!(from_text(&to_text(&steps)), steps);
        }

        #[test]
        fn no_text_makes_the_reader_panic(text in any::<String>()) {
            let _ = from_text(&text);
        }
    }

    #[test]
    fn a_text_that_comes_again_is_a_number() {
        let step = |of: &str, after: &[&str]| Step {
            what: "membership".to_owned(),
            of: Some(of.to_owned()),
            provenance: Some(Provenance::Managed),
            before: Vec::new(),
            after: after.iter().map(|id| (*id).to_owned()).collect(),
        };
        let steps = [step("g1", &["g1"]), step("g2", &["g1", "g2"])];
        let text = r#"[["membership","g1","managed",[],[1]],[0,"g2",2,[],[1,3]]]"#;
        assert_eq!(to_text(&steps), text);
    }

    #[test]
    fn what_cannot_be_understood_is_left_out_and_objects_are_read() {
        let text = r#"[7, ["x"], [9, null, null, [], []], {"of": "g"}, ["name", null, null, [], ["a"]],
            {"what": "dn", "before": [], "after": ["b"]}]"#;
        let read: Vec<_> =
            from_text(text).into_iter().map(|step| (step.what, step.after)).collect();
        let expected = [("name", "a"), ("dn", "b")];
        assert_eq!(read, expected.map(|(what, to)| (what.to_owned(), vec![to.to_owned()])));
    }
}
