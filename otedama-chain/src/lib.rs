//! Coins: templates, coinbases, jobs, blocks and node messages, without I/O.
//!
//! A coin is data ([`coins`]), a family of coins is code ([`mod@family`]). Messages to and from a node
//! are built and parsed in [`node`]; [`dev`] is a whole node of a worthless chain in memory.
#![forbid(unsafe_code)]

pub mod address;
pub mod coins;
pub mod dev;
pub mod family;
pub mod node;
pub mod payout;
pub mod spec;

pub use address::AddressError;
pub use family::bitcoin::{Job, JobError, Template, TemplateError};
pub use family::{Block, EXTRANONCE_LEN, Family, PowBlob, Submission, SubmitError, TipHeader, family};
pub use payout::{PayoutOutput, PayoutPlan};
pub use spec::{ChainSpec, Network};
