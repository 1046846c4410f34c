//! What many rows say alike, in one copy for all of them.

use crate::domain::record::{Path, UpstreamId};
use std::collections::HashSet;
use std::sync::Arc;

/// One copy of each text, and of each way into a group, that many rows share.
#[derive(Default)]
pub(super) struct Texts {
    texts: HashSet<Arc<str>>,
    paths: HashSet<Path>,
}

impl Texts {
    /// The one copy of a text.
    pub(super) fn shared(&mut self, text: &str) -> Arc<str> {
        if let Some(shared) = self.texts.get(text) {
            return shared.clone();
        }
        let shared: Arc<str> = Arc::from(text);
        self.texts.insert(shared.clone());
        shared
    }

    /// The one copy of a way.
    pub(super) fn path(&mut self, path: Vec<UpstreamId>) -> Path {
        if let Some(shared) = self.paths.get(path.as_slice()) {
            return shared.clone();
        }
        let shared = Path::from(path);
        self.paths.insert(shared.clone());
        shared
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_alike_is_there_once() {
        let mut texts = Texts::default();
        let (one, other) = (texts.shared("a"), texts.shared("b"));
        assert!(Arc::ptr_eq(&one, &texts.shared("a")) && *other == *"b");
        let way = |id: &Arc<str>| vec![UpstreamId(id.clone())];
        let (short, long) = (texts.path(way(&one)), texts.path([way(&one), way(&other)].concat()));
        assert!(Arc::ptr_eq(&short, &texts.path(way(&one))) && long.len() == 2);
    }
}
