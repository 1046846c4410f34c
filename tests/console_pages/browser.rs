//! A client that keeps cookies, sends forms and follows no redirect by itself.

use crate::support::PATIENCE;
use crate::support::gateway::Gateway;
use std::collections::BTreeMap;
use ureq::http::{HeaderMap, Response};

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }

    #[track_caller]
    pub(crate) fn shows(self, texts: &[&str]) -> Self {
        for text in texts {
            assert!(self.text.contains(text), "no {text:?} in {}", self.text);
        }
        self
    }

    #[track_caller]
    pub(crate) fn hides(self, texts: &[&str]) -> Self {
        for text in texts {
            assert!(!self.text.contains(text), "{text:?} in {}", self.text);
        }
        self
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// A browser with its cookies.
pub(crate) struct Browser {
    agent: ureq::Agent,
    base: String,
    cookies: BTreeMap<String, String>,
    /// What forms of the current login bear.
    pub(crate) form_key: String,
    /// What is said of where a form came from; what a browser would say if nothing is set.
    pub(crate) origin: Option<String>,
}

impl Browser {
    pub(crate) fn new(gateway: &Gateway) -> Self {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(PATIENCE * 2))
            .tls_config(crate::support::gateway::believing())
            .build()
            .into();
        let (cookies, form_key) = Default::default();
        Self { agent, base: gateway.admin_url(), cookies, form_key, origin: None }
    }

    /// A browser that is logged in with the first token.
    #[track_caller]
    pub(crate) fn admin(gateway: &Gateway) -> Self {
        let token = std::fs::read_to_string(gateway.folder().file("admin.token"));
        Self::with(gateway, token.expect("there is a first token").trim())
    }

    /// A browser that is logged in with a token of that role.
    #[track_caller]
    pub(crate) fn of_role(gateway: &Gateway, role: &str) -> Self {
        Self::with(gateway, &token(gateway, &format!("a-{role}"), role))
    }

    #[track_caller]
    pub(crate) fn with(gateway: &Gateway, token: &str) -> Self {
        let mut browser = Self::new(gateway);
        let answer = browser.log_in(token).expect(303);
        assert_eq!(answer.header("location"), "/console/");
        browser.learn_form_key();
        browser
    }

    pub(crate) fn log_in(&mut self, token: &str) -> Answer {
        self.post("/login", &[("token", token)])
    }

    #[track_caller]
    fn learn_form_key(&mut self) {
        let page = self.get("/user-types").expect(200).text;
        let (_, rest) = page.split_once("name=\"form_key\" value=\"").expect("there is a form");
        self.form_key = rest.split('"').next().unwrap_or_default().to_owned();
        assert_eq!(self.form_key.len(), 64);
    }

    /// A page below `/console`.
    pub(crate) fn get(&mut self, path: &str) -> Answer {
        self.get_at(&format!("/console{path}"))
    }

    pub(crate) fn get_at(&mut self, path: &str) -> Answer {
        let request = self.agent.get(format!("{}{path}", self.base));
        let request = request.header("cookie", self.cookie()).header("accept", "text/html");
        let response = request.call().expect("the console answers");
        self.take(response)
    }

    /// A form sent as a browser does from a page of the console, with the login's key if there is one.
    pub(crate) fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let origin = self.origin.clone().unwrap_or_else(|| self.base.clone());
        let mut request = self.agent.post(format!("{}/console{path}", self.base));
        request = request.header("cookie", self.cookie());
        if !origin.is_empty() {
            request = request.header("origin", origin);
        }
        let key = ("form_key", self.form_key.as_str());
        let fields = fields.iter().copied().chain((!self.form_key.is_empty()).then_some(key));
        let response = request.send_form(fields.collect::<Vec<_>>());
        let response = response.expect("the console answers");
        self.take(response)
    }

    /// Sends a form and shows the page that it leads to.
    #[track_caller]
    pub(crate) fn send(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let answer = self.post(path, fields).expect(303);
        let to = answer.header("location").to_owned();
        self.get_at(&to).expect(200)
    }

    pub(crate) fn cookie_named(&self, name: &str) -> Option<&str> {
        self.cookies.get(name).map(String::as_str)
    }

    pub(crate) fn set_cookie(&mut self, name: &str, value: &str) {
        self.cookies.insert(name.to_owned(), value.to_owned());
    }

    fn cookie(&self) -> String {
        let pairs = self.cookies.iter().map(|(name, value)| format!("{name}={value}"));
        pairs.collect::<Vec<_>>().join("; ")
    }

    fn take(&mut self, mut response: Response<ureq::Body>) -> Answer {
        let headers = response.headers().clone();
        for line in headers.get_all("set-cookie").iter().filter_map(|line| line.to_str().ok()) {
            let pair = line.split(';').next().and_then(|pair| pair.split_once('='));
            let (name, value) = pair.expect("a cookie has name and value");
            match value {
                "" => drop(self.cookies.remove(name)),
                _ => self.set_cookie(name, value),
            }
        }
        let text = response.body_mut().read_to_string().expect("an answer is text");
        Answer { status: response.status().as_u16(), headers, text }
    }
}

/// A new token of a role.
#[track_caller]
pub(crate) fn token(gateway: &Gateway, name: &str, role: &str) -> String {
    let args = ["token", "create", "--name", name, "--role", role, "--json"];
    let out = gateway.command(&args).expect_code(0);
    let made: serde_json::Value = serde_json::from_str(&out).expect("it is JSON");
    made["token"].as_str().expect("it says the token").to_owned()
}
