//! Everything that can be planned.

use otedama_hash::{Hash256, Monotonic};
use otedama_pool::verify_queue::Pending;
use otedama_pool::{ConnId, VerifyRequest};

/// Who holds the far end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Peer {
    /// The miner with this index.
    Miner(usize),
    /// The stranger with this index.
    Stranger(usize),
}

/// Something that happens at its time. Those with an `incarnation` concern one run of the pool process and mean
/// nothing to a later one.
#[derive(Debug)]
pub(crate) enum Event {
    /// A client tries to connect; void if its `attempt` has passed.
    Connect { peer: Peer, attempt: u64 },
    /// A segment reaches the server.
    Up(ConnId),
    /// A segment reaches the client.
    Down(ConnId),
    /// The server learns that the client closed.
    CloseUp(ConnId),
    /// The client learns that the server closed.
    CloseDown(ConnId),
    /// A miner finds a share; void if its `draw` has passed.
    Share { miner: usize, draw: u64 },
    /// A miner's hashrate changes.
    Step { miner: usize },
    /// A stranger does something.
    Act { stranger: usize },
    /// A proof of work was computed.
    Verified {
        incarnation: u64,
        shard: usize,
        request: Box<VerifyRequest>,
    },
    /// A worker has verified these, or nobody can.
    Batch {
        incarnation: u64,
        batch: Vec<Pending>,
        is_verified: bool,
    },
    /// An epoch is ready.
    WorkOff { incarnation: u64 },
    /// The time that a pool asked to be woken at.
    Tick {
        incarnation: u64,
        shard: usize,
        at: Monotonic,
    },
    /// Outputs that were left lying are fetched.
    Drain { incarnation: u64, shard: usize },
    /// The store's commit ends.
    Commit { incarnation: u64 },
    /// A node is asked for a template.
    AskTemplate { incarnation: u64 },
    /// A node answers.
    TemplateReply {
        incarnation: u64,
        node: usize,
        request: u64,
    },
    /// A node took too long.
    TemplateTimeout { incarnation: u64, request: u64 },
    /// A submitted block reaches a node.
    Submit {
        incarnation: u64,
        node: usize,
        hash: Hash256,
    },
    /// A node's verdict on a block reaches the pool.
    SubmitReply {
        incarnation: u64,
        node: usize,
        hash: Hash256,
        verdict: Result<(), String>,
    },
    /// A block travels from node to node.
    Relay { to: usize, hash: Hash256 },
    /// Somebody else finds a block, on the tip of this node.
    OutsideBlock { node: usize, again: bool },
    /// Something breaks.
    Fault,
    /// A node works again.
    NodeUp { node: usize },
    /// The nodes hear of each other again.
    Heal,
    /// The pool process starts again.
    Start,
    /// Faults are over.
    Calm,
    /// Miners stop.
    Rest,
    /// The end.
    End,
    /// Once a second.
    Second,
}
