//! Which nodes can be relied on.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use otedama_chain::{ChainSpec, Family};
use otedama_hash::{Hash256, Monotonic};
use tokio::sync::watch;
use tracing::{info, warn};

use super::{NodeError, NodeHandle};
use crate::serve::clock::Clock;

/// A node that gave no template isn't asked for another one for this long, if there is another node.
const COOL_DOWN: Duration = Duration::from_secs(15);

/// A failing node is looked at this often.
const RECHECK: Duration = Duration::from_secs(2);

/// A node may be one block behind the others for this long.
const BEHIND: Duration = Duration::from_secs(15);

/// The end of a node's best chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tip {
    /// Height of its last block.
    pub height: u64,
    /// That block.
    pub hash: Hash256,
}

/// What is known about one node.
#[derive(Clone, Debug, Default)]
pub struct NodeState {
    /// Its tip, when it last answered.
    pub tip: Option<Tip>,
    /// Why it can't be used, if so.
    pub problem: Option<String>,
    /// How long its last answer took.
    pub latency: Duration,
    template_failed_at: Option<Monotonic>,
    behind_since: Option<Monotonic>,
}

impl NodeState {
    fn cools_down(&self, now: Monotonic) -> bool {
        self.template_failed_at
            .is_some_and(|at| now.since(at) < COOL_DOWN)
    }

    /// Whether templates may come from it.
    pub fn is_healthy(&self) -> bool {
        self.tip.is_some() && self.problem.is_none()
    }
}

/// The nodes of one chain, the preferred one first, and how they fare.
pub struct Nodes {
    /// The coin.
    pub spec: &'static ChainSpec,
    /// Its code.
    pub family: Arc<dyn Family>,
    /// The nodes.
    pub handles: Vec<NodeHandle>,
    states: Mutex<Vec<NodeState>>,
    changes: watch::Sender<()>,
    clock: Clock,
}

impl Nodes {
    /// Nodes of which nothing is known yet.
    pub fn new(
        spec: &'static ChainSpec,
        family: Arc<dyn Family>,
        handles: Vec<NodeHandle>,
        clock: Clock,
    ) -> Self {
        let states = Mutex::new(vec![NodeState::default(); handles.len()]);
        Self {
            spec,
            family,
            handles,
            states,
            changes: watch::Sender::new(()),
            clock,
        }
    }

    /// The first node that can be relied on.
    pub fn best(&self) -> Option<usize> {
        self.lock().iter().position(NodeState::is_healthy)
    }

    /// How every node fares, in order.
    pub fn states(&self) -> Vec<NodeState> {
        self.lock().clone()
    }

    /// Wakes whenever a node's health changes.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    /// A node gave no template that can be mined on.
    pub fn template_failed(&self, index: usize, error: &NodeError) {
        let now = self.clock.now().mono;
        self.update(index, |state| {
            state.template_failed_at = Some(now);
            state.problem = Some(error.to_string());
        });
    }

    /// Looks after one node for ever.
    pub async fn watch(self: Arc<Self>, index: usize, every: Duration) {
        loop {
            let before = self.clock.now().mono;
            let result = self.handles[index].tip(self.spec).await;
            let latency = self.clock.now().mono.since(before);
            let healthy = self.checked(index, result, latency);
            tokio::time::sleep(if healthy { every } else { every.min(RECHECK) }).await;
        }
    }

    /// Takes note of an answer. Returns whether the node can be relied on.
    fn checked(&self, index: usize, result: Result<Tip, NodeError>, latency: Duration) -> bool {
        let now = self.clock.now().mono;
        let others = self
            .lock()
            .iter()
            .enumerate()
            .filter(|(i, _)| *i != index)
            .filter_map(|(_, s)| s.tip.filter(|_| s.problem.is_none()).map(|tip| tip.height))
            .max();
        let mut healthy = false;
        self.update(index, |state| {
            state.latency = latency;
            let result = result.and_then(|tip| {
                state.tip = Some(tip);
                let missing = others.unwrap_or(0).saturating_sub(tip.height);
                let since = (missing > 0).then(|| state.behind_since.unwrap_or(now));
                state.behind_since = since;
                if missing > 1 || since.is_some_and(|at| now.since(at) > BEHIND) {
                    return Err(NodeError::Behind {
                        height: tip.height,
                        best: others.unwrap_or(0),
                    });
                }
                Ok(())
            });
            match result {
                Err(error) => state.problem = Some(error.to_string()),
                Ok(()) if others.is_some() && state.cools_down(now) => {}
                Ok(()) => {
                    state.problem = None;
                    state.template_failed_at = None;
                }
            }
            healthy = state.is_healthy();
        });
        healthy
    }

    fn update(&self, index: usize, change: impl FnOnce(&mut NodeState)) {
        let (before, after) = {
            let mut states = self.lock();
            let state = &mut states[index];
            let before = (state.is_healthy(), state.problem.clone());
            change(state);
            (before, (state.is_healthy(), state.problem.clone()))
        };
        if before == after {
            return;
        }
        let node = self.handles[index].name();
        match &after.1 {
            Some(problem) if before.1.as_ref() != Some(problem) => {
                warn!(node, %problem, "node can't be used");
            }
            None if after.0 => info!(node, chain = %self.spec, "node is ready"),
            _ => {}
        }
        self.changes.send_replace(());
    }

    fn lock(&self) -> MutexGuard<'_, Vec<NodeState>> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use otedama_chain::coins;

    use super::*;

    fn nodes(count: usize) -> Nodes {
        let (spec, clock) = (&coins::dev::REGTEST, Clock::start());
        let dev = Arc::new(super::super::DevNode::start(spec, clock).unwrap());
        let handles = vec![NodeHandle::Dev(dev); count];
        Nodes::new(spec, otedama_chain::family(spec), handles, clock)
    }

    fn tip(height: u64) -> Tip {
        Tip {
            height,
            hash: Hash256::ZERO,
        }
    }

    const FAST: Duration = Duration::from_millis(1);

    #[test]
    fn the_first_healthy_node_is_taken_and_returned_to() {
        let nodes = nodes(2);
        assert_eq!(nodes.best(), None);
        nodes.checked(1, Ok(tip(5)), FAST);
        assert_eq!(nodes.best(), Some(1));
        nodes.checked(0, Ok(tip(5)), FAST);
        assert_eq!(nodes.best(), Some(0));
        nodes.checked(0, Err(NodeError::Timeout(FAST)), FAST);
        assert_eq!(nodes.best(), Some(1));
        nodes.checked(0, Ok(tip(5)), FAST);
        assert_eq!(nodes.best(), Some(0));
    }

    #[test]
    fn a_node_behind_the_others_is_left() {
        let nodes = nodes(2);
        nodes.checked(0, Ok(tip(5)), FAST);
        nodes.checked(1, Ok(tip(6)), FAST);
        assert!(nodes.checked(0, Ok(tip(5)), FAST), "one block may be on its way");
        nodes.checked(1, Ok(tip(9)), FAST);
        assert!(!nodes.checked(0, Ok(tip(5)), FAST));
        assert_eq!(nodes.best(), Some(1));
        assert!(nodes.checked(0, Ok(tip(9)), FAST));
    }

    #[test]
    fn a_node_without_templates_cools_down() {
        let nodes = nodes(2);
        nodes.checked(0, Ok(tip(5)), FAST);
        nodes.checked(1, Ok(tip(5)), FAST);
        nodes.template_failed(0, &NodeError::Timeout(FAST));
        nodes.checked(0, Ok(tip(5)), FAST);
        assert_eq!(
            nodes.best(),
            Some(1),
            "an answered health check doesn't bring it back at once"
        );
    }
}
