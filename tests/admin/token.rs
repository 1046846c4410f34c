//! The token file: made once, private, and never half.

use bindgate::admin::{FirstToken, MetricsAccess, TokenError};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

/// A folder of this test's own that goes away with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("bindgate-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_missing_token_file_is_made_for_its_owner_alone_and_kept_at_the_next_start() {
    let folder = Folder::new("token-made");
    let path = folder.0.join("admin.token");
    let token = FirstToken::load_or_create(&path).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text.trim_end().len(), 64);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(token.matches(text.trim_end().as_bytes()));
    assert!(!token.matches(b""));
    assert!(FirstToken::load_or_create(&path).unwrap().matches(text.trim_end().as_bytes()));
    let other = folder.0.join("other.token");
    FirstToken::load_or_create(&other).unwrap();
    assert_ne!(std::fs::read_to_string(other).unwrap(), text);
}

#[test]
fn a_missing_folder_is_an_error_and_is_not_made() {
    let folder = Folder::new("token-folder");
    let path = folder.0.join("missing").join("admin.token");
    assert!(matches!(FirstToken::load_or_create(&path), Err(TokenError::NoFolder(_))));
    assert!(!folder.0.join("missing").exists());
}

#[test]
fn a_token_that_is_short_empty_or_no_single_line_is_refused_without_being_shown() {
    let folder = Folder::new("token-bad");
    let path = folder.0.join("admin.token");
    let long = "x".repeat(2000);
    for text in
        ["", "\n", "short", "with a blank in between", "first-line-0123\nsecond-line", &long]
    {
        std::fs::write(&path, text).unwrap();
        let error = FirstToken::load_or_create(&path).err().unwrap();
        assert!(matches!(error, TokenError::Unusable(_)), "{text:?}: {error}");
        let shown = error.to_string();
        assert!(!["short", "blank", "line-0123", "xxx"].iter().any(|part| shown.contains(part)));
    }
}

#[test]
fn metrics_are_open_on_loopback_only() {
    let of = |address: &str| MetricsAccess::of(address.parse().unwrap());
    assert_eq!(of("127.0.0.1:1"), MetricsAccess::Open);
    assert_eq!(of("[::1]:1"), MetricsAccess::Open);
    assert_eq!(of("0.0.0.0:1"), MetricsAccess::Token);
    assert_eq!(of("10.0.0.1:1"), MetricsAccess::Token);
}
