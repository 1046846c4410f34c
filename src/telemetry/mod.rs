//! Events turned into log lines and metrics.

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One line of text, in slapd's tongue.
    Text,
    /// One JSON object a line.
    Json,
}

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// Nothing.
    Off,
    /// What needs somebody's attention.
    Error,
    /// What may need it.
    Warn,
    /// Starts, stops, changes of records and switches (default).
    Info,
    /// Every connection and operation too.
    Debug,
}

/// What telemetry is configured with: the section `[log]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// How much.
    pub level: LogLevel,
    /// How.
    pub format: LogFormat,
}
