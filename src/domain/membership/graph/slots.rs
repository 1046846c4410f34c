//! Places with numbers, taken again when they are left, and whether a present phase has seen who is
//! there.

/// The places.
#[derive(Debug, Clone)]
pub(super) struct Slots<T> {
    all: Vec<Option<T>>,
    seen: Vec<bool>,
    free: Vec<u32>,
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self { all: Vec::new(), seen: Vec::new(), free: Vec::new() }
    }
}

impl<T> Slots<T> {
    /// Puts something into a free place. It counts as seen.
    pub(super) fn insert(&mut self, value: T) -> u32 {
        if let Some(at) = self.free.pop() {
            self.all[at as usize] = Some(value);
            self.seen[at as usize] = true;
            return at;
        }
        self.all.push(Some(value));
        self.seen.push(true);
        (self.all.len() - 1) as u32
    }

    /// Takes away what is there.
    pub(super) fn remove(&mut self, at: u32) -> Option<T> {
        let value = self.all.get_mut(at as usize)?.take()?;
        self.free.push(at);
        Some(value)
    }

    pub(super) fn get(&self, at: u32) -> Option<&T> {
        self.all.get(at as usize)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, at: u32) -> Option<&mut T> {
        self.all.get_mut(at as usize)?.as_mut()
    }

    /// Who is there.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.all.iter().flatten()
    }

    /// The places that are taken, with who is there.
    pub(super) fn iter_places(&self) -> impl Iterator<Item = (u32, &T)> {
        let places = self.all.iter().enumerate();
        places.filter_map(|(at, value)| Some((at as u32, value.as_ref()?)))
    }

    /// How many places are taken.
    pub(super) fn len(&self) -> usize {
        self.all.len() - self.free.len()
    }

    /// Nobody has been seen.
    pub(super) fn begin_present(&mut self) {
        self.seen.fill(false);
    }

    pub(super) fn mark(&mut self, at: u32) {
        if let Some(seen) = self.seen.get_mut(at as usize) {
            *seen = true;
        }
    }

    /// Who has not been seen.
    pub(super) fn unseen(&self) -> impl Iterator<Item = (u32, &T)> {
        let places = self.all.iter().zip(&self.seen).enumerate();
        let unseen = places.filter(|(_, (_, seen))| !**seen);
        unseen.filter_map(|(at, (value, _))| Some((at as u32, value.as_ref()?)))
    }
}
