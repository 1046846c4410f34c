//! Two cookies: the id of a login, which no script reads and no other site sends, and light or dark.

use axum::http::{HeaderMap, HeaderValue, header};

/// The cookie with the id of a login.
pub(super) const SESSION: &str = "bindgate_session";
/// The cookie with light or dark.
pub(super) const THEME: &str = "bindgate_theme";
/// How long light or dark is remembered, in seconds.
const A_YEAR: u64 = 31_536_000;

/// Light or dark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Theme {
    /// As the reader's system has it.
    #[default]
    System,
    Light,
    Dark,
}

impl Theme {
    pub(super) const ALL: [Self; 3] = [Self::System, Self::Light, Self::Dark];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    pub(super) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|theme| theme.name() == name)
    }

    pub(super) fn of(headers: &HeaderMap) -> Self {
        value(headers, THEME).and_then(Self::from_name).unwrap_or_default()
    }

    pub(super) fn cookie(self, is_secure: bool) -> Option<HeaderValue> {
        written(THEME, self.name(), Some(A_YEAR), is_secure)
    }
}

/// The value of the one cookie of that name; of several that are sent none is taken.
pub(super) fn value<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut found = lines
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(key, _)| *key == name);
    let (_, value) = found.next()?;
    found.next().is_none().then_some(value)
}

/// The cookie of a login, which the browser forgets when it is closed.
pub(super) fn session(id: &str, is_secure: bool) -> Option<HeaderValue> {
    written(SESSION, id, None, is_secure)
}

/// Takes the cookie of a login away.
pub(super) fn no_session(is_secure: bool) -> Option<HeaderValue> {
    written(SESSION, "", Some(0), is_secure)
}

fn written(name: &str, value: &str, age: Option<u64>, is_secure: bool) -> Option<HeaderValue> {
    let age = age.map_or_else(String::new, |age| format!("; Max-Age={age}"));
    let secure = if is_secure { "; Secure" } else { "" };
    let path = super::ROOT;
    let text = format!("{name}={value}; Path={path}; HttpOnly; SameSite=Strict{age}{secure}");
    HeaderValue::from_str(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(lines: &[&str], expected: Option<&str>) {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::COOKIE, HeaderValue::from_str(line).unwrap());
        }
        assert_eq!(value(&headers, SESSION), expected, "{lines:?}");
    }

    #[test]
    fn a_cookie_is_found_among_others_and_two_of_a_name_are_none() {
        check(&[], None);
        check(&["bindgate_session=ab"], Some("ab"));
        check(&["x=1; bindgate_session=ab;y"], Some("ab"));
        check(&["x=1", "bindgate_session=ab"], Some("ab"));
        check(&["xbindgate_session=ab"], None);
        check(&["bindgate_session=ab; bindgate_session=cd"], None);
    }

    #[test]
    fn a_cookie_is_for_this_site_and_for_no_script_and_for_tls_where_there_is() {
        let text = |cookie: Option<HeaderValue>| cookie.unwrap().to_str().unwrap().to_owned();
        let plain = "bindgate_session=ab; Path=/console; HttpOnly; SameSite=Strict";
        assert_eq!(text(session("ab", false)), plain);
        assert_eq!(text(session("ab", true)), format!("{plain}; Secure"));
        assert!(text(no_session(true)).contains("bindgate_session=; "));
        assert!(text(no_session(true)).ends_with("; Max-Age=0; Secure"));
    }
}
