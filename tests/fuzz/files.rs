//! The committed corpus: what the generator makes, and what has been found since. Replayed file by
//! file.

use super::bodies::{BODIES, body};
use super::seeds::seeds;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// The most bytes of the whole corpus.
const MAX_SIZE: usize = 300 * 1024;

/// Where the corpus of a body lies.
fn folder(body: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(body)
}

/// The corpus of a body by file name; panics if it is missing or empty.
#[track_caller]
pub(crate) fn corpus(body: &str) -> Vec<(String, Vec<u8>)> {
    let folder = folder(body);
    let listed = fs::read_dir(&folder);
    let listed = listed.unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<(String, Vec<u8>)> = listed
        .map(|file| file.expect("the folder can be read").path())
        .map(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            (name, fs::read(&path).expect("a corpus file can be read"))
        })
        .collect();
    files.sort();
    assert!(!files.is_empty(), "the corpus of {body} is empty");
    files
}

/// Shows the bytes at hand when the test panics.
pub(crate) struct Shown<'a> {
    pub(crate) what: &'a str,
    pub(crate) bytes: &'a [u8],
}

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let hex = super::support::encodings::hex(self.bytes);
            println!("{}: these bytes broke it, in hex: {hex}", self.what);
        }
    }
}

/// Every file of a body's corpus holds what the body states.
#[track_caller]
pub(crate) fn replay(name: &str) {
    let body = body(name);
    for (file, bytes) in corpus(name) {
        let shown = Shown { what: &file, bytes: &bytes };
        body(&bytes);
        drop(shown);
    }
}

/// With `BINDGATE_WRITE_CORPUS=1` the files are written instead.
#[test]
fn the_committed_corpus_holds_what_the_generator_makes() {
    let writes = env::var_os("BINDGATE_WRITE_CORPUS").is_some();
    let mut missing = Vec::new();
    for (body, seeds) in seeds() {
        for (name, bytes) in seeds {
            let file = folder(body).join(&name);
            if writes {
                fs::create_dir_all(folder(body)).expect("the corpus can be written");
                fs::write(&file, &bytes).expect("the corpus can be written");
            }
            if fs::read(&file).ok().as_ref() != Some(&bytes) {
                missing.push(format!("{body}/{name}"));
            }
        }
    }
    assert!(missing.is_empty(), "run with BINDGATE_WRITE_CORPUS=1: {missing:?}");
}

#[test]
fn every_body_has_a_target_and_a_corpus_and_the_whole_is_small() {
    let mut size = 0;
    for (name, _) in BODIES {
        size += corpus(name).iter().map(|(_, bytes)| bytes.len()).sum::<usize>();
        let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/fuzz_targets");
        let target = fs::read_to_string(target.join(format!("{name}.rs")));
        let target = target.unwrap_or_else(|error| panic!("the target {name}: {error}"));
        assert!(target.contains(&format!("body(\"{name}\")")), "{name} calls another body");
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/Cargo.toml");
        let manifest = fs::read_to_string(manifest).expect("the fuzz package has a manifest");
        assert!(manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")), "{name}");
    }
    assert!(size <= MAX_SIZE, "the corpus has {size} bytes");
    let folders = fs::read_dir(folder("")).expect("the corpus is there").count();
    assert_eq!(folders, BODIES.len(), "a folder of the corpus belongs to no body");
}
