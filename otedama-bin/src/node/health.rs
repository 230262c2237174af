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
            self.checked(index, result, latency);
            self.rest(index, every).await;
        }
    }

    /// Waits until a node is to be looked at: after `every`, or shortly after it was found to fail, by whomever.
    async fn rest(&self, index: usize, every: Duration) {
        let mut changes = self.changes();
        let failing = async {
            while self.is_healthy(index) {
                // Never an error: the sender is part of this object.
                let _ = changes.changed().await;
            }
            tokio::time::sleep(RECHECK).await;
        };
        // Either may come first, as `every` may be the shorter time.
        let _ = tokio::time::timeout(every, failing).await;
    }

    fn is_healthy(&self, index: usize) -> bool {
        self.lock()[index].is_healthy()
    }

    /// Takes note of an answer.
    fn checked(&self, index: usize, result: Result<Tip, NodeError>, latency: Duration) {
        let now = self.clock.now().mono;
        let others = self
            .lock()
            .iter()
            .enumerate()
            .filter(|(i, _)| *i != index)
            .filter_map(|(_, s)| s.tip.filter(|_| s.problem.is_none()).map(|tip| tip.height))
            .max();
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
        });
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
        nodes.checked(0, Ok(tip(5)), FAST);
        assert!(nodes.is_healthy(0), "one block may be on its way");
        nodes.checked(1, Ok(tip(9)), FAST);
        nodes.checked(0, Ok(tip(5)), FAST);
        assert_eq!(nodes.best(), Some(1));
        nodes.checked(0, Ok(tip(9)), FAST);
        assert!(nodes.is_healthy(0));
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

    #[test]
    fn a_node_that_fails_while_it_is_left_alone_is_looked_at_soon() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let nodes = nodes(1);
        nodes.checked(0, Ok(tip(5)), FAST);
        let hour = Duration::from_secs(3600);
        runtime.block_on(async {
            let fails = async { nodes.template_failed(0, &NodeError::Timeout(FAST)) };
            let both = async { tokio::join!(nodes.rest(0, hour), fails) };
            tokio::time::timeout(hour / 60, both).await.unwrap();
        });
    }
}
