//! Operations, asked for a page: as the one who is logged in, within the process.

use super::fault::Fault;
use super::visit::Visit;
use crate::app::operations::Asking;
use crate::proto::url::encoded;
use serde::de::DeserializeOwned;

/// A path with its query, put together so that no name changes where it leads.
#[derive(Debug, Clone)]
pub(super) struct Path {
    text: String,
    has_query: bool,
}

impl Path {
    /// A path that is written here.
    pub(super) fn new(fixed: &str) -> Self {
        Self { text: fixed.to_owned(), has_query: fixed.contains('?') }
    }

    /// One more step, of any text.
    pub(super) fn step(mut self, name: &str) -> Self {
        self.text.push('/');
        self.text.push_str(&encoded(name.as_bytes()));
        self
    }

    /// One more step that is written here.
    pub(super) fn then(mut self, fixed: &str) -> Self {
        self.text.push('/');
        self.text.push_str(fixed);
        self
    }

    /// A parameter, of any text.
    pub(super) fn with(mut self, key: &str, value: &str) -> Self {
        self.text.push(if self.has_query { '&' } else { '?' });
        self.has_query = true;
        self.text.push_str(key);
        self.text.push('=');
        self.text.push_str(&encoded(value.as_bytes()));
        self
    }

    /// A parameter if there is something to say.
    pub(super) fn with_some(self, key: &str, value: Option<&str>) -> Self {
        match value.filter(|value| !value.is_empty()) {
            Some(value) => self.with(key, value),
            None => self,
        }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    pub(super) fn into_string(self) -> String {
        self.text
    }
}

impl Visit {
    /// Looks at something.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: Path) -> Result<T, Fault> {
        self.ask("GET", path, None).await
    }

    /// Does something.
    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        method: &'static str,
        path: Path,
        body: Option<serde_json::Value>,
    ) -> Result<T, Fault> {
        let body = body.map(|body| body.to_string().into_bytes());
        let asking = Asking { method, path: path.into_string(), body };
        let outcome = self.operations.ask(&self.holder, asking).await;
        if !(200..300).contains(&outcome.status) {
            return Err(Fault::of_outcome(outcome.status, &outcome.json));
        }
        serde_json::from_slice(&outcome.json).map_err(|error| {
            Fault::new(500, format!("an operation answered something unexpected: {error}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_changes_where_a_path_leads() {
        let path = Path::new("/users").step("../a?b=c&d#e%2F").then("pins").step("zoë");
        assert_eq!(path.as_str(), "/users/..%2Fa%3Fb%3Dc%26d%23e%252F/pins/zo%C3%AB");
        let path = Path::new("/users").with("q", "a&b=c").with_some("x", None).with("y", "1 2");
        assert_eq!(path.as_str(), "/users?q=a%26b%3Dc&y=1%202");
        assert_eq!(Path::new("/a?b=1").with("c", "").as_str(), "/a?b=1&c=");
    }
}
