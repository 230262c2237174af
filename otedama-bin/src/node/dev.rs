//! The embedded development chain as a node.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use otedama_chain::dev::{DevChain, DevConfig, DevConfigError, RejectReason};
use otedama_chain::node::SubmitOutcome;
use otedama_chain::node::bitcoind::BlockHeader;
use otedama_chain::{ChainSpec, Family, Template};
use otedama_hash::Hash256;
use tokio::sync::watch;

use super::{NodeError, Tip};
use crate::serve::clock::Clock;

/// Seconds from block to block that the difficulty aims at.
const BLOCK_INTERVAL_S: u32 = 4;

/// Compact target of the first blocks: about four million hashes, less than a second on one core.
const INITIAL_BITS: u32 = 0x1e03_fffc;

/// How long a long poll waits for a new block.
const LONG_POLL: Duration = Duration::from_secs(60);

/// Why the embedded chain can't be started.
pub type DevStartError = DevConfigError;

/// A chain in this process's memory. It starts afresh with every start of the program.
pub struct DevNode {
    chain: Mutex<DevChain>,
    height: watch::Sender<u64>,
    clock: Clock,
}

impl std::fmt::Debug for DevNode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DevNode").finish_non_exhaustive()
    }
}

impl DevNode {
    /// A chain with nothing but its first block.
    ///
    /// # Errors
    /// When this build lacks the chain's proof of work.
    pub fn start(spec: &'static ChainSpec, clock: Clock) -> Result<Self, DevStartError> {
        let now = u32::try_from(clock.now().unix_s).unwrap_or(u32::MAX);
        let chain = DevChain::new(DevConfig {
            spec,
            genesis_time_s: now.saturating_sub(BLOCK_INTERVAL_S),
            block_interval_s: BLOCK_INTERVAL_S,
            initial_bits: INITIAL_BITS,
            mempool: true,
        })?;
        Ok(Self {
            chain: Mutex::new(chain),
            height: watch::Sender::new(0),
            clock,
        })
    }

    fn chain(&self) -> MutexGuard<'_, DevChain> {
        self.chain.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) async fn template(
        &self,
        spec: &ChainSpec,
        family: &dyn Family,
        long_poll_id: Option<&str>,
    ) -> Result<Template, NodeError> {
        if let Some(id) = long_poll_id {
            let mut changes = self.height.subscribe();
            // The id begins with the block that the template builds on.
            if id.starts_with(&self.tip().hash.to_string()) {
                // However it ends, the newest template is the answer.
                let _ = tokio::time::timeout(LONG_POLL, changes.changed()).await;
            }
        }
        let json = self.chain().template_json(self.clock.now().unix_s);
        Ok(family.parse_template(spec, json.as_bytes())?)
    }

    pub(super) fn submit(&self, block: &[u8]) -> SubmitOutcome {
        let result = self.chain().submit(block, self.clock.now().unix_s);
        match result {
            Ok(accepted) if accepted.tip_changed => {
                self.height.send_replace(accepted.height);
                SubmitOutcome::Accepted
            }
            Ok(_) => SubmitOutcome::Inconclusive,
            Err(RejectReason::Duplicate) => SubmitOutcome::Duplicate,
            Err(reason) => SubmitOutcome::Rejected(reason.to_string()),
        }
    }

    pub(super) fn tip(&self) -> Tip {
        let (hash, height) = self.chain().tip();
        Tip { height, hash }
    }

    pub(super) fn header(&self, hash: &Hash256) -> Option<BlockHeader> {
        self.chain().header(hash)
    }
}
