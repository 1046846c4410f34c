//! Waking many who wait for the same thing.
//!
//! Each worker runs its tasks on one thread. Waking a task of another worker is a system call, also
//! when that worker is awake already; waking one of the own worker is none. So those who wait are
//! kept by worker, and each other worker is handed all of its own at once, to wake them itself.

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use tokio::runtime::{Handle, RuntimeFlavor};

thread_local! {
    /// Where this worker is handed those whom it is to wake.
    static HERE: RefCell<Option<Arc<Post>>> = const { RefCell::new(None) };
}

/// Those who wait for one thing.
#[derive(Default)]
pub(super) struct Sleepers {
    groups: Vec<Group>,
}

/// Where one of them is among the others.
#[derive(Clone, Copy)]
pub(super) struct Bed {
    group: usize,
    at: usize,
}

/// Those of one worker; or all who are on none.
struct Group {
    post: Option<Arc<Post>>,
    wakers: Vec<Waker>,
}

impl Sleepers {
    /// One more waits, on the worker that calls this.
    pub(super) fn add(&mut self, waker: &Waker) -> Bed {
        let group = at_post(|post| {
            let is_same = |group: &Group| is_same(group.post.as_ref(), post);
            self.groups.iter().position(is_same).unwrap_or_else(|| {
                self.groups.push(Group { post: post.cloned(), wakers: Vec::new() });
                self.groups.len() - 1
            })
        });
        let wakers = &mut self.groups[group].wakers;
        wakers.push(waker.clone());
        Bed { group, at: wakers.len() - 1 }
    }

    /// The one who lies there is to be woken by this.
    pub(super) fn renew(&mut self, bed: Bed, waker: &Waker) {
        let group = self.groups.get_mut(bed.group);
        if let Some(before) = group.and_then(|group| group.wakers.get_mut(bed.at)) {
            before.clone_from(waker);
        }
    }

    /// Wakes all.
    pub(super) fn wake(self) {
        // Also where a thread ends, and its own is gone already.
        let here = HERE.try_with(|here| here.borrow().clone()).ok().flatten();
        for Group { post, wakers } in self.groups {
            let left = match post {
                Some(post) if wakers.len() > 1 && !is_same(Some(&post), here.as_ref()) => {
                    post.hand(wakers)
                }
                _ => wakers,
            };
            left.into_iter().for_each(Waker::wake);
        }
    }
}

fn is_same(one: Option<&Arc<Post>>, other: Option<&Arc<Post>>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => Arc::ptr_eq(one, other),
        (None, None) => true,
        _ => false,
    }
}

/// One worker's.
#[derive(Default)]
struct Post {
    state: Mutex<State>,
    /// The worker has ended. Set under the lock.
    is_closed: AtomicBool,
}

#[derive(Default)]
struct State {
    handed: Vec<Waker>,
    /// The task that wakes whoever is handed in.
    watch: Option<Waker>,
}

impl Post {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
    }

    /// Has the worker wake these; gives them back if it has ended.
    fn hand(&self, mut wakers: Vec<Waker>) -> Vec<Waker> {
        let mut state = self.state();
        if self.is_closed() {
            return wakers;
        }
        state.handed.append(&mut wakers);
        let watch = state.watch.clone();
        drop(state);
        // Before it was looked at for the first time, it looks in any case.
        if let Some(watch) = watch {
            watch.wake();
        }
        wakers
    }
}

/// The worker's task that wakes whoever is handed in, until the worker ends.
struct Watch(Arc<Post>);

impl Drop for Watch {
    fn drop(&mut self) {
        let mut state = self.0.state();
        self.0.is_closed.store(true, Ordering::Release);
        let left = std::mem::take(&mut state.handed);
        drop(state);
        left.into_iter().for_each(Waker::wake);
    }
}

async fn watch(watch: Watch) {
    std::future::poll_fn(|cx| {
        let mut state = watch.0.state();
        match &mut state.watch {
            Some(waker) => waker.clone_from(cx.waker()),
            None => state.watch = Some(cx.waker().clone()),
        }
        let handed = std::mem::take(&mut state.handed);
        drop(state);
        handed.into_iter().for_each(Waker::wake);
        Poll::<()>::Pending
    })
    .await;
}

/// Looks at this worker's post; `None` where tasks go from thread to thread, or there is no runtime.
fn at_post<T>(look: impl FnOnce(Option<&Arc<Post>>) -> T) -> T {
    HERE.with_borrow_mut(|here| {
        if here.as_ref().is_none_or(|post| post.is_closed()) {
            *here = open();
        }
        look(here.as_ref())
    })
}

/// A post for the worker that calls this.
fn open() -> Option<Arc<Post>> {
    let runtime = Handle::try_current().ok()?;
    if runtime.runtime_flavor() != RuntimeFlavor::CurrentThread {
        return None;
    }
    let post = Arc::new(Post::default());
    runtime.spawn(watch(Watch(post.clone())));
    Some(post)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::Future;
    use std::pin::pin;
    use std::sync::Barrier;
    use std::sync::atomic::AtomicUsize;
    use std::task::{Context, Wake};
    use std::thread;

    /// Counts by which thread it was woken.
    #[derive(Default)]
    struct Counting {
        by_own: AtomicUsize,
        by_other: AtomicUsize,
        own: Mutex<Option<thread::ThreadId>>,
    }

    impl Wake for Counting {
        fn wake(self: Arc<Self>) {
            let own = *self.own.lock().expect("nobody panics with it");
            let count = match own == Some(thread::current().id()) {
                true => &self.by_own,
                false => &self.by_other,
            };
            count.fetch_add(1, Ordering::SeqCst);
        }
    }

    impl Counting {
        fn of_this_thread() -> Arc<Self> {
            let own = Mutex::new(Some(thread::current().id()));
            Arc::new(Self { own, ..Self::default() })
        }

        fn counted(&self) -> (usize, usize) {
            (self.by_own.load(Ordering::SeqCst), self.by_other.load(Ordering::SeqCst))
        }
    }

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("it can be built")
    }

    /// How so many who wait on a worker are woken from elsewhere.
    fn woken(count: usize) -> (usize, usize) {
        let sleepers = Arc::new(Mutex::new(Sleepers::default()));
        let (begun, done) = (Barrier::new(2), AtomicBool::new(false));
        let counted = thread::scope(|scope| {
            let worker = scope.spawn(|| {
                let counting = Counting::of_this_thread();
                let waker = Waker::from(counting.clone());
                runtime().block_on(async {
                    for _ in 0..count {
                        sleepers.lock().expect("nobody panics with it").add(&waker);
                    }
                    begun.wait();
                    while !done.load(Ordering::SeqCst) || counting.counted() == (0, 0) {
                        tokio::task::yield_now().await;
                    }
                });
                counting.counted()
            });
            begun.wait();
            std::mem::take(&mut *sleepers.lock().expect("nobody panics with it")).wake();
            done.store(true, Ordering::SeqCst);
            worker.join().expect("it does not panic")
        });
        assert_eq!(counted.0 + counted.1, count, "each is woken once");
        counted
    }

    #[test]
    fn a_worker_wakes_its_own_and_one_alone_is_woken_at_once() {
        for (count, expected) in [(1, (0, 1)), (2, (2, 0)), (64, (64, 0))] {
            assert_eq!(woken(count), expected, "{count}");
        }
    }

    #[test]
    fn those_of_a_worker_that_has_ended_are_woken_all_the_same() {
        let counting = Counting::of_this_thread();
        let waker = Waker::from(counting.clone());
        let (mut before, mut handed) = (Sleepers::default(), Sleepers::default());
        thread::scope(|scope| {
            scope.spawn(|| {
                runtime().block_on(async {
                    (0..3).for_each(|_| _ = before.add(&waker));
                    (0..3).for_each(|_| _ = handed.add(&waker));
                });
                let elsewhere = thread::scope(|scope| scope.spawn(|| before.wake()).join());
                elsewhere.expect("it does not panic");
            });
        });
        assert_eq!(counting.counted().0 + counting.counted().1, 3);
        handed.wake();
        assert_eq!(counting.counted().0 + counting.counted().1, 6);
    }

    #[test]
    fn the_next_runtime_of_a_thread_has_a_post_of_its_own() {
        for _ in 0..2 {
            runtime().block_on(async {
                at_post(|post| assert!(!post.expect("there is a runtime").is_closed()));
            });
        }
        assert!(HERE.with_borrow(|here| here.as_ref().is_some_and(|post| post.is_closed())));
    }

    #[test]
    fn without_a_worker_all_are_woken_at_once_and_by_what_they_gave_last() {
        let (first, last) = (Counting::of_this_thread(), Counting::of_this_thread());
        let mut sleepers = Sleepers::default();
        let bed = sleepers.add(&Waker::from(first.clone()));
        sleepers.renew(bed, &Waker::from(last.clone()));
        sleepers.wake();
        assert_eq!((first.counted(), last.counted()), ((0, 0), (1, 0)));
    }

    #[tokio::test]
    async fn who_is_handed_in_before_the_first_look_is_woken_by_it() {
        let counting = Counting::of_this_thread();
        let post = Arc::new(Post::default());
        let left = post.hand(vec![Waker::from(counting.clone())]);
        assert!(left.is_empty());
        let mut watch = pin!(watch(Watch(post)));
        assert!(watch.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        assert_eq!(counting.counted(), (1, 0));
    }
}
