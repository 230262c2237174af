//! core-geth and other Ethereum nodes that mine: JSON-RPC calls over HTTP, their replies, and the POSTs that announce
//! work. A body that the node posts with `--miner.notify` is read by
//! [`Work::of_notification`](crate::family::ethereum::Work::of_notification).

mod reply;
mod request;

pub use reply::{Syncing, block, chain_id, submit_outcome, syncing, work};
pub use request::{BlockAt, get_block, get_chain_id, get_syncing, get_work, submit_work};
