//! Where log lines go: standard error, one line an event, as text or as JSON.

use super::escape::Printable;
use super::{Config, LogFormat, LogLevel};
use std::fmt::{self, Write};
use std::sync::OnceLock;
use thiserror::Error;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Registry;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::reload;

/// Logging was set up before in this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("logging is set up already")]
pub struct AlreadyInitialised;

/// Sends log lines of this process to standard error from now on. The second call in a process
/// changes nothing and says so; a test that starts several gateways may ignore that.
pub fn init_logging(config: &Config) -> Result<(), AlreadyInitialised> {
    let (level, handle) = reload::Layer::new(filter(config.level));
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        // a standard error that is closed must not turn into a panic
        .log_internal_errors(false)
        .event_format(Lines(config.format));
    let subscriber = Registry::default().with(level).with(lines);
    tracing::subscriber::set_global_default(subscriber).map_err(|_| AlreadyInitialised)?;
    // Whoever set the subscriber is the only one who comes here.
    let _ = LEVEL.set(handle);
    Ok(())
}

/// Where the level is changed, once logging was set up.
static LEVEL: OnceLock<reload::Handle<LevelFilter, Registry>> = OnceLock::new();

/// Writes lines of this level, and above, from now on; nothing if logging was not set up here.
pub fn set_log_level(level: LogLevel) {
    if let Some(handle) = LEVEL.get() {
        // It fails only if the subscriber is gone, and then there are no lines.
        let _ = handle.reload(filter(level));
    }
}

fn filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Off => LevelFilter::OFF,
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
    }
}

/// Formats an event as `TIME LEVEL message key=value …`, or as one JSON object.
struct Lines(LogFormat);

impl<S, N> FormatEvent<S, N> for Lines
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &tracing::Event<'_>,
    ) -> fmt::Result {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let line = fields.line(self.0, jiff::Timestamp::now(), event.metadata().level());
        writeln!(writer, "{line}")
    }
}

/// What an event carries.
#[derive(Default)]
struct Fields {
    message: String,
    others: Vec<(&'static str, String)>,
}

impl Fields {
    fn line(self, format: LogFormat, at: jiff::Timestamp, level: &tracing::Level) -> String {
        match format {
            LogFormat::Text => {
                let mut line = format!("{at:.6} {level:<5} {}", Printable(&self.message));
                for (name, value) in &self.others {
                    // writing to a string cannot fail
                    let _ = write!(line, " {name}={}", Printable(value));
                }
                line
            }
            LogFormat::Json => {
                let mut object = serde_json::Map::new();
                object.insert("time".into(), format!("{at:.6}").into());
                object.insert("level".into(), level.as_str().into());
                object.insert("message".into(), self.message.into());
                for (name, value) in self.others {
                    object.insert(name.into(), value.into());
                }
                serde_json::Value::Object(object).to_string()
            }
        }
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => self.message.push_str(value),
            name => self.others.push((name, value.to_owned())),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields() -> Fields {
        let others = vec![("error", "broken\npipe".to_owned())];
        Fields { message: "STORE \"failed\"".to_owned(), others }
    }

    #[test]
    fn a_text_line_is_one_line() {
        let line =
            fields().line(LogFormat::Text, jiff::Timestamp::UNIX_EPOCH, &tracing::Level::WARN);
        let expected = "1970-01-01T00:00:00.000000Z WARN  STORE \"failed\" error=broken\\x0apipe";
        assert_eq!(line, expected);
    }

    #[test]
    fn a_json_line_is_one_object() {
        let line =
            fields().line(LogFormat::Json, jiff::Timestamp::UNIX_EPOCH, &tracing::Level::INFO);
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["message"], "STORE \"failed\"");
        assert_eq!(value["level"], "INFO");
        assert_eq!(value["error"], "broken\npipe");
        assert!(!line.contains('\n'));
    }
}
