//! Records, groups and switches on their way out of a gateway and into another: as JSON lines or LDIF.
//!
//! The audit stays, and so do tokens. What is read is judged as a whole before anything is kept of it.

mod ldif;
mod reading;
mod row;
#[cfg(test)]
mod tests;

pub use reading::{MAX_WRONGS, Wrong, read};

use super::ports::{Catalogue, Import, Stored};
use row::Row;

/// How many records are taken from the catalogue at a time.
const PAGE: usize = 500;

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line.
    JsonLines,
    /// LDIF (RFC 2849).
    Ldif,
}

impl Format {
    /// The format of that name, as a request says it.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "jsonl" => Some(Self::JsonLines),
            "ldif" => Some(Self::Ldif),
            _ => None,
        }
    }
}

/// A catalogue as text, bit by bit. Each record is whole, and as it is when its turn comes.
pub struct Export<C> {
    catalogue: C,
    format: Format,
    rows: u64,
    step: Step,
}

enum Step {
    Begin,
    Users(Option<String>),
    Over,
}

impl<C: Catalogue> Export<C> {
    /// One that begins at the beginning.
    pub fn new(catalogue: C, format: Format) -> Self {
        Self { catalogue, format, rows: 0, step: Step::Begin }
    }

    fn put(&mut self, out: &mut String, row: &Row) {
        self.rows += 1;
        match self.format {
            Format::JsonLines => row.write_line(out),
            Format::Ldif => ldif::write(out, row, self.rows),
        }
    }

    fn begin(&mut self, out: &mut String) {
        if self.format == Format::Ldif {
            out.push_str("version: 1\n\n");
        }
        self.put(out, &Row::begin());
        let mut groups = self.catalogue.groups();
        groups.sort_by(|(d, a), (e, b)| (d, &a.id).cmp(&(e, &b.id)));
        for (directory, group) in &groups {
            self.put(out, &Row::of_group(directory, group));
        }
        let mut switches = self.catalogue.switches();
        switches.sort_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
        for (directory, user_type, switch) in &switches {
            self.put(out, &Row::of_switch(directory, user_type, *switch));
        }
    }
}

impl<C: Catalogue> Iterator for Export<C> {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        let mut out = String::new();
        match std::mem::replace(&mut self.step, Step::Over) {
            Step::Begin => {
                self.begin(&mut out);
                self.step = Step::Users(None);
            }
            Step::Users(cursor) => {
                let page = self.catalogue.list(cursor.as_deref(), PAGE);
                for Stored { record, mark } in &page.items {
                    self.put(&mut out, &Row::of_user(record, mark));
                }
                match page.next {
                    Some(next) => self.step = Step::Users(Some(next)),
                    // Whoever reads half of it sees that the end is missing.
                    None => {
                        let rows = self.rows;
                        self.put(&mut out, &Row::end(rows));
                    }
                }
            }
            Step::Over => return None,
        }
        Some(out)
    }
}

/// What an import brings, in numbers.
pub fn count(import: &Import) -> String {
    let Import { users, groups, switches, .. } = import;
    format!("{} users, {} groups, {} switches", users.len(), groups.len(), switches.len())
}
