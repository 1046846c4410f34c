//! Lists whose links lie in one slab, so that any item can be taken out at once, wherever it is.

/// Items of any number of lists.
#[derive(Debug)]
pub(super) struct Slab<T> {
    nodes: Vec<Option<Node<T>>>,
    free: Vec<usize>,
}

/// One list's two ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Ends {
    first: Option<usize>,
    last: Option<usize>,
}

#[derive(Debug)]
struct Node<T> {
    before: Option<usize>,
    behind: Option<usize>,
    item: T,
}

impl Ends {
    /// Where the first item is.
    pub(super) fn first(self) -> Option<usize> {
        self.first
    }
}

impl<T> Slab<T> {
    pub(super) fn new() -> Self {
        Self { nodes: Vec::new(), free: Vec::new() }
    }

    /// How many items there are in all lists together.
    pub(super) fn len(&self) -> usize {
        self.nodes.len() - self.free.len()
    }

    pub(super) fn get(&self, at: usize) -> Option<&T> {
        self.nodes.get(at)?.as_ref().map(|node| &node.item)
    }

    pub(super) fn get_mut(&mut self, at: usize) -> Option<&mut T> {
        self.nodes.get_mut(at)?.as_mut().map(|node| &mut node.item)
    }

    /// Adds an item behind a list's last, and tells where it is.
    pub(super) fn push(&mut self, ends: &mut Ends, item: T) -> usize {
        let at = self.free.pop().unwrap_or_else(|| {
            self.nodes.push(None);
            self.nodes.len() - 1
        });
        self.nodes[at] = Some(Node { before: None, behind: None, item });
        self.link_last(ends, at);
        at
    }

    /// Takes an item out of its list, whose ends these have to be.
    pub(super) fn remove(&mut self, ends: &mut Ends, at: usize) -> Option<T> {
        self.get(at)?;
        self.unlink(ends, at);
        self.free.push(at);
        self.nodes[at].take().map(|node| node.item)
    }

    /// Moves an item behind its list's last.
    pub(super) fn move_last(&mut self, ends: &mut Ends, at: usize) {
        if self.get(at).is_some() {
            self.unlink(ends, at);
            self.link_last(ends, at);
        }
    }

    fn link_last(&mut self, ends: &mut Ends, at: usize) {
        let before = ends.last.replace(at);
        if let Some(node) = &mut self.nodes[at] {
            (node.before, node.behind) = (before, None);
        }
        self.set_behind(before, Some(at), ends);
    }

    fn unlink(&mut self, ends: &mut Ends, at: usize) {
        let Some(node) = &self.nodes[at] else { return };
        let (before, behind) = (node.before, node.behind);
        self.set_behind(before, behind, ends);
        match behind.and_then(|behind| self.nodes[behind].as_mut()) {
            Some(node) => node.before = before,
            None => ends.last = before,
        }
    }

    fn set_behind(&mut self, before: Option<usize>, behind: Option<usize>, ends: &mut Ends) {
        match before.and_then(|before| self.nodes[before].as_mut()) {
            Some(node) => node.behind = behind,
            None => ends.first = behind,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    fn listed(slab: &Slab<u32>, ends: Ends) -> Vec<u32> {
        let next = |at: &usize| slab.nodes[*at].as_ref().and_then(|node| node.behind);
        let places = std::iter::successors(ends.first, next);
        places.map(|at| *slab.get(at).expect("a link leads to an item")).collect()
    }

    proptest! {
        #[test]
        fn two_lists_in_one_slab_hold_what_two_queues_would(
            steps in proptest::collection::vec((0usize..2, 0u32..4, 0usize..20), 0..100),
        ) {
            let mut slab = Slab::new();
            let mut ends = [Ends::default(); 2];
            let mut models = [VecDeque::new(), VecDeque::new()];
            for (value, (list, action, n)) in steps.into_iter().enumerate() {
                let (ends, model) = (&mut ends[list], &mut models[list]);
                let chosen = n % model.len().max(1);
                match (action, model.get(chosen).copied()) {
                    (2, Some((at, value))) => {
                        model.remove(chosen);
                        prop_assert_eq!(slab.remove(ends, at), Some(value));
                        prop_assert_eq!(slab.get(at), None);
                    }
                    (3, Some((at, value))) => {
                        model.remove(chosen);
                        model.push_back((at, value));
                        slab.move_last(ends, at);
                    }
                    _ => model.push_back((slab.push(ends, value as u32), value as u32)),
                }
            }
            for (ends, model) in ends.into_iter().zip(&models) {
                let expected: Vec<u32> = model.iter().map(|(_, value)| *value).collect();
                prop_assert_eq!(listed(&slab, ends), expected);
            }
            prop_assert_eq!(slab.len(), models[0].len() + models[1].len());
        }
    }
}
