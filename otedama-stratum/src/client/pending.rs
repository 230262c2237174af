use std::collections::VecDeque;

use otedama_hash::Monotonic;

/// How many submitted solutions may wait for their replies.
pub const MAX_PENDING: usize = 256;

/// Submitted solutions without a reply, oldest first.
#[derive(Debug, Default)]
pub(super) struct Pending {
    waiting: VecDeque<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    id: u64,
    tag: u64,
    sent: Monotonic,
}

impl Pending {
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn is_full(&self) -> bool {
        self.waiting.len() >= MAX_PENDING
    }

    pub(super) fn insert(&mut self, id: u64, tag: u64, sent: Monotonic) {
        self.waiting.push_back(Waiting { id, tag, sent });
    }

    pub(super) fn holds(&self, id: u64) -> bool {
        self.waiting.iter().any(|w| w.id == id)
    }

    /// Takes the solution that was sent under `id`: its tag and when it was sent.
    pub(super) fn take(&mut self, id: u64) -> Option<(u64, Monotonic)> {
        let at = self.waiting.iter().position(|w| w.id == id)?;
        self.waiting.remove(at).map(|w| (w.tag, w.sent))
    }

    pub(super) fn oldest(&self) -> Option<Monotonic> {
        self.waiting.front().map(|w| w.sent)
    }

    /// Takes all of them: their tags, oldest first.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = u64> + '_ {
        self.waiting.drain(..).map(|w| w.tag)
    }
}
