//! `[admin]` and `[admin.tls]`.

use super::{LEAST, check_line, sound};
use std::path::Path;
use std::time::Duration;

#[test]
fn administration_off_loopback_needs_tls() {
    for address in ["0.0.0.0:8389", "[::]:8389", "192.0.2.7:8389"] {
        let line = format!("listen = \"{address}\"");
        let words = ["`listen`", "[admin.tls]", "missing"];
        check_line("admin", &line, &format!("\"{address}\""), &words);
        let tls = "[admin.tls]\ncertificate = \"c.pem\"\nprivate_key = \"c.key\"\n";
        let (config, warnings) = sound(&format!("[admin]\n{line}\n{tls}{LEAST}"));
        assert!(warnings.is_empty(), "{warnings:?}");
        let tls = config.admin.tls.unwrap();
        assert_eq!(tls.certificate, Path::new("/etc/bindgate/c.pem"));
        assert_eq!(tls.reload_interval, Duration::from_secs(10));
    }
    for address in ["127.0.0.1:1", "127.0.0.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
        let (config, warnings) = sound(&format!("[admin]\nlisten = \"{address}\"\n{LEAST}"));
        assert!(warnings.is_empty(), "{warnings:?}");
        assert_eq!(config.admin.tls, None);
    }
}

#[test]
fn a_certificate_without_its_key_is_told() {
    check_line("admin.tls", "certificate = \"c\"", "[admin.tls]", &["private_key"]);
}

#[test]
fn the_url_is_one_of_a_server_and_nothing_else() {
    let url = |text: &str| sound(&format!("[admin]\nurl = \"{text}\"\n{LEAST}")).0.admin.url;
    assert_eq!(url("https://gw.example.com:8389/").as_deref(), Some("https://gw.example.com:8389"));
    assert_eq!(url("http://127.0.0.1:1").as_deref(), Some("http://127.0.0.1:1"));
    for text in ["ldap://x", "https://", "https://x/api", "https://me@x", "gw"] {
        let quoted = format!("\"{text}\"");
        check_line("admin", &format!("url = {quoted}"), &quoted, &["no URL of administration"]);
    }
}

#[test]
fn the_bounds_are_read() {
    let lines = "max_header = \"8KiB\"\nmax_token_rate = 7\nmetrics_public = true\n";
    let (config, _) = sound(&format!("[admin]\n{lines}{LEAST}"));
    assert_eq!(config.admin.limits.max_header, 8192);
    assert_eq!(config.admin.limits.max_token_rate, 7);
    assert_eq!(config.admin.limits.header_timeout, Duration::from_secs(10));
    assert_eq!(config.admin.limits.request_timeout, Duration::from_secs(30));
    assert_eq!(config.admin.limits.transfer_timeout, Duration::from_secs(3600));
    assert!(config.admin.metrics_public);
    check_line("admin", "max_header = \"1KiB\"", "\"1KiB\"", &["8KiB"]);
}
