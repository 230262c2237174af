//! Threads of this machine as the crew that builds caches and datasets.

use core::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{Builder, scope};

use otedama_hash::Crew;

/// Runs the parts of a task on so many threads, the calling one among them.
#[derive(Clone, Copy, Debug)]
pub struct Threads(NonZeroUsize);

impl Threads {
    /// A crew of `count` threads; they live only while a task runs.
    pub const fn new(count: NonZeroUsize) -> Self {
        Self(count)
    }
}

impl Crew for Threads {
    fn size(&self) -> usize {
        self.0.get()
    }

    fn run(&self, parts: usize, work: &(dyn Fn(usize) + Sync)) {
        let next = AtomicUsize::new(0);
        let take = || {
            loop {
                let part = next.fetch_add(1, Ordering::Relaxed);
                if part >= parts {
                    break;
                }
                work(part);
            }
        };
        scope(|scope| {
            for index in 1..self.size().min(parts) {
                // Without a further thread the others do its share.
                let name = format!("prepare-{index}");
                let _ = Builder::new().name(name).spawn_scoped(scope, take);
            }
            take();
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_is_done_once() {
        for threads in [1, 2, 7] {
            let counts: Vec<_> = (0..100).map(|_| AtomicUsize::new(0)).collect();
            let crew = Threads::new(NonZeroUsize::new(threads).unwrap());
            crew.run(counts.len(), &|part| {
                counts[part].fetch_add(1, Ordering::Relaxed);
            });
            assert!(counts.iter().all(|count| count.load(Ordering::Relaxed) == 1));
        }
    }

    #[test]
    fn nothing_to_do_is_done_at_once() {
        Threads::new(NonZeroUsize::MIN).run(0, &|_| panic!("there is no part"));
    }
}
