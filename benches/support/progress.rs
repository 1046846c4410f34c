//! How far the bench is: a bar for people, plain lines for files.

use indicatif::{ProgressBar, ProgressStyle};
use std::time::Duration;

/// Shows progress on standard error.
pub(crate) struct Progress {
    bar: ProgressBar,
    done: u64,
}

impl Progress {
    /// For measurements that take this long altogether.
    pub(crate) fn new(total: Duration) -> Self {
        let bar = ProgressBar::new(milliseconds(total));
        let style = ProgressStyle::with_template("{bar:40} {percent:>3} %  {eta:>4} left  {msg}");
        Self { bar: style.map_or(bar.clone(), |style| bar.with_style(style)), done: 0 }
    }

    /// The next thing begins.
    pub(crate) fn begin(&mut self, what: &str) {
        if self.bar.is_hidden() {
            eprintln!("{what}");
        }
        self.bar.set_message(what.to_owned());
    }

    /// It has been going on for this long.
    pub(crate) fn elapsed(&self, time: Duration) {
        self.bar.set_position(self.done + milliseconds(time));
    }

    /// It is over, and took this long by plan.
    pub(crate) fn end(&mut self, planned: Duration) {
        self.done += milliseconds(planned);
        self.bar.set_position(self.done);
    }

    /// Everything is over.
    pub(crate) fn finish(self) {
        self.bar.finish_and_clear();
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
