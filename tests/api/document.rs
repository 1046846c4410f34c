//! Requests that are made of the document: none is answered with a fault of the gateway's, and each
//! answer is what the document promises.

use crate::support::gateway::Gateway;
use crate::support::slapd::Slapd;
use crate::{ANN, BOB};
use std::path::Path;
use std::process::Command;

/// What is looked at: beside faults and shapes, that a token is needed, and that methods which are
/// not there are refused as such.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
    response_headers_conformance,response_schema_conformance,unsupported_method,ignored_auth,\
    negative_data_rejection";

#[test]
fn requests_that_are_made_of_the_document_are_answered_as_it_says() {
    let slapd = Slapd::start();
    let gateway = Gateway::configured(slapd.port(), |settings, _| {
        settings.set("[admin]", "max_token_rate", "100000");
        settings.set("[admin]", "max_source_rate", "100000");
    });
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
    assert_eq!(gateway.sign_on(BOB, "pw-bob"), 0);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients");
    let token = std::fs::read_to_string(gateway.folder().file("admin.token"));
    let token = token.expect("the gateway has made it");
    let said = Command::new(folder.join("venv/bin/schemathesis"))
        .args(["--config-file", &folder.join("schemathesis.toml").display().to_string()])
        .args(["run", &format!("{}/api/v1/openapi.json", gateway.admin_url())])
        .args(["--url", &gateway.admin_url(), "--checks", CHECKS])
        .args(["--header", &format!("Authorization: Bearer {}", token.trim())])
        .current_dir(gateway.folder().path())
        .output()
        .expect("schemathesis is installed (scripts/install-test-needs)");
    let text = String::from_utf8_lossy(&said.stdout).replace(token.trim(), "TOKEN");
    let errors = String::from_utf8_lossy(&said.stderr);
    assert!(said.status.success(), "{text}\n{errors}");
    // It has asked for all that there is, but for what lasts and for the document itself.
    let paths = gateway.json("/api/v1/openapi.json")["paths"].clone();
    let methods = paths.as_object().expect("there are paths").values();
    let operations: usize = methods.filter_map(|path| path.as_object()).map(|all| all.len()).sum();
    assert!(
        text.contains(&format!("Tested: {}", operations - 2)),
        "{operations} operations: {text}"
    );
    assert_eq!(gateway.get("/readyz").0, 200);
}
