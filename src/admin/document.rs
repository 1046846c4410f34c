//! The OpenAPI 3.1 document, made of the table of operations.

use super::answer::Problem;
use super::desk::Needs;
use super::table::{Described, Table};
use schemars::Schema;
use serde_json::{Map, Value, json};

const DESCRIPTION: &str = "Administration of a bindgate gateway. A user REF is a name, TYPE/NAME, \
    dn:DN, id:UPSTREAM-ID or rec:RECORD-ID; a GROUP is a name, DIRECTORY/NAME, dn:DN or \
    id:UPSTREAM-ID. Lists are pages: next is the cursor of the page behind, or null. Times are RFC \
    3339 in UTC. Fields are added, never renamed. Each operation names the least role of the token \
    that it takes: read, operate or admin.";

impl<N: Needs> Table<N> {
    /// The document of all operations.
    pub(super) fn document(&mut self) -> Value {
        let problem = self.outward.subschema_for::<Problem>();
        let mut paths = Map::new();
        for described in &self.operations {
            let path = format!("/api/v1{}", described.operation.path);
            let methods = paths.entry(path).or_insert_with(|| json!({}));
            let method = described.operation.method.name().to_ascii_lowercase();
            methods[method] = operation(described, &problem);
        }
        let mut schemas = self.inward.take_definitions(true);
        schemas.extend(self.outward.take_definitions(true));
        json!({
            "openapi": "3.1.0",
            "info": {
                "title": "bindgate",
                "version": "1",
                "description": DESCRIPTION,
                "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
            },
            "servers": [{ "url": "/" }],
            "security": [{ "token": [] }],
            "paths": paths,
            "components": {
                "schemas": schemas,
                "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
            },
        })
    }
}

fn operation(described: &Described, problem: &Schema) -> Value {
    let Described { operation, query, body, body_type, media_type, answer } = described;
    let refused = |text: &str| {
        json!({
            "description": text,
            "content": { "application/problem+json": { "schema": problem } },
        })
    };
    let mut unauthorised = refused("There is no valid token.");
    unauthorised["headers"] = json!({
        "WWW-Authenticate": { "required": true, "schema": { "type": "string" } },
    });
    let tag = operation.path.split('/').nth(1).unwrap_or_default();
    let content = match answer {
        Some(schema) => json!({ "schema": schema }),
        None => json!({}),
    };
    let mut told = json!({
        "operationId": operation.id,
        "summary": operation.summary,
        "tags": [tag],
        "x-role": operation.role.name(),
        "parameters": parameters(operation.path, query),
        "responses": {
            "200": {
                "description": "It is done.",
                "content": { *media_type: content },
            },
            "401": unauthorised,
            "403": refused("The token's role does not allow it."),
            "default": refused("It is not done, and why."),
        },
    });
    if let Some(body) = body {
        told["requestBody"] = json!({
            "required": true,
            "content": { *body_type: { "schema": body } },
        });
    }
    told
}

/// The parts of the path, and the query's keys.
fn parameters(path: &str, query: &Schema) -> Vec<Value> {
    let parts = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let in_path = parts.map(|name| {
        json!({
            "name": name, "in": "path", "required": true,
            "schema": { "type": "string", "minLength": 1 },
        })
    });
    let query = query.as_value();
    let required: Vec<_> = query["required"].as_array().into_iter().flatten().collect();
    let keys = query["properties"].as_object().into_iter().flatten();
    let in_query = keys.map(|(name, schema)| {
        let mut schema = not_null(schema);
        let description = schema.as_object_mut().and_then(|schema| schema.remove("description"));
        let is_required = required.iter().any(|required| *required == name);
        let mut told =
            json!({ "name": name, "in": "query", "required": is_required, "schema": schema });
        if let Some(description) = description {
            told["description"] = description;
        }
        told
    });
    in_path.chain(in_query).collect()
}

/// A key of a query is there or not, and never null.
fn not_null(schema: &Value) -> Value {
    let mut schema = schema.clone();
    if let Some([Value::String(kind), _]) = schema["type"].as_array().map(Vec::as_slice) {
        schema["type"] = kind.clone().into();
    }
    let is_null = |one: &Value| one["type"] == "null";
    let choice = schema["anyOf"].as_array().and_then(|all| all.iter().find(|one| !is_null(one)));
    if let Some(mut chosen) = choice.cloned() {
        if let Some(description) = schema.get("description") {
            chosen["description"] = description.clone();
        }
        return chosen;
    }
    schema
}
