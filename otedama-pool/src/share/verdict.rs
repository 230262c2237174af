//! What a share's hash decides, and the reply once it is stored.

use otedama_chain::Submission;
use otedama_hash::{Now, PowHash, Work as Hashes};
use otedama_stratum::v1::{ErrorCode, Id};

use super::pending::Pending;
use crate::ban::Fault;
use crate::io::{Candidate, Output, ShareRow, Ticket};
use crate::pool::Pool;

impl Pool {
    /// A share's hash is known.
    pub(crate) fn verified(&mut self, now: Now, ticket: Ticket, pow: Option<PowHash>) {
        let Some(share) = self.pending.verify(ticket) else {
            return;
        };
        let Some(pow) = pow else {
            return self.fail(ticket, "the share could not be verified; it is not credited");
        };
        let network_target = share.work.job.template().network_target;
        let is_block = network_target.is_met_by(&pow.hash);
        if is_block {
            let candidate = self
                .family
                .assemble(&share.work.job, &submission(share))
                .map(|block| {
                    Box::new(Candidate {
                        hash: block.hash,
                        height: share.work.job.template().height,
                        prev_hash: share.work.job.prev_hash(),
                        bytes: block.bytes,
                        reward: share.work.job.template().reward,
                        plan: share.work.job.plan().clone(),
                        account: share.account.clone(),
                        worker: share.worker.clone(),
                        unix_s: share.unix_s,
                    })
                });
            // The same submission made the header that was hashed, so it also makes the block.
            if let Ok(candidate) = candidate {
                self.stats.candidates += 1;
                self.out.push_front(Output::Candidate(candidate));
            }
        }
        let credit = if share.target.is_met_by(&pow.hash) {
            share.credit
        } else if is_block {
            network_target.work()
        } else {
            return self.above_target(now, ticket);
        };
        self.accept(now, ticket, &pow, credit, is_block);
    }

    fn accept(&mut self, now: Now, ticket: Ticket, pow: &PowHash, credit: Hashes, is_block: bool) {
        let Some(share) = self.pending.get(ticket) else {
            return;
        };
        let row = ShareRow {
            seq: 0,
            unix_s: share.unix_s,
            account: share.account.clone(),
            worker: share.worker.clone(),
            work: credit,
            hash: pow.hash,
            height: share.work.job.template().height,
            extranonce1: share.extranonce1,
            is_block,
        };
        let (conn, difficulty) = (share.conn, share.difficulty);
        self.journal.append(row, ticket);
        let Some(&slot) = self.index.get(&conn) else {
            return;
        };
        let session = &mut self.sessions[slot];
        let present = session.announced.unwrap_or(session.difficulty).get();
        session.vardiff.count(now.mono, difficulty / present);
        self.scores.good_share(now.mono, session.peer);
        self.adjust(now, slot);
    }

    fn above_target(&mut self, now: Now, ticket: Ticket) {
        self.stats.low_difficulty += 1;
        let Some((slot, share)) = self.take(ticket) else {
            return;
        };
        self.sessions[slot].rejected += 1;
        self.reply_error(slot, id(&share), ErrorCode::LowDifficulty, "low difficulty share");
        self.fault(now, slot, Fault::LowDifficulty);
    }

    fn fail(&mut self, ticket: Ticket, message: &str) {
        self.stats.not_stored += 1;
        let Some((slot, share)) = self.take(ticket) else {
            return;
        };
        self.sessions[slot].rejected += 1;
        self.reply_error(slot, id(&share), ErrorCode::Other, message);
        self.flow(slot);
    }

    /// Every row up to `seq` is durable: now the miners may hear of it.
    pub(crate) fn persisted(&mut self, seq: u64) {
        while let Some((ticket, credit)) = self.journal.settle(seq) {
            self.stats.accepted += 1;
            self.stats.accepted_work += credit;
            let Some((slot, share)) = self.take(ticket) else {
                continue;
            };
            let session = &mut self.sessions[slot];
            session.accepted += 1;
            session.last_share_s = share.unix_s;
            self.reply_true(slot, id(&share));
            self.flow(slot);
        }
    }

    /// Rows up to `seq` were given up.
    pub(crate) fn persist_failed(&mut self, seq: u64) {
        while let Some((ticket, _)) = self.journal.settle(seq) {
            self.fail(ticket, "the share could not be stored; it is not credited");
        }
    }

    /// Ends a share's life. The slot of its session, unless that has gone.
    fn take(&mut self, ticket: Ticket) -> Option<(usize, Pending)> {
        let share = self.pending.remove(ticket)?;
        let slot = *self.index.get(&share.conn)?;
        let session = &mut self.sessions[slot];
        session.in_flight = session.in_flight.saturating_sub(1);
        Some((slot, share))
    }
}

fn submission(share: &Pending) -> Submission<'_> {
    Submission {
        extranonce: &share.extranonce,
        ntime: share.ntime,
        nonce: u64::from(share.nonce),
        version: share.version,
    }
}

fn id(share: &Pending) -> Id<'_> {
    Id::Raw(std::str::from_utf8(&share.request).unwrap_or("null"))
}
