//! What a development chain is made from.

use crate::{ChainSpec, coins};

/// How a development chain starts and goes on.
#[derive(Clone, Copy, Debug)]
pub struct DevConfig {
    /// Which chain to be. Its difficulty has to be fixed or follow at every block.
    pub spec: &'static ChainSpec,
    /// Time of the first block, Unix seconds.
    pub genesis_time_s: u32,
    /// Seconds from block to block at which the difficulty aims.
    pub block_interval_s: u32,
    /// Compact target of the first blocks.
    pub initial_bits: u32,
    /// Whether synthetic transactions with fees wait for every block.
    pub mempool: bool,
}

impl Default for DevConfig {
    fn default() -> Self {
        Self {
            spec: &coins::dev::REGTEST,
            genesis_time_s: 1_700_000_000,
            block_interval_s: 30,
            // 2^24 hashes.
            initial_bits: 0x1e00_ffff,
            mempool: true,
        }
    }
}

/// A configuration that makes no chain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DevConfigError {
    /// The compact target is none.
    #[error("{0:#010x} is no compact target")]
    Bits(u32),
    /// The interval is zero.
    #[error("blocks can not follow one another without any time between them")]
    Interval,
    /// The chain's difficulty or its headers follow a rule that only real nodes know.
    #[error("{0} can not be run as a development chain")]
    Chain(String),
    /// The proof of work isn't part of this build.
    #[error("this build has no {0}")]
    Algorithm(&'static str),
}
