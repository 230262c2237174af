//! What a share's hash decides, and the reply once it is stored.

use otedama_chain::Submission;
use otedama_hash::{Now, PowHash, Work as Hashes};

use super::pending::Pending;
use super::submit::Refused;
use crate::io::{Candidate, Claim, Output, ShareRow, Ticket};
use crate::pool::Pool;
use crate::session::echo;

impl Pool {
    /// A share's hash is known.
    pub(crate) fn verified(&mut self, now: Now, ticket: Ticket, pow: Option<PowHash>) {
        let Some(share) = self.pending.verify(ticket) else {
            return;
        };
        let Some(pow) = pow else {
            return self.fail(now, ticket, Refused::NotVerified);
        };
        let network_target = share.work.job.template().network_target;
        let is_block = network_target.is_met_by(&pow.hash);
        if is_block {
            let candidate = self
                .family
                .assemble(&share.work.job, &submission(share), &pow)
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
            let work = share.work.job.template().work_id();
            if let Ok(candidate) = candidate
                && self.jobs.is_new_block(candidate.hash, work)
            {
                self.stats.candidates += 1;
                self.out.push_front(Output::Candidate(candidate));
            }
        }
        // Whoever invents a result has not hashed, and would have the pool do it.
        let is_said_to_be = match share.claim {
            None => true,
            Some(Claim::Hash(hash)) => hash == pow.hash,
            Some(Claim::Mix(mix)) => pow.mix == Some(mix),
        };
        let credit = if !is_said_to_be {
            return self.worth_nothing(now, ticket, Refused::WrongProof);
        } else if self.jobs.was_credited(&pow.hash) {
            return self.worth_nothing(now, ticket, Refused::Duplicate);
        } else if share.target.is_met_by(&pow.hash) {
            share.credit
        } else if is_block {
            network_target.work()
        } else {
            return self.worth_nothing(now, ticket, Refused::LowDifficulty);
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

    fn worth_nothing(&mut self, now: Now, ticket: Ticket, why: Refused) {
        match self.take(ticket) {
            Some((slot, share)) => {
                self.refuse(now, slot, echo(&share.request), why);
                // It may have been one too many.
                if self.index.contains_key(&share.conn) {
                    self.flow(now, slot);
                }
            }
            None => self.count_refused(why),
        }
    }

    /// It is not the miner's fault.
    fn fail(&mut self, now: Now, ticket: Ticket, why: Refused) {
        self.count_refused(why);
        let Some((slot, share)) = self.take(ticket) else {
            return;
        };
        self.sessions[slot].rejected += 1;
        self.reply_refused(slot, echo(&share.request), why);
        self.flow(now, slot);
    }

    /// Every row up to `seq` is durable: now the miners may hear of it.
    pub(crate) fn persisted(&mut self, now: Now, seq: u64) {
        while let Some((ticket, credit)) = self.journal.settle(seq) {
            self.stats.accepted += 1;
            self.stats.accepted_work += credit;
            let Some((slot, share)) = self.take(ticket) else {
                continue;
            };
            let session = &mut self.sessions[slot];
            session.accepted += 1;
            session.last_share_s = share.unix_s;
            self.reply_accepted(slot, echo(&share.request));
            self.flow(now, slot);
        }
    }

    /// Rows up to `seq` were given up.
    pub(crate) fn persist_failed(&mut self, now: Now, seq: u64) {
        while let Some((ticket, _)) = self.journal.settle(seq) {
            self.fail(now, ticket, Refused::NotStored);
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
        nonce: share.nonce,
        version: share.version,
    }
}
