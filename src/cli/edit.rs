//! What an admin does to one user: `bindgate user pin`, `disable`, `join`, `forget` …. Each answer
//! says what the next sign-on will do to it.

use super::client::{Client, segment};
use super::exit::{Exit, Failure, Format};
use super::shown::{pretty, text};
use super::user_type::Setting;
use clap::ValueEnum;
use serde_json::{Value, json};

/// What a pin says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Pin {
    /// In the group, whatever the directory says
    Allow,
    /// Not in the group, whatever the directory says
    Deny,
}

/// One edit of a user.
pub(super) enum Edit<'a> {
    Disable,
    Enable,
    Sync,
    Forget,
    Pin { group: &'a str, pin: Pin, until: Option<&'a str> },
    Unpin { group: &'a str },
    Join { group: &'a str },
    Leave { group: &'a str },
    Confirm { group: &'a str },
    Name(Option<&'a str>),
    Switch(Setting),
}

impl Edit<'_> {
    fn send(&self, client: &Client, user: &str) -> Result<Value, Failure> {
        let at = |rest: &str| format!("/api/v1/users/{}{rest}", segment(user));
        let of = |part: &str, group: &str| at(&format!("/{part}/{}", segment(group)));
        match self {
            Self::Disable => client.post(&at("/disable"), &json!({})),
            Self::Enable => client.post(&at("/enable"), &json!({})),
            Self::Sync => client.post(&at("/sync"), &json!({})),
            Self::Forget => client.delete(&at("")),
            Self::Pin { group, pin, until } => {
                let pin = match pin {
                    Pin::Allow => "allow",
                    Pin::Deny => "deny",
                };
                let until = until.map(|until| moment("--until", until)).transpose()?;
                client.put(&of("pins", group), &json!({ "pin": pin, "until": until }))
            }
            Self::Unpin { group } => client.delete(&of("pins", group)),
            Self::Join { group } => client.put(&of("groups", group), &json!({})),
            Self::Leave { group } => client.delete(&of("groups", group)),
            Self::Confirm { group } => client.post(&(of("groups", group) + "/confirm"), &json!({})),
            Self::Name(name) => client.patch(&at(""), &json!({ "display_name": name })),
            Self::Switch(setting) => {
                client.patch(&at(""), &json!({ "update_on_sign_on": setting.update_on_sign_on }))
            }
        }
    }

    fn done(&self) -> String {
        match self {
            Self::Disable => "is disabled".to_owned(),
            Self::Enable => "is not disabled by an admin".to_owned(),
            Self::Sync => "was looked at".to_owned(),
            Self::Forget => "is forgotten".to_owned(),
            Self::Pin { group, pin: Pin::Allow, .. } => format!("is pinned into {group}"),
            Self::Pin { group, pin: Pin::Deny, .. } => format!("is pinned out of {group}"),
            Self::Unpin { group } => format!("is not pinned with regard to {group} any more"),
            Self::Join { group } => format!("is in {group} by an admin"),
            Self::Leave { group } => format!("was taken out of {group}"),
            Self::Confirm { group } => format!("is confirmed in {group}"),
            Self::Name(Some(name)) => format!("is shown as {name}"),
            Self::Name(None) => "is shown as the directory says".to_owned(),
            Self::Switch(setting) => {
                let value = match setting.update_on_sign_on {
                    Some(true) => "on",
                    Some(false) => "off",
                    None => "default",
                };
                format!("has update-on-sign-on={value}")
            }
        }
    }
}

/// A time as the gateway takes it: RFC 3339 as it is, or so long from now (`90m`, `12h`, `30d`).
pub(super) fn moment(flag: &str, written: &str) -> Result<String, Failure> {
    if written.parse::<jiff::Timestamp>().is_ok() {
        return Ok(written.to_owned());
    }
    let wrong = || {
        let detail = format!(
            "{flag} takes a time as RFC 3339 writes it or one from now as 90m, 12h, 30d: {written:?}"
        );
        Failure::new(Exit::Usage, "usage", detail)
    };
    let (digits, unit) =
        written.split_at(written.len() - written.chars().last().map_or(0, char::len_utf8));
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err(wrong()),
    };
    let count: i64 = digits.parse().map_err(|_| wrong())?;
    let ahead = count.checked_mul(seconds).filter(|ahead| *ahead > 0).ok_or_else(wrong)?;
    let now = jiff::Timestamp::now();
    let at = now.checked_add(jiff::SignedDuration::from_secs(ahead)).map_err(|_| wrong())?;
    Ok(at.to_string())
}

/// Makes an edit and tells what came of it.
pub(super) fn make(
    client: &Client,
    user: &str,
    edit: &Edit<'_>,
    format: Format,
) -> Result<String, Failure> {
    let answer = edit.send(client, user)?;
    Ok(match format {
        Format::Json => pretty(&answer),
        Format::Text => told(user, edit, &answer),
    })
}

/// Links a user's record to another and tells what came of it.
pub(super) fn link(
    client: &Client,
    user: &str,
    to: &str,
    drop_unmatched: bool,
    format: Format,
) -> Result<String, Failure> {
    let at = format!("/api/v1/users/{}/link", segment(user));
    let answer = client.post(&at, &json!({ "to": to, "drop_unmatched": drop_unmatched }))?;
    if format == Format::Json {
        return Ok(pretty(&answer));
    }
    let (name, directory) = (text(&answer["user"]["name"]), text(&answer["user"]["directory"]));
    let mut out = format!("{} is {name} in {directory} now", text(&user.into()));
    let dropped = answer["dropped"].as_array().map_or(&[][..], Vec::as_slice);
    if !dropped.is_empty() {
        let names: Vec<String> = dropped.iter().map(text).collect();
        out += &format!("; not taken over: {}", names.join(", "));
    }
    Ok(out + "\n")
}

fn told(user: &str, edit: &Edit<'_>, answer: &Value) -> String {
    let name = match answer["user"]["name"].as_str() {
        Some(_) => text(&answer["user"]["name"]),
        None => text(&user.into()),
    };
    let done = text(&edit.done().into());
    if let Some(outcome) = answer["outcome"].as_str() {
        let reason = answer["unknown"].as_str().map(|reason| format!(" ({reason})"));
        let outcome = format!("{outcome}{}", reason.unwrap_or_default());
        return format!("{name} {done}: {}\n", text(&outcome.as_str().into()));
    }
    let changed = if answer["changed"] == false { " already" } else { "" };
    let next = &answer["next_sign_on"];
    let mut out = format!("{name} {done}{changed}; {}", text(&next["text"]));
    if let Some(until) = next["until"].as_str() {
        out += &format!(", {}", text(&until.into()));
    }
    out + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_rfc_3339_or_so_long_from_now() {
        assert_eq!(moment("--until", "2030-01-01T00:00:00Z").unwrap(), "2030-01-01T00:00:00Z");
        for written in ["1s", "90m", "12h", "30d"] {
            let at: jiff::Timestamp = moment("--until", written).unwrap().parse().unwrap();
            assert!(at > jiff::Timestamp::now() - jiff::SignedDuration::from_secs(60), "{written}");
        }
        for written in ["", "d", "0d", "-1d", "1w", "1ü", "tomorrow", "99999999999999999d"] {
            assert_eq!(moment("--until", written).unwrap_err().exit, Exit::Usage, "{written}");
        }
    }
}
