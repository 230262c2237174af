//! What goes into a pool and what comes out of it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use otedama_chain::{JobError, PayoutOutput, PayoutPlan, PowBlob, Template};
use otedama_hash::{Algorithm, EpochInput, Hash256, HashBackend, PowHash, PowInput, Target, Work};

/// Names one connection. The driver chooses it and never uses the same one twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnId(pub u64);

/// Names one share on its way through verification and storage. It carries a generation, so an
/// answer to a share whose connection has gone is harmless.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ticket {
    pub(crate) slot: u32,
    pub(crate) generation: u32,
}

/// A block of extranonce1 values that nobody else uses, now or after a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExtranonceLease {
    /// The first value.
    pub first: u32,
    /// How many values follow one another from `first`, wrapping at 2^32.
    pub count: u32,
}

/// Whom the coinbase pays.
#[derive(Clone, Debug)]
pub enum Payouts {
    /// Everybody mines on the same outputs. One plan per size class, the one with the most outputs
    /// first; a connection gets the first whose coinbase its firmware can hold.
    Shared(Vec<Arc<PayoutPlan>>),
    /// Each miner's own address gets `finder_amount`; `others` (the fee) come after it.
    Finder {
        /// Amount for whoever finds the block, in the coin's smallest unit.
        finder_amount: u64,
        /// The remaining outputs.
        others: Vec<PayoutOutput>,
    },
}

/// Something that happened to the pool. The driver feeds these in; none of them blocks or fails.
#[derive(Debug)]
#[non_exhaustive]
pub enum Input<'a> {
    /// A connection was accepted.
    Opened {
        /// Its name from now on.
        conn: ConnId,
        /// Where it comes from.
        peer: IpAddr,
    },
    /// Bytes arrived. Any cut is fine: half a line, several lines.
    Bytes {
        /// From whom.
        conn: ConnId,
        /// What.
        bytes: &'a [u8],
    },
    /// The socket's send buffer is full; until `Writable` only replies are sent, and the newest
    /// job follows then.
    Blocked {
        /// Whose.
        conn: ConnId,
        /// Bytes that wait in the driver.
        queued: usize,
    },
    /// Everything that waited was written.
    Writable {
        /// Whose.
        conn: ConnId,
    },
    /// The connection is gone. Nothing more comes from it and nothing more goes to it.
    Closed {
        /// Whose.
        conn: ConnId,
    },
    /// Time passed.
    Tick,
    /// A block template to mine on, and whom it pays.
    Template {
        /// The template.
        template: Arc<Template>,
        /// Outputs that sum to the template's reward.
        payouts: Payouts,
    },
    /// More extranonce1 values, in answer to [`Output::NeedExtranonce`] or ahead of it.
    Extranonce(ExtranonceLease),
    /// Before the first template: shares of work at `height`, the newest, that the journal has from before a restart.
    /// They matter only where work has no name of the pool's in it, so that it may still be handed out
    /// ([`ChainSpec::jobs_differ`](otedama_chain::ChainSpec::jobs_differ)).
    Credited {
        /// Height of the block that was being mined.
        height: u64,
        /// The proofs.
        hashes: Vec<Hash256>,
    },
    /// The answer to [`Output::Verify`].
    Verified {
        /// Which share.
        ticket: Ticket,
        /// Its hash, or `None` if it could not be computed.
        pow: Option<PowHash>,
    },
    /// Every row with a sequence number up to `seq` is durable.
    Persisted {
        /// The last durable row.
        seq: u64,
    },
    /// Rows up to `seq` that are not durable never will be: their shares are answered with an error.
    PersistFailed {
        /// The last row given up.
        seq: u64,
    },
    /// What became of a block candidate.
    BlockResult {
        /// The block's hash.
        hash: Hash256,
        /// Whether a node took it, or why not.
        result: Result<(), String>,
    },
    /// An operator's command.
    Admin(Admin),
}

/// What an operator may tell a running pool.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Admin {
    /// Close one connection.
    Disconnect(ConnId),
    /// Show a message on every miner that can show one.
    ShowMessage(String),
    /// Stop: no new connections, no new shares; shares under way are still answered.
    Stop,
}

/// Something the driver has to do.
#[derive(Debug)]
#[non_exhaustive]
#[expect(
    clippy::large_enum_variant,
    reason = "the largest, a proof to verify, is also the one that comes most often"
)]
pub enum Output {
    /// Write to a connection.
    Send {
        /// To whom.
        conn: ConnId,
        /// Whole lines.
        bytes: Bytes,
    },
    /// Stop reading from a connection until [`Output::ResumeRead`].
    PauseRead {
        /// From whom.
        conn: ConnId,
    },
    /// Read again.
    ResumeRead {
        /// From whom.
        conn: ConnId,
    },
    /// Write what is queued, then close. No `Closed` needs to follow.
    Close {
        /// Whose.
        conn: ConnId,
        /// For the log.
        why: CloseReason,
    },
    /// Refuse an address for a while and close its connections.
    Ban {
        /// Whom.
        ip: IpAddr,
        /// For how long.
        duration: Duration,
        /// For the log.
        why: &'static str,
    },
    /// Compute a hash and answer with [`Input::Verified`].
    Verify(VerifyRequest),
    /// Hand a block to every node. Comes before everything else about its share.
    Candidate(Box<Candidate>),
    /// Make rows durable, then answer with [`Input::Persisted`]. Sequence numbers rise by one from
    /// row to row and from batch to batch.
    Persist(Vec<ShareRow>),
    /// Few extranonce1 values are left.
    NeedExtranonce,
    /// A template with its payouts makes no job; the previous job stays.
    TemplateRefused {
        /// The template's height.
        height: u64,
        /// Why.
        why: JobError,
    },
}

/// What a miner says of the proof of work that it submits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The hash itself.
    Hash(Hash256),
    /// The mix of an Ethash or `KawPow` proof, in the order of its bytes.
    Mix([u8; 32]),
}

/// A proof of work for the driver to compute.
#[derive(Debug)]
pub struct VerifyRequest {
    /// To be named in the answer.
    pub ticket: Ticket,
    /// Who submitted it, for a driver that gives everybody a turn.
    pub conn: ConnId,
    /// With which algorithm.
    pub algorithm: Algorithm,
    /// What decides on the cache or dataset, for algorithms that have one.
    pub epoch: EpochInput,
    /// Over which bytes.
    pub blob: PowBlob,
    /// With which nonce, where it isn't part of `blob`.
    pub nonce: u64,
    /// What the miner says of it. Where a [`Mix`](Claim::Mix) already leads to a hash above `target`, that hash is
    /// answer enough ([`HashBackend::claimed`](otedama_hash::HashBackend::claimed)).
    pub claim: Option<Claim>,
    /// Hashes above this are worth nothing.
    pub target: Target,
    /// Hashes up to this are blocks.
    pub network_target: Target,
}

impl VerifyRequest {
    /// What is to be hashed.
    pub fn input(&self) -> PowInput<'_> {
        PowInput {
            blob: &self.blob,
            nonce: self.nonce,
            height: self.epoch.height,
        }
    }

    /// The hash that the claim says or leads to, without a proof.
    pub fn claimed(&self, backend: &dyn HashBackend) -> Option<Hash256> {
        match self.claim? {
            Claim::Hash(hash) => Some(hash),
            Claim::Mix(mix) => backend.claimed(&self.input(), &mix),
        }
    }
}

/// An accepted share, as it goes into the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareRow {
    /// Position in this pool object's journal, from 1.
    pub seq: u64,
    /// Unix time at which it arrived.
    pub unix_s: u64,
    /// Address that is credited.
    pub account: Arc<str>,
    /// Worker name, empty if there is none.
    pub worker: Arc<str>,
    /// Credited work: that of the target the hash was checked against.
    pub work: Work,
    /// The proof.
    pub hash: Hash256,
    /// Height of the block that was being mined.
    pub height: u64,
    /// The session's extranonce1.
    pub extranonce1: u32,
    /// Whether it also solves a block.
    pub is_block: bool,
}

/// A block to submit.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Its hash.
    pub hash: Hash256,
    /// Its height.
    pub height: u64,
    /// The block it builds on.
    pub prev_hash: Hash256,
    /// The whole block as the node takes it.
    pub bytes: Vec<u8>,
    /// Coinbase value.
    pub reward: u64,
    /// The outputs it pays.
    pub plan: Arc<PayoutPlan>,
    /// Who found it.
    pub account: Arc<str>,
    /// With which worker.
    pub worker: Arc<str>,
    /// When.
    pub unix_s: u64,
}

/// Why the pool closed a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CloseReason {
    /// A line was longer than allowed.
    LineTooLong,
    /// No subscription or authorisation in time.
    LoginTimeout,
    /// Nothing was heard for too long.
    Idle,
    /// It doesn't read what it is sent.
    SlowReader,
    /// Its ban score was reached.
    Banned,
    /// The pool has no room.
    Full,
    /// The pool is stopping.
    Stopping,
    /// An operator closed it.
    Admin,
}

impl CloseReason {
    /// For logs and counters.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LineTooLong => "line too long",
            Self::LoginTimeout => "no login in time",
            Self::Idle => "idle",
            Self::SlowReader => "slow reader",
            Self::Banned => "banned",
            Self::Full => "pool full",
            Self::Stopping => "pool stopping",
            Self::Admin => "closed by operator",
        }
    }
}
