//! The section `[traces]`.

use super::reader::{FileKind, Reader, Section};
use super::value::Mistake;
use crate::telemetry::{CAN_TRACE, TracesConfig};

/// The longest name of a service.
const MAX_SERVICE_NAME: usize = 255;

/// Reads `[traces]`; nothing is traced without it.
pub(super) fn traces<'d>(r: &mut Reader<'d>, root: &Section<'d>) -> Option<Option<TracesConfig>> {
    let section = r.section(root, "traces");
    if !section.is_present() {
        return Some(None);
    }
    if !CAN_TRACE {
        let help = "build it with the feature `otlp`, or leave this section out";
        r.error(section.span(), "this bindgate was built without traces", help);
    }
    let endpoint = r.text(&section, "endpoint", endpoint);
    let ca =
        r.optional(&section, "ca", |r, section, key| r.file(section, key, FileKind::Certificates));
    if let (Some(endpoint), Some(Some(_)), Some(given)) = (&endpoint, &ca, section.get("ca"))
        && endpoint.get_ref().starts_with("http://")
    {
        let help = "an endpoint that begins with https://";
        r.warning(given.span(), "`ca` is not used: the receiver is not asked over TLS", help);
    }
    let sample_one_in = r.count(&section, "sample_one_in");
    let service_name = r.text(&section, "service_name", service_name);
    let names = r.flag(&section, "names");
    let max_queue = r.amount(&section, "max_queue");
    let max_batch = r.amount(&section, "max_batch");
    let interval = r.duration(&section, "interval");
    let timeout = r.duration(&section, "timeout");
    let flush_timeout = r.duration(&section, "flush_timeout");
    Some(Some(TracesConfig {
        endpoint: endpoint?.into_inner(),
        ca: ca?,
        sample_one_in: sample_one_in?,
        service_name: service_name?.into_inner(),
        names: names?,
        max_queue: max_queue?,
        max_batch: max_batch?,
        interval: interval?,
        timeout: timeout?,
        flush_timeout: flush_timeout?,
    }))
}

fn endpoint(text: &str) -> Result<String, Mistake> {
    let help = "for example \"https://collector.example.com:4318/v1/traces\"";
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let wrong = |what: &str| Err(Mistake::new(format!("\"{text}\" {what}"), help));
    let Some(rest) = rest.filter(|rest| !rest.is_empty() && !rest.contains(char::is_whitespace))
    else {
        return wrong("is no URL of a receiver of traces");
    };
    if rest.contains('@') {
        return wrong("holds a name or a password, which do not belong into this file");
    }
    match rest.split_once('/') {
        Some((host, path)) if !host.is_empty() && !path.is_empty() => Ok(text.to_owned()),
        _ => wrong("has no path, and receivers have one: /v1/traces, as a rule"),
    }
}

fn service_name(text: &str) -> Result<String, Mistake> {
    if text.is_empty() || text.chars().count() > MAX_SERVICE_NAME || text.contains(char::is_control)
    {
        let help = "1 to 255 characters, for example \"bindgate\"";
        return Err(Mistake::new("this is no name of a service", help));
    }
    Ok(text.to_owned())
}
