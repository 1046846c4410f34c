//! Passwords that somebody wrote into the file are hidden before an excerpt can show them.

/// What the name of a key ends in whose value is a secret.
const SECRET_NAMES: [&str; 6] = ["password", "passwd", "secret", "token", "passphrase", "pw"];

/// The same text, of the same length, with `*` for every byte of a value whose key says that it
/// is a secret. It works on text that is no TOML, because such a text is shown too.
pub(super) fn mask_secrets(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('=') {
        let (before, from_sign) = rest.split_at(at);
        let padding = 1 + from_sign[1..].bytes().take_while(|b| matches!(b, b' ' | b'\t')).count();
        let (sign, value) = from_sign.split_at(padding);
        masked.push_str(before);
        masked.push_str(sign);
        rest = value;
        if is_secret(before) {
            let (hidden, after) = value.split_at(value_length(value));
            masked.extend(hidden.bytes().map(|byte| if byte == b'\n' { '\n' } else { '*' }));
            rest = after;
        }
    }
    masked.push_str(rest);
    masked
}

/// Whether the key right before an equals sign names a secret.
fn is_secret(before: &str) -> bool {
    let key = before.trim_end_matches([' ', '\t', '"', '\'']);
    let start = key.rfind(|c: char| !c.is_alphanumeric() && c != '_' && c != '-');
    let name = key[start.map_or(0, |at| at + key[at..].chars().next().map_or(1, char::len_utf8))..]
        .to_lowercase();
    SECRET_NAMES.iter().any(|secret| name.ends_with(secret))
}

/// The bytes of the value at the beginning of a text: to its closing quotes, else to the end of
/// its line.
fn value_length(text: &str) -> usize {
    let quote = ["\"\"\"", "'''", "\"", "'"].into_iter().find(|quote| text.starts_with(quote));
    let line_end = text.find('\n').unwrap_or(text.len());
    let Some(quote) = quote else {
        return line_end;
    };
    let stop = if quote.len() == 3 { text.len() } else { line_end };
    let mut at = quote.len();
    while at < stop {
        let here = &text.as_bytes()[at..stop];
        if here.starts_with(quote.as_bytes()) {
            return at + quote.len();
        }
        at += if here[0] == b'\\' && quote.starts_with('"') { 2 } else { 1 };
    }
    stop
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(mask_secrets(text), expected);
    }

    #[test]
    fn a_value_under_a_secret_name_is_hidden_and_all_else_is_kept() {
        check("password = \"a\\\"b\" # c", "password = ****** # c");
        check("x = { password = 'p', y = 1 }", "x = { password = ***, y = 1 }");
        check("bind-Password=ab\nc = 1", "bind-Password=**\nc = 1");
        check("\"secret\" = \"\"\"a\nb\"\"\"\nc = 1", "\"secret\" = ****\n****\nc = 1");
        check("token = \"open\nx = 1", "token = *****\nx = 1");
        check(
            "password_file = \"/p\"\npassword_env = \"P\"",
            "password_file = \"/p\"\npassword_env = \"P\"",
        );
        check("filter = \"(a=b)\"", "filter = \"(a=b)\"");
    }

    proptest! {
        #[test]
        fn no_text_changes_its_length(text in any::<String>(), key in "[a-zé]{0,3}(password|pw)? ?= ?[\"']{0,3}") {
            let text = format!("{key}{text}");
            prop_assert_eq!(mask_secrets(&text).len(), text.len());
        }
    }
}
