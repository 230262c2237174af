//! Coins: templates, coinbases, jobs, blocks and node messages, without I/O.
//!
//! A coin is data ([`coins`]), a family of coins is code ([`mod@family`]). Messages to and from a node
//! are built and parsed in [`node`]; [`dev`] is a whole node of a worthless chain in memory.
#![forbid(unsafe_code)]

pub mod address;
pub mod coins;
pub mod dev;
pub mod family;
mod job;
pub mod node;
pub mod payout;
pub mod spec;
mod template;

pub use address::AddressError;
pub use family::{Block, EXTRANONCE_LEN, Family, PowBlob, Submission, SubmitError, TipHeader, family};
pub use job::{HeaderParts, Job, JobError};
pub use payout::{PayoutOutput, PayoutPlan};
pub use spec::{ChainSpec, Network};
pub use template::{Template, TemplateError, TemplateField};
