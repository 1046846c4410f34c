//! Reading one key after another: a mistake is noted, and reading goes on.
//!
//! Every key is asked for by its name in the table of keys, which gives its limits and default.
//! A reader answers `None` only after it has noted why; so a part of the configuration is whole,
//! or there is a problem that says why not.

use super::keys::{self, Kind, Presence};
use super::problem::{Problems, Severity};
use super::suggest::nearest;
use super::value::{self, Mistake};
use std::collections::BTreeSet;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;
use toml::Spanned;
use toml::de::{DeInteger, DeTable, DeValue};

/// What a file that the configuration names has to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileKind {
    /// PEM with at least one certificate.
    Certificates,
    /// PEM with a private key.
    PrivateKey,
    /// A password.
    Password,
}

/// A file that has to exist, and where it is named.
#[derive(Debug, Clone)]
pub(super) struct FileUse {
    /// Where it is.
    pub(super) path: PathBuf,
    /// What it has to hold.
    pub(super) kind: FileKind,
    /// The value in the configuration.
    pub(super) span: Range<usize>,
}

/// One section of the document, or its absence.
pub(super) struct Section<'d> {
    name: &'static str,
    table: Option<&'d DeTable<'d>>,
    span: Range<usize>,
}

impl<'d> Section<'d> {
    /// Whether the file has it.
    pub(super) fn is_present(&self) -> bool {
        self.table.is_some()
    }

    /// Where it stands, or the section around it.
    pub(super) fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// A value as it stands in the file.
    pub(super) fn get(&self, key: &str) -> Option<&'d Spanned<DeValue<'d>>> {
        self.table.and_then(|table| table.get(key))
    }

    /// The keys and values of the file.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&'d str, &'d Spanned<DeValue<'d>>)> {
        let entries = self.table.into_iter().flat_map(|table| table.iter());
        entries.map(|(key, value)| (key.get_ref().as_ref(), value))
    }
}

/// Whether the text was TOML.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Syntax {
    /// It was.
    Sound,
    /// It was not, so parts of the document may be missing without anybody's fault.
    Broken,
}

/// Reads values and notes problems.
pub(super) struct Reader<'d> {
    text: &'d str,
    folder: &'d Path,
    syntax: Syntax,
    /// What was found.
    pub(super) problems: Problems,
    /// The files that the configuration names.
    pub(super) files: Vec<FileUse>,
    /// The keys that were asked for.
    pub(super) asked: BTreeSet<(&'static str, &'static str)>,
}

impl<'d> Reader<'d> {
    /// A reader of `text`, whose relative paths start at `folder`.
    pub(super) fn new(text: &'d str, folder: &'d Path, syntax: Syntax, problems: Problems) -> Self {
        Self { text, folder, syntax, problems, files: Vec::new(), asked: BTreeSet::new() }
    }

    /// Notes what keeps the file from being used.
    pub(super) fn error(
        &mut self,
        span: Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.problems.push(Severity::Error, span, message, help);
    }

    /// Notes what may not be meant.
    pub(super) fn warning(
        &mut self,
        span: Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.problems.push(Severity::Warning, span, message, help);
    }

    /// The whole document.
    pub(super) fn root(&mut self, table: &'d DeTable<'d>) -> Section<'d> {
        self.open("", table, 0..0)
    }

    /// A section that stands at most once; `name` is its full name.
    pub(super) fn section(&mut self, above: &Section<'d>, name: &'static str) -> Section<'d> {
        let absent = Section { name, table: None, span: above.span() };
        let Some(found) = above.get(last(name)) else {
            return absent;
        };
        if let Some(table) = found.get_ref().as_table() {
            return self.open(name, table, found.span());
        }
        let message = format!("[{name}] is not a section here, but {}", article(found.get_ref()));
        self.error(found.span(), message, format!("it stands once, as [{name}], with keys below"));
        absent
    }

    /// The sections of that full name, in the file's order.
    pub(super) fn sections(&mut self, above: &Section<'d>, name: &'static str) -> Vec<Section<'d>> {
        let Some(found) = above.get(last(name)) else {
            return Vec::new();
        };
        let help = format!("it may stand several times, so it is written [[{name}]]");
        let Some(items) = found.get_ref().as_array() else {
            let message =
                format!("[[{name}]] is not a list here, but {}", article(found.get_ref()));
            self.error(found.span(), message, help);
            return Vec::new();
        };
        let mut sections = Vec::new();
        for item in items.iter() {
            match item.get_ref().as_table() {
                Some(table) => sections.push(self.open(name, table, item.span())),
                None => self.error(item.span(), format!("this is no [[{name}]]"), help.clone()),
            }
        }
        sections
    }

    fn open(
        &mut self,
        name: &'static str,
        table: &'d DeTable<'d>,
        span: Range<usize>,
    ) -> Section<'d> {
        if ![keys::NAMED_BY_THE_FILE, super::view::NAMES].contains(&name) {
            for key in table.keys() {
                self.judge_key(name, key.get_ref(), key.span());
            }
        }
        Section { name, table: Some(table), span }
    }

    /// Notes a key that is not known in its section.
    fn judge_key(&mut self, section: &'static str, key: &str, span: Range<usize>) {
        let allowed = keys::allowed(section);
        if allowed.contains(&key) {
            return;
        }
        let place = if section.is_empty() { String::new() } else { format!(" in [{section}]") };
        if keys::NOT_YET.contains(&(section, key)) {
            let help = "it will come under this name; take it out until then, so that nobody \
                        relies on it";
            return self.error(
                span,
                format!("`{key}`{place} is not available in this version"),
                help,
            );
        }
        if section == "directory.service_account" && key.ends_with("password") {
            let help = "write password_file = \"/path/to/file\" or password_env = \"VARIABLE\"";
            let message = "a password does not stand in the configuration: secrets come from a \
                           file or the environment";
            return self.error(span, message, help);
        }
        let mut help = String::new();
        if let Some(meant) = nearest(key, &allowed) {
            help = format!("did you mean `{meant}`? ");
        }
        help.push_str(&format!("known here: {}", allowed.join(", ")));
        self.error(span, format!("`{key}` is no key{place}"), help);
    }

    /// A key that may be left out without having a value then: `Some(None)`.
    pub(super) fn optional<T>(
        &mut self,
        section: &Section<'d>,
        name: &'static str,
        read: impl FnOnce(&mut Self, &Section<'d>, &'static str) -> Option<T>,
    ) -> Option<Option<T>> {
        self.asked.insert((section.name, name));
        if section.get(name).is_none() {
            return Some(None);
        }
        read(self, section, name).map(Some)
    }

    /// `true` or `false`.
    pub(super) fn flag(&mut self, section: &Section<'d>, name: &'static str) -> Option<bool> {
        self.read(section, name, |key, value| {
            value.as_bool().ok_or_else(|| mismatch(key, value, "true or false"))
        })
    }

    /// A whole number within the key's limits.
    pub(super) fn count(&mut self, section: &Section<'d>, name: &'static str) -> Option<u64> {
        self.read(section, name, |key, value| {
            let Kind::Count(least, most) = key.kind else { unreachable_kind(key) };
            let number =
                value.as_integer().ok_or_else(|| mismatch(key, value, "a whole number"))?;
            within(integer(number), least, most, key)
        })
    }

    /// The same as a count of things in memory.
    pub(super) fn amount(&mut self, section: &Section<'d>, name: &'static str) -> Option<usize> {
        self.count(section, name).and_then(|number| usize::try_from(number).ok())
    }

    /// A number of bytes within the key's limits.
    pub(super) fn size(&mut self, section: &Section<'d>, name: &'static str) -> Option<usize> {
        self.read(section, name, |key, value| {
            let Kind::Size(least, most) = key.kind else { unreachable_kind(key) };
            let bytes = match value {
                DeValue::Integer(number) => integer(number),
                DeValue::String(text) => Some(value::size(text)?),
                _ => return Err(mismatch(key, value, "a number of bytes or a string")),
            };
            let bytes = within(bytes, least, most, key)?;
            usize::try_from(bytes).map_err(|_| Mistake::new("too large for this machine", ""))
        })
    }

    /// A duration within the key's limits.
    pub(super) fn duration(
        &mut self,
        section: &Section<'d>,
        name: &'static str,
    ) -> Option<Duration> {
        self.read(section, name, |key, value| {
            let Kind::Duration(least, most) = key.kind else { unreachable_kind(key) };
            let text = string(key, value)?;
            let milliseconds = u64::try_from(value::duration(text)?.as_millis()).ok();
            within(milliseconds, least, most, key).map(Duration::from_millis)
        })
    }

    /// One of some words.
    pub(super) fn choice<T: Copy>(
        &mut self,
        section: &Section<'d>,
        name: &'static str,
        words: &[(&'static str, T)],
    ) -> Option<T> {
        self.read(section, name, |key, value| {
            let Kind::Choice(known) = key.kind else { unreachable_kind(key) };
            debug_assert!(known.iter().eq(words.iter().map(|(word, _)| word)), "{name}");
            let text = string(key, value)?;
            words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value).ok_or_else(|| {
                if is_word_to_come(key, text) {
                    let what = format!("`{name} = \"{text}\"` is not available in this version");
                    return Mistake::new(what, key.kind.describe());
                }
                let meant = match nearest(text, known) {
                    Some(word) => format!("did you mean \"{word}\"? "),
                    None => String::new(),
                };
                let help = format!("{meant}{}", key.kind.describe());
                Mistake::new(format!("`{name}` cannot be \"{text}\""), help)
            })
        })
    }

    /// A string of some form, with its place in the file.
    pub(super) fn text<T>(
        &mut self,
        section: &Section<'d>,
        name: &'static str,
        parse: impl Fn(&str) -> Result<T, Mistake>,
    ) -> Option<Spanned<T>> {
        let span = section.get(name).map_or_else(|| section.span(), Spanned::span);
        let value = self.read(section, name, |key, value| parse(string(key, value)?))?;
        Some(Spanned::new(span, value))
    }

    /// A path, made absolute or relative to the configuration's folder.
    pub(super) fn path(&mut self, section: &Section<'d>, name: &'static str) -> Option<PathBuf> {
        let folder = self.folder;
        self.text(section, name, |text| resolve(folder, text)).map(Spanned::into_inner)
    }

    /// The path of a file that has to be there.
    pub(super) fn file(
        &mut self,
        section: &Section<'d>,
        name: &'static str,
        kind: FileKind,
    ) -> Option<PathBuf> {
        let path = self.path(section, name)?;
        let span = section.get(name).map_or_else(|| section.span(), Spanned::span);
        self.files.push(FileUse { path: path.clone(), kind, span });
        Some(path)
    }

    /// A list of strings of some form without repetitions, each with its place in the file.
    pub(super) fn list<T: PartialEq>(
        &mut self,
        section: &Section<'d>,
        name: &'static str,
        parse: impl Fn(&str) -> Result<T, Mistake>,
    ) -> Option<Vec<Spanned<T>>> {
        let Some(given) = section.get(name) else {
            return self.read(section, name, |key, value| {
                let items = value.as_array().into_iter().flat_map(|items| items.iter());
                let parsed = items.map(|item| parse(string(key, item.get_ref())?));
                parsed.map(|item| item.map(|value| Spanned::new(section.span(), value))).collect()
            });
        };
        let key = self.asked_key(section.name, name);
        let Some(items) = given.get_ref().as_array() else {
            let mut mistake = mismatch(key, given.get_ref(), "a list");
            mistake.help = "strings in square brackets: [\"one\", \"two\"]".to_owned();
            self.mistake(given, mistake);
            return None;
        };
        let mut list: Vec<Spanned<T>> = Vec::new();
        let mut sound = true;
        for item in items.iter() {
            match string(key, item.get_ref()).and_then(&parse) {
                Ok(value) if list.iter().any(|known| *known.get_ref() == value) => {
                    self.error(
                        item.span(),
                        format!("this stands twice in `{name}`"),
                        "once is enough",
                    );
                    sound = false;
                }
                Ok(value) => list.push(Spanned::new(item.span(), value)),
                Err(mistake) => {
                    self.mistake(item, mistake);
                    sound = false;
                }
            }
        }
        sound.then_some(list)
    }

    /// One value of a section whose keys have the names that the file gives them.
    pub(super) fn entry<T>(
        &mut self,
        value: &Spanned<DeValue<'d>>,
        parse: impl Fn(&str) -> Result<T, Mistake>,
    ) -> Option<T> {
        let read = match value.get_ref().as_str() {
            Some(text) => parse(text),
            None => {
                let what = format!("a string is expected here, not {}", article(value.get_ref()));
                Err(Mistake::new(what, "put it into quotes"))
            }
        };
        read.map_err(|mistake| self.mistake(value, mistake)).ok()
    }

    /// Notes that something required is not there, unless the text was so broken that it may be.
    pub(super) fn missing(&mut self, span: Range<usize>, what: String, help: String) {
        if self.syntax == Syntax::Sound {
            self.error(span, what, help);
        }
    }

    fn asked_key(&mut self, section: &'static str, name: &'static str) -> &'static keys::Key {
        self.asked.insert((section, name));
        keys::find(section, name).expect("every key that is read stands in the table of keys")
    }

    fn read<T>(
        &mut self,
        section: &Section<'d>,
        name: &'static str,
        convert: impl Fn(&keys::Key, &DeValue<'_>) -> Result<T, Mistake>,
    ) -> Option<T> {
        let key = self.asked_key(section.name, name);
        if let Some(given) = section.get(name) {
            let converted = convert(key, given.get_ref());
            return converted.map_err(|mistake| self.mistake(given, mistake)).ok();
        }
        match key.presence {
            Presence::Default(default) => {
                let value = DeValue::parse(default).expect("the table's defaults are TOML");
                Some(convert(key, value.get_ref()).expect("the table's defaults are within limits"))
            }
            Presence::Optional(example) | Presence::Required(example) => {
                let what = format!("`{name}` is missing in [{}]", section.name);
                let help = format!("{} For example: {name} = {example}", key.purpose);
                self.missing(section.span(), what, help);
                None
            }
        }
    }

    /// Notes a mistake in a value, at the bytes of it that are wrong if they can be told.
    pub(super) fn mistake(&mut self, value: &Spanned<DeValue<'_>>, mistake: Mistake) {
        let mut span = value.span();
        if let (Some(within), Some(text)) = (&mistake.within, value.get_ref().as_str()) {
            let raw = self.text.get(span.clone()).unwrap_or_default();
            let is_literal = raw.len() == text.len() + 2 && raw.get(1..=text.len()) == Some(text);
            if is_literal {
                let from = span.start + 1;
                span = from + within.start.min(text.len())..from + within.end.min(text.len());
            }
        }
        self.error(span, mistake.what, mistake.help);
    }
}

/// A path as the file means it.
pub(super) fn resolve(folder: &Path, text: &str) -> Result<PathBuf, Mistake> {
    if text.is_empty() {
        return Err(Mistake::new(
            "the path is empty",
            "an absolute path, or one from this file's folder",
        ));
    }
    Ok(folder.join(text))
}

fn last(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

fn unreachable_kind(key: &keys::Key) -> ! {
    unreachable!("[{}] {} is read as its kind says", key.section, key.name)
}

fn is_word_to_come(key: &keys::Key, text: &str) -> bool {
    keys::WORDS_NOT_YET.iter().any(|(section, name, words)| {
        (*section, *name) == (key.section, key.name) && words.contains(&text)
    })
}

fn integer(number: &DeInteger<'_>) -> Option<u64> {
    u64::from_str_radix(number.as_str(), number.radix()).ok()
}

fn string<'v>(key: &keys::Key, value: &'v DeValue<'_>) -> Result<&'v str, Mistake> {
    value.as_str().ok_or_else(|| mismatch(key, value, "a string"))
}

fn within(number: Option<u64>, least: u64, most: u64, key: &keys::Key) -> Result<u64, Mistake> {
    match number {
        Some(number) if (least..=most).contains(&number) => Ok(number),
        _ => Err(Mistake::new(format!("`{}` is out of its limits", key.name), key.kind.describe())),
    }
}

fn mismatch(key: &keys::Key, value: &DeValue<'_>, wanted: &str) -> Mistake {
    let what = format!("`{}` is {wanted}, not {}", key.name, article(value));
    Mistake::new(what, key.kind.describe())
}

fn article(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a section",
    }
}
