//! What `init` writes: the configuration with its comments, and a typed password in a file of its own.

use super::super::exit::{CONFIGURATION, Exit, Failure};
use super::super::provisional::{Place, Provisional, failed};
use super::printable;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Where the service account's password is.
#[derive(Default)]
pub(super) enum Password {
    /// Nowhere yet.
    #[default]
    None,
    /// In a file that was there.
    File(PathBuf),
    /// In a variable of the environment.
    Variable(String),
    /// It was typed.
    Typed(Zeroizing<String>),
}

/// How the directory is authenticated.
#[derive(Default, Clone)]
pub(super) struct Tls {
    pub(super) start_tls: bool,
    pub(super) ca: Option<PathBuf>,
    pub(super) server_name: Option<String>,
}

/// Where people are.
pub(super) struct PeopleAnswers {
    pub(super) base: String,
    pub(super) filter: String,
    pub(super) username: String,
}

/// Where groups are.
pub(super) struct GroupAnswers {
    pub(super) base: String,
    pub(super) filter: Option<&'static str>,
    pub(super) members: Vec<&'static str>,
}

/// All that the configuration says.
#[derive(Default)]
pub(super) struct Answers {
    pub(super) url: String,
    pub(super) tls: Tls,
    pub(super) bind_dn: String,
    pub(super) password: Password,
    pub(super) name: String,
    pub(super) suffixes: Vec<String>,
    pub(super) people: Option<PeopleAnswers>,
    pub(super) groups: Option<GroupAnswers>,
    pub(super) listen: Option<String>,
    pub(super) listen_ldaps: Option<String>,
    pub(super) listen_tls: Option<(PathBuf, PathBuf)>,
    pub(super) admin_listen: Option<String>,
    pub(super) store: String,
    pub(super) token_file: String,
    /// What was seen of the directory.
    pub(super) notes: Vec<String>,
    /// What `check --online` finds.
    pub(super) findings: Vec<String>,
}

impl Answers {
    /// As much of them as is needed to reach the directory.
    pub(super) fn clone_to_reach(&self) -> Self {
        let password = match &self.password {
            Password::File(path) => Password::File(path.clone()),
            Password::Variable(name) => Password::Variable(name.clone()),
            Password::None | Password::Typed(_) => Password::None,
        };
        Self {
            url: self.url.clone(),
            tls: self.tls.clone(),
            bind_dn: self.bind_dn.clone(),
            password,
            name: "directory".to_owned(),
            store: self.store.clone(),
            token_file: self.token_file.clone(),
            ..Self::default()
        }
    }

    /// Whether passwords would go to the directory without TLS.
    pub(super) fn is_in_clear(&self) -> bool {
        self.url.to_ascii_lowercase().starts_with("ldap://") && !self.tls.start_tls
    }

    /// The configuration's text.
    pub(super) fn text(&self) -> String {
        let mut text = Text::default();
        text.comment("Written by `bindgate init`. A key that is not here has a default: config/reference.toml");
        text.comment("shows them all. After a change:  bindgate check --online --config FILE");
        self.own(&mut text);
        self.directory(&mut text);
        self.groups(&mut text);
        self.user_type(&mut text);
        text.0
    }

    fn own(&self, text: &mut Text) {
        text.section("[listen]");
        let ldap = self.listen.as_ref().map(|listen| quoted(listen));
        text.comment("Where clients connect. A password comes in clear over loopback alone; for other addresses");
        text.comment("give [listen.tls] a certificate.");
        text.line(&format!("ldap = [{}]", ldap.unwrap_or_default()));
        if let Some(ldaps) = &self.listen_ldaps {
            text.line(&format!("ldaps = [{}]", quoted(ldaps)));
        }
        if let Some((certificate, key)) = &self.listen_tls {
            text.section("[listen.tls]");
            text.key("certificate", &certificate.display().to_string());
            text.key("private_key", &key.display().to_string());
        }
        text.section("[store]");
        text.comment("The records. The folder is made if it is missing.");
        text.key("url", &format!("file:{}", self.store));
        text.section("[admin]");
        text.comment("HTTP API and /metrics. The token is made at the first start.");
        if let Some(listen) = &self.admin_listen {
            text.key("listen", listen);
        }
        text.key("token_file", &self.token_file);
    }

    fn directory(&self, text: &mut Text) {
        text.section("[[directory]]");
        self.notes.iter().for_each(|note| text.comment(note));
        text.key("name", &self.name);
        text.line(&format!("urls = [{}]  # several: in order of preference", quoted(&self.url)));
        let suffixes: Vec<String> = self.suffixes.iter().map(|suffix| quoted(suffix)).collect();
        text.line(&format!("suffixes = [{}]", suffixes.join(", ")));
        text.section("[directory.service_account]");
        text.comment("It reads people (not their passwords) and groups, and writes nothing.");
        text.key("dn", &self.bind_dn);
        match &self.password {
            Password::Variable(name) => text.key("password_env", name),
            Password::File(path) => text.key("password_file", &path.display().to_string()),
            Password::None | Password::Typed(_) => text.key("password_file", "password"),
        }
        let Tls { start_tls, ca, server_name } = &self.tls;
        if !start_tls && ca.is_none() && server_name.is_none() {
            return;
        }
        text.section("[directory.tls]");
        if *start_tls {
            text.line("start_tls = true");
        }
        if let Some(ca) = ca {
            text.key("ca", &ca.display().to_string());
        }
        if let Some(name) = server_name {
            text.key("server_name", name);
        }
    }

    fn groups(&self, text: &mut Text) {
        let Some(groups) = &self.groups else { return };
        text.section("[directory.groups]");
        text.key("base", &groups.base);
        if let Some(filter) = groups.filter {
            text.key("filter", filter);
        }
        match groups.members.as_slice() {
            // One alone makes each question of a walk shorter.
            [one] => {
                text.comment("Groups that name members by another attribute were not seen.");
                text.key("member_attribute", one);
            }
            [] => {
                text.comment("No group with a member was seen; all usual attributes are asked for.")
            }
            several => text.comment(&format!(
                "Members are named by {}; all usual attributes are asked for.",
                several.join(", ")
            )),
        }
        self.findings.iter().for_each(|finding| text.comment(finding));
        text.key("resolve", "auto");
    }

    fn user_type(&self, text: &mut Text) {
        let Some(people) = &self.people else { return };
        text.section("[[directory.user_type]]");
        text.comment("Of several user types the first that fits an entry wins.");
        text.key("name", "staff");
        text.key("base", &people.base);
        text.key("filter", &people.filter);
        text.key("username", &people.username);
    }
}

/// TOML as it grows.
#[derive(Default)]
struct Text(String);

impl Text {
    fn section(&mut self, header: &str) {
        self.line("");
        self.line(header);
    }

    fn comment(&mut self, text: &str) {
        self.line(&format!("# {}", printable(text)));
    }

    fn key(&mut self, name: &str, value: &str) {
        self.line(&format!("{name} = {}", quoted(value)));
    }

    fn line(&mut self, line: &str) {
        // writing to a string cannot fail
        let _ = writeln!(self.0, "{line}");
    }
}

/// Text as a TOML string.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => drop(write!(out, "\\U{:08X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Puts a typed password into a file beside the configuration that only its owner may read.
pub(super) fn keep_password(
    answers: &mut Answers,
    folder: &Path,
) -> Result<Option<Provisional>, Failure> {
    let Password::Typed(password) = &answers.password else { return Ok(None) };
    let place = std::path::absolute(folder.join("directory.password"));
    let place = place.map_err(|error| failed(folder, &error))?;
    let kept = Provisional::with(&place, password.as_bytes());
    let kept = kept.map_err(|error| failed(&place, &error))?;
    answers.password = Password::File(kept.path().to_owned());
    Ok(Some(kept))
}

/// Writes the configuration, at once or not at all, and only one that can be read; with it a password
/// that was typed.
pub(super) fn write(
    answers: &mut Answers,
    password: Option<Provisional>,
    file: &Path,
    force: bool,
) -> Result<(), Failure> {
    if let Some(password) = password {
        let place = password.place().to_owned();
        password.settle(Place::of(force)).map_err(|error| failed(&place, &error))?;
        answers.password = Password::File(place);
    }
    let written = Provisional::with(file, answers.text().as_bytes());
    let written = written.map_err(|error| failed(file, &error))?;
    crate::config::load(written.path())
        .map_err(|problems| Failure::new(Exit::Usage, CONFIGURATION, problems.render()))?;
    written.settle(Place::of(force)).map_err(|error| failed(file, &error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn whatever_stands_in_a_string_is_read_back_as_it_was(text in any::<String>()) {
            let line = format!("key = {}", quoted(&text));
            let table: toml::Table = toml::from_str(&line).unwrap();
            prop_assert_eq!(table["key"].as_str(), Some(text.as_str()));
        }
    }

    #[test]
    fn a_comment_stays_one_line_whatever_the_directory_says() {
        let notes = vec!["a\nb = 1\r\x1b".to_owned()];
        let text = Answers { notes, ..Answers::default() }.text();
        assert!(text.lines().all(|line| !line.starts_with("b =")), "{text}");
        assert!(toml::from_str::<toml::Table>(&text).is_ok(), "{text}");
    }
}
