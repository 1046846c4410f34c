//! `config/reference.toml`: the table of keys, written out.

use super::keys::{KEYS, Key, Occurs, Presence, SECTIONS, SectionInfo};

/// What stands at the top of the reference.
const HEAD: &str = "\
# Every key of bindgate, with its default.
#
# A key that is left out has the value shown here, except those marked \"required\", which show an
# example. A key with a # right in front has no value unless it is written. Sections in single
# brackets stand once, sections in double brackets as often as needed. Relative paths start at the
# folder of the configuration file. Unknown keys are errors. Passwords are never written here: they
# come from a file or the environment.
#
# This file is made from the code and held to it by a test.
";

/// The text of `config/reference.toml`.
pub fn reference() -> String {
    let mut out = HEAD.to_owned();
    for section in SECTIONS {
        write_section(&mut out, section);
        for key in KEYS.iter().filter(|key| key.section == section.name) {
            write_key(&mut out, key);
        }
    }
    out
}

fn write_section(out: &mut String, section: &SectionInfo) {
    out.push('\n');
    for line in section.purpose.lines() {
        out.push_str(&format!("# {line}\n"));
    }
    match section.occurs {
        Occurs::Once => out.push_str(&format!("[{}]\n", section.name)),
        Occurs::Often => out.push_str(&format!("[[{}]]\n", section.name)),
    }
}

fn write_key(out: &mut String, key: &Key) {
    let (mark, value, note) = match key.presence {
        Presence::Default(value) => ("", value, ""),
        Presence::Optional(value) => ("#", value, ""),
        Presence::Required(value) => ("", value, "required; "),
    };
    let Key { name, purpose, .. } = key;
    let form = key.kind.describe();
    out.push_str(&format!("\n# {purpose}\n# [{note}{form}]\n{mark}{name} = {value}\n"));
}
