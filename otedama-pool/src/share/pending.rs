//! Shares between submission and reply, with everything that decides their fate frozen.

use std::sync::Arc;

use otedama_chain::EXTRANONCE_LEN;
use otedama_hash::{Target, Work as Hashes};
use slab::Slab;
use smallvec::SmallVec;

use crate::io::{Claim, ConnId, Ticket};
use crate::jobs::Work;

/// A request's id as it is echoed, usually a short number.
pub(crate) type RequestId = SmallVec<[u8; 16]>;

/// One share under way.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) conn: ConnId,
    pub(crate) request: RequestId,
    pub(crate) work: Arc<Work>,
    pub(crate) extranonce: [u8; EXTRANONCE_LEN],
    pub(crate) extranonce1: u32,
    pub(crate) ntime: u32,
    pub(crate) nonce: u64,
    pub(crate) version: u32,
    /// What the miner says of its proof.
    pub(crate) claim: Option<Claim>,
    /// What its hash is checked against.
    pub(crate) target: Target,
    /// What it is worth if it passes.
    pub(crate) credit: Hashes,
    /// Its difficulty over the connection's present one, for vardiff.
    pub(crate) difficulty: f64,
    pub(crate) account: Arc<str>,
    pub(crate) worker: Arc<str>,
    pub(crate) unix_s: u64,
    /// Its hash is known and has been judged.
    pub(crate) verified: bool,
}

/// All shares under way. A ticket's generation rises whenever its slot is freed.
#[derive(Debug, Default)]
pub(crate) struct PendingShares {
    slots: Slab<(u32, Pending)>,
    generation: u32,
}

impl PendingShares {
    /// The name of the share that is inserted next.
    pub(crate) fn next_ticket(&self) -> Ticket {
        Ticket {
            slot: self.slots.vacant_key() as u32,
            generation: self.generation.wrapping_add(1),
        }
    }

    pub(crate) fn insert(&mut self, share: Pending) {
        self.generation = self.generation.wrapping_add(1);
        self.slots.insert((self.generation, share));
    }

    pub(crate) fn get(&self, ticket: Ticket) -> Option<&Pending> {
        self.slots
            .get(ticket.slot as usize)
            .filter(|(g, _)| *g == ticket.generation)
            .map(|(_, s)| s)
    }

    /// The share whose hash has come, the first time that it comes.
    pub(crate) fn verify(&mut self, ticket: Ticket) -> Option<&Pending> {
        let (generation, share) = self.slots.get_mut(ticket.slot as usize)?;
        if *generation != ticket.generation || std::mem::replace(&mut share.verified, true) {
            return None;
        }
        Some(share)
    }

    pub(crate) fn remove(&mut self, ticket: Ticket) -> Option<Pending> {
        self.get(ticket)?;
        Some(self.slots.remove(ticket.slot as usize).1)
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }
}
