//! The simulated clock: what happens next, in the order of `(time, seq)`.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::time::Duration;

use otedama_hash::{Monotonic, Now};

/// Unix time at which every simulation begins.
pub(crate) const START_UNIX_S: u64 = 1_800_000_000;

/// Everything that is still to happen. Events at the same time happen in the order in which they were planned.
#[derive(Debug)]
pub(crate) struct Schedule<E> {
    now: Monotonic,
    seq: u64,
    heap: BinaryHeap<Reverse<Entry<E>>>,
}

#[derive(Debug)]
struct Entry<E> {
    at: Monotonic,
    seq: u64,
    event: E,
}

impl<E> PartialEq for Entry<E> {
    fn eq(&self, other: &Self) -> bool {
        self.seq == other.seq
    }
}

impl<E> Eq for Entry<E> {}

impl<E> PartialOrd for Entry<E> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> Ord for Entry<E> {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.seq).cmp(&(other.at, other.seq))
    }
}

impl<E> Schedule<E> {
    pub(crate) fn new() -> Self {
        Self {
            now: Monotonic::ZERO,
            seq: 0,
            heap: BinaryHeap::new(),
        }
    }

    /// The moment as machines see it.
    pub(crate) fn now(&self) -> Now {
        Now {
            mono: self.now,
            unix_s: START_UNIX_S + self.now.as_nanos() / 1_000_000_000,
        }
    }

    pub(crate) fn at(&mut self, at: Monotonic, event: E) {
        self.seq += 1;
        let entry = Entry {
            at: at.max(self.now),
            seq: self.seq,
            event,
        };
        self.heap.push(Reverse(entry));
    }

    pub(crate) fn after(&mut self, delay: Duration, event: E) {
        self.at(self.now + delay, event);
    }

    /// When the next event is.
    pub(crate) fn next_at(&self) -> Option<Monotonic> {
        self.heap.peek().map(|Reverse(entry)| entry.at)
    }

    /// Moves the clock on, at most to the next event.
    pub(crate) fn advance(&mut self, to: Monotonic) {
        let most = self.next_at().unwrap_or(to);
        self.now = self.now.max(to.min(most));
    }

    /// Forgets everything that was planned.
    pub(crate) fn clear(&mut self) {
        self.heap.clear();
    }

    /// Moves the clock to the next event.
    pub(crate) fn pop(&mut self) -> Option<E> {
        let Reverse(entry) = self.heap.pop()?;
        self.now = entry.at;
        Some(entry.event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_by_time_and_then_by_planning() {
        let mut schedule = Schedule::new();
        schedule.after(Duration::from_secs(2), 'c');
        schedule.after(Duration::from_secs(1), 'a');
        schedule.after(Duration::from_secs(1), 'b');
        assert_eq!(schedule.pop(), Some('a'));
        assert_eq!(schedule.now().unix_s, START_UNIX_S + 1);
        schedule.at(Monotonic::ZERO, 'x');
        assert_eq!(
            [schedule.pop(), schedule.pop(), schedule.pop()],
            [Some('b'), Some('x'), Some('c')]
        );
        assert_eq!(schedule.pop(), None);
    }
}
