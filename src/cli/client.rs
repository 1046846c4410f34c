//! Requests to the admin API, and what its answers mean for the process's end.

use super::access::Access;
use super::exit::{Exit, Failure};
use crate::proto::url::encoded;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::time::Duration;
use ureq::http::Response;
use ureq::{Agent, Body, SendBody};

/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a request may take as a whole.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How long a stream may last; the gateway ends it earlier.
const STREAM_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a file may take; the gateway ends it earlier (`transfer_timeout`).
const TRANSFER_TIMEOUT: Duration = Duration::from_secs(8 * 24 * 60 * 60);
/// The most bytes of an answer: a user in ten thousand groups with long paths fits.
const MAX_ANSWER: u64 = 64 * 1024 * 1024;

pub(super) struct Client {
    agent: Agent,
    access: Access,
}

impl Client {
    pub(super) fn new(access: Access) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            // the token goes to the gateway and to nobody in between
            .proxy(None)
            .tls_config(access.tls.clone())
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_global(Some(TIMEOUT))
            .build();
        Self { agent: Agent::new_with_config(config), access }
    }

    /// `GET`, with the parts of the query that are given.
    pub(super) fn get(&self, path: &str, query: &[(&str, Option<&str>)]) -> Result<Value, Failure> {
        let mut request = self.agent.get(format!("{}{path}", self.access.url));
        for (name, value) in query {
            if let Some(value) = value {
                request = request.query(*name, *value);
            }
        }
        let answer = request.header("Authorization", self.bearer()).call();
        self.understand(answer)
    }

    /// `PATCH` with a JSON body.
    pub(super) fn patch(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        let request = self.agent.patch(format!("{}{path}", self.access.url));
        let answer = request.header("Authorization", self.bearer()).send_json(body);
        self.understand(answer)
    }

    /// `POST` with a JSON body.
    pub(super) fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        let request = self.agent.post(format!("{}{path}", self.access.url));
        let answer = request.header("Authorization", self.bearer()).send_json(body);
        self.understand(answer)
    }

    /// `PUT` with a JSON body.
    pub(super) fn put(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        let request = self.agent.put(format!("{}{path}", self.access.url));
        let answer = request.header("Authorization", self.bearer()).send_json(body);
        self.understand(answer)
    }

    /// `DELETE`.
    pub(super) fn delete(&self, path: &str) -> Result<Value, Failure> {
        let request = self.agent.delete(format!("{}{path}", self.access.url));
        let answer = request.header("Authorization", self.bearer()).call();
        self.understand(answer)
    }

    /// `GET` of what comes bit by bit.
    pub(super) fn stream(
        &self,
        path: &str,
        query: &[(&str, Option<&str>)],
    ) -> Result<impl BufRead + use<>, Failure> {
        let mut request = self.agent.get(format!("{}{path}", self.access.url));
        for (name, value) in query {
            if let Some(value) = value {
                request = request.query(*name, *value);
            }
        }
        let request = request.config().timeout_global(Some(STREAM_TIMEOUT)).build();
        let answer = request.header("Authorization", self.bearer()).call();
        match answer {
            Ok(answer) if answer.status().is_success() => {
                Ok(BufReader::new(answer.into_body().into_reader()))
            }
            answer => Err(self.understand(answer).err().unwrap_or_else(|| {
                Failure::new(Exit::Internal, "internal", "an answer without a stream")
            })),
        }
    }

    /// `POST` of a file.
    pub(super) fn upload(
        &self,
        path: &str,
        query: &[(&str, &str)],
        body: impl Read,
    ) -> Result<Value, Failure> {
        let mut request = self.agent.post(format!("{}{path}", self.access.url));
        for (name, value) in query {
            request = request.query(*name, *value);
        }
        let request = request.config().timeout_global(Some(TRANSFER_TIMEOUT)).build();
        let request = request.header("Authorization", self.bearer());
        let mut body = body;
        let answer = request.send(SendBody::from_reader(&mut body));
        self.understand(answer)
    }

    /// `GET` of a file, with its length if that is told.
    pub(super) fn download(&self, path: &str) -> Result<(impl Read + use<>, Option<u64>), Failure> {
        let request = self.agent.get(format!("{}{path}", self.access.url));
        let request = request.config().timeout_global(Some(TRANSFER_TIMEOUT)).build();
        let answer = request.header("Authorization", self.bearer()).call();
        match answer {
            Ok(answer) if answer.status().is_success() => {
                let body = answer.into_body();
                let length = body.content_length();
                Ok((body.into_with_config().limit(u64::MAX).reader(), length))
            }
            answer => Err(self.understand(answer).err().unwrap_or_else(|| {
                Failure::new(Exit::Internal, "internal", "an answer without a file")
            })),
        }
    }

    fn bearer(&self) -> String {
        format!("Bearer {}", self.access.token.as_str())
    }

    fn understand(&self, answer: Result<Response<Body>, ureq::Error>) -> Result<Value, Failure> {
        let unreachable = |error: ureq::Error| {
            let detail = format!("gateway at {} cannot be reached: {error}", self.access.url);
            Failure::new(Exit::Unavailable, "unreachable", detail)
        };
        let mut answer = answer.map_err(unreachable)?;
        let status = answer.status().as_u16();
        let text = answer.body_mut().with_config().limit(MAX_ANSWER).read_to_string();
        let value = serde_json::from_str::<Value>(&text.map_err(unreachable)?);
        match (status, value) {
            (200..=299, Ok(value)) => Ok(value),
            (_, Ok(mut value)) => Err(refused(status, &mut value)),
            (_, Err(_)) => {
                let detail = format!("{} does not answer as a gateway does", self.access.url);
                Err(Failure::new(Exit::Unavailable, "unreachable", detail))
            }
        }
    }
}

/// What the gateway's refusal means.
fn refused(status: u16, value: &mut Value) -> Failure {
    let exit = match status {
        401 | 403 => Exit::NotAllowed,
        404 => Exit::NotFound,
        429 => Exit::Unavailable,
        400..=499 => Exit::Usage,
        502..=504 => Exit::Unavailable,
        _ => Exit::Internal,
    };
    let field = |name: &str| value[name].as_str().map(str::to_owned);
    Failure {
        exit,
        error: field("error").unwrap_or_else(|| "refused".to_owned()),
        detail: field("detail").unwrap_or_else(|| format!("gateway answered {status}")),
        candidates: value["candidates"].take(),
    }
}

/// A path's segment, of any text.
pub(super) fn segment(text: &str) -> String {
    encoded(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_keeps_slashes_and_blanks_out_of_the_path() {
        assert_eq!(segment("staff/ann"), "staff%2Fann");
        assert_eq!(segment("dn:uid=ann o'x,ü"), "dn%3Auid%3Dann%20o%27x%2C%C3%BC");
    }

    #[test]
    fn a_refusal_ends_the_process_with_the_documented_code() {
        let code = |status| refused(status, &mut Value::Null).exit.code();
        let all = [401, 403, 404, 409, 422, 429, 503, 500].map(code);
        assert_eq!(all, [77, 77, 1, 64, 64, 69, 69, 70]);
    }
}
