//! The shares that one connection has in stock.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Sender;

use otedama_hash::{HashBackend, Hit, Target};

use crate::dialect::{Work, nonces_behind};
use crate::mint::{Desk, Minted, Order, Owner, Posted, Space};

/// What all connections of a target have in common when they order shares.
pub(crate) struct Terms {
    pub(crate) desk: Desk,
    /// `None` when every share is invented.
    pub(crate) backend: Option<Arc<dyn HashBackend>>,
    pub(crate) to: Sender<Minted>,
    /// How many connections share the nonces of a header.
    pub(crate) connections: usize,
    /// Shares that one connection needs for the whole run.
    pub(crate) need: u32,
    /// Most shares that one connection has in stock.
    pub(crate) cap: u32,
    /// How long shares on a job that was replaced are still sent.
    pub(crate) grace_ns: u64,
}

/// One connection's stock.
pub(crate) struct Supply {
    owner: Owner,
    /// Shares that are still to be sent.
    left: u32,
    /// Nonces walked so far, over all jobs: a pool may announce the same header twice.
    walked: u64,
    job: Option<Arc<Posted>>,
    target: Target,
    space: Space,
    order: Option<Arc<Order>>,
    stock: VecDeque<(Arc<Order>, Hit)>,
}

impl Supply {
    /// An empty stock.
    pub(crate) fn new(owner: Owner, terms: &Terms) -> Self {
        Self {
            owner,
            left: terms.need,
            walked: 0,
            job: None,
            target: Target::MAX,
            space: Space::of(0..1, owner, 1),
            order: None,
            stock: VecDeque::new(),
        }
    }

    /// The newest job.
    pub(crate) fn work(&self) -> Option<&Work> {
        self.job.as_ref().map(|job| &job.work)
    }

    /// What a share of the newest job has to meet.
    pub(crate) const fn target(&self) -> Target {
        self.target
    }

    /// The nonces of the newest job that are this connection's.
    pub(crate) const fn space(&self) -> &Space {
        &self.space
    }

    /// A new job. `void`: the shares of older ones are worth nothing any more.
    pub(crate) fn start(
        &mut self,
        work: Work,
        target: Target,
        prefix: &[u8],
        void: bool,
        now_ns: u64,
        terms: &Terms,
    ) {
        self.end_order();
        if let Some(job) = &self.job {
            job.replace(if void { 0 } else { now_ns + terms.grace_ns });
        }
        if void {
            self.stock.clear();
        }
        let nonces = work.nonces.clone().unwrap_or_else(|| nonces_behind(prefix));
        self.space = Space::of(nonces, self.owner, terms.connections);
        self.target = target;
        self.job = Some(Posted::new(work));
        self.refill(now_ns, terms);
    }

    /// Demands more of every share, if `target` is lower than before.
    pub(crate) fn tighten(&mut self, target: Target, now_ns: u64, terms: &Terms) {
        if target >= self.target {
            return;
        }
        self.target = target;
        self.end_order();
        self.stock.retain(|(_, hit)| target.is_met_by(&hit.pow.hash));
        self.refill(now_ns, terms);
    }

    fn end_order(&mut self) {
        if let Some(order) = self.order.take() {
            order.stop();
            self.walked = order.walked.load(Ordering::Relaxed);
        }
    }

    /// Orders what is missing on the newest job, once half of it is. Shares of replaced jobs count while they stay
    /// valid for long enough to order others.
    fn refill(&mut self, now_ns: u64, terms: &Terms) {
        const LONG_ENOUGH_NS: u64 = 60_000_000_000;
        let (Some(job), Some(backend)) = (&self.job, &terms.backend) else {
            return;
        };
        let goal = self.left.min(terms.cap) as usize;
        let lasts = |order: &Order| order.job.is_valid(now_ns.saturating_add(LONG_ENOUGH_NS));
        let have = self.stock.iter().filter(|(order, _)| lasts(order)).count();
        let is_searched = self.order.as_ref().is_some_and(|order| !order.is_over());
        if is_searched || have * 2 > goal || goal == 0 {
            return;
        }
        // An order that is over says how far it came.
        self.walked = self
            .order
            .as_ref()
            .map_or(self.walked, |order| order.walked.load(Ordering::Relaxed));
        let order = Order::new(
            Arc::clone(job),
            self.target,
            Arc::clone(backend),
            self.space.clone(),
            self.walked,
            (goal - have) as u32,
            self.owner,
            terms.to.clone(),
        );
        terms.desk.place(Arc::clone(&order));
        self.order = Some(order);
    }

    /// Shares have come. Those of a void job are dropped, and those that are easier than what holds by now.
    pub(crate) fn deliver(&mut self, order: &Arc<Order>, hits: Vec<Hit>, now_ns: u64) {
        if !order.job.is_valid(now_ns) {
            return;
        }
        let is_newest = self.job.as_ref().is_some_and(|job| Arc::ptr_eq(job, &order.job));
        let target = if is_newest { self.target } else { order.target };
        let good = hits.into_iter().filter(|hit| target.is_met_by(&hit.pow.hash));
        self.stock.extend(good.map(|hit| (Arc::clone(order), hit)));
    }

    /// Whether a share can be taken.
    pub(crate) fn has_share(&mut self, now_ns: u64, terms: &Terms) -> bool {
        let before = self.stock.len();
        while self
            .stock
            .front()
            .is_some_and(|(order, _)| !order.job.is_valid(now_ns))
        {
            self.stock.pop_front();
        }
        if self.stock.len() < before {
            self.refill(now_ns, terms);
        }
        !self.stock.is_empty()
    }

    /// Whether all that was ordered has come.
    pub(crate) fn is_full(&self) -> bool {
        self.order.as_ref().is_none_or(|order| order.is_over())
    }

    /// Takes a share out.
    pub(crate) fn take(&mut self, now_ns: u64, terms: &Terms) -> Option<(Arc<Order>, Hit)> {
        if !self.has_share(now_ns, terms) {
            return None;
        }
        let share = self.stock.pop_front();
        // Never zero: the schedule is random, and a connection may have to send more than its part.
        self.left = self.left.saturating_sub(1).max(1);
        self.refill(now_ns, terms);
        share
    }

    /// The connection is gone.
    pub(crate) fn close(&mut self) {
        self.end_order();
    }
}
