//! Runs the body `referral` on whatever the fuzzer comes up with.

#![no_main]

#[path = "../bodies/mod.rs"]
#[allow(dead_code)]
mod bodies;

libfuzzer_sys::fuzz_target!(|data: &[u8]| bodies::body("referral")(data));
