//! The OpenAPI document: committed as it is served, and complete.

use crate::fake::{FakeCatalogue, Gateway, Noted, Stopped};
use crate::get;
use bindgate::admin;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;

/// As `make reference` sets it.
const WRITE: &str = "BINDGATE_WRITE_REFERENCE";

fn document() -> Value {
    admin::document::<FakeCatalogue, Stopped, Noted>().0
}

#[test]
fn the_document_is_committed_as_it_is_served() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/openapi.json");
    let text = serde_json::to_string_pretty(&document()).unwrap() + "\n";
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == text, "docs/openapi.json is not the code's: run make reference");
    let served = get(&Gateway::start(), "/api/v1/openapi.json").json();
    assert_eq!(served, document());
}

/// Every reference of a value.
fn references<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
    match value {
        Value::Object(map) => {
            found.extend(map.get("$ref").and_then(Value::as_str));
            map.values().for_each(|inner| references(inner, found));
        }
        Value::Array(all) => all.iter().for_each(|inner| references(inner, found)),
        _ => {}
    }
}

#[test]
fn every_operation_has_a_name_of_its_own_and_every_reference_leads_somewhere() {
    let document = document();
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    assert!(found.len() > 20, "{found:?}");
    for reference in found {
        let place = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(place).is_some(), "{reference} leads nowhere");
    }
    let mut names = BTreeSet::new();
    let mut operations = 0;
    for methods in document["paths"].as_object().unwrap().values() {
        for operation in methods.as_object().unwrap().values() {
            operations += 1;
            names.insert(operation["operationId"].as_str().unwrap());
            assert!(operation["summary"].as_str().unwrap().ends_with('.'));
            for status in ["200", "401", "403", "default"] {
                assert!(operation["responses"][status].is_object(), "{operation}");
            }
        }
    }
    assert_eq!(names.len(), operations);
}
