//! A whole node of a worthless chain, in memory: it proposes templates and judges blocks with a
//! decoder and rules of its own, which share nothing with the code that builds blocks.

mod chain;
mod config;
mod decode;
mod mempool;
mod reject;
mod retarget;
mod template;
mod validate;

pub use chain::{Accepted, DevBlock, DevChain};
pub use config::{DevConfig, DevConfigError};
pub use reject::RejectReason;
