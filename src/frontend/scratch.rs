//! One read buffer a worker: what it holds is used before anything is waited for, so an idle
//! connection needs none of its own.

use std::cell::RefCell;

/// The most bytes of one read.
const SIZE: usize = 64 * 1024;

thread_local! {
    static BYTES: RefCell<Vec<u8>> = RefCell::new(vec![0; SIZE]);
}

/// Lends the buffer to `use_it`, which must not ask for it again.
pub(super) fn with<T>(use_it: impl FnOnce(&mut [u8]) -> T) -> T {
    BYTES.with_borrow_mut(|bytes| use_it(bytes))
}
