//! The console in a real browser: Debian's Chromium, driven by Playwright.
//!
//! Goal: what an administrator does in a day can be done at the console; no page breaks a rule of
//! accessibility (axe), scrolls sideways on a phone, grows beyond 100 KB, asks anybody else for anything,
//! or says less without scripts. Method: `tests/console/story.mjs` plays the day, and asks this test for
//! what happens outside of the browser: people who sign on, and a directory that changes.

#![cfg(feature = "console")]

mod support;

#[path = "console/outside.rs"]
mod outside;
#[path = "directories/tree.rs"]
#[allow(dead_code, reason = "other tests use all of it")]
mod tree;
#[path = "directories/world.rs"]
#[allow(dead_code, reason = "other tests use all of it")]
mod world;

use world::Kind;

#[test]
fn an_administrator_spends_a_day_at_the_console_in_front_of_openldap() {
    outside::play("story.mjs", Kind::Slapd);
}

#[test]
fn an_administrator_spends_a_day_at_the_console_in_front_of_active_directory() {
    outside::play("story.mjs", Kind::Samba);
}
