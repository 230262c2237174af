//! The cheap checks, before anything is hashed.

use otedama_chain::{EXTRANONCE_LEN, Submission, SubmitError};
use otedama_hash::{EpochInput, Now};
use otedama_stratum::v1::{ErrorCode, Id, Submit};

use super::dedup::ShareKey;
use super::pending::{Pending, RequestId};
use crate::ban::Fault;
use crate::io::{Output, VerifyRequest};
use crate::jobs::Lookup;
use crate::pool::Pool;

/// Seconds by which a block's time may lie ahead of ours (a consensus rule of the family).
const MAX_FUTURE_S: u64 = 7200;

/// Why a share was refused before it was hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    NotSubscribed,
    Unauthorized,
    Stopping,
    UnknownJob,
    Extranonce2,
    Time,
    Version,
    Duplicate,
}

impl Refused {
    const fn reply(self) -> (ErrorCode, &'static str) {
        match self {
            Self::NotSubscribed => (ErrorCode::NotSubscribed, "not subscribed"),
            Self::Unauthorized => (ErrorCode::Unauthorized, "unauthorized worker"),
            Self::Stopping => (ErrorCode::Other, "the pool is stopping"),
            Self::UnknownJob => (ErrorCode::Stale, "stale share: job not found"),
            Self::Extranonce2 => (ErrorCode::Other, "extranonce2 has the wrong length"),
            Self::Time => (ErrorCode::Other, "ntime out of range"),
            Self::Version => (ErrorCode::Other, "version bits outside the negotiated mask"),
            Self::Duplicate => (ErrorCode::Duplicate, "duplicate share"),
        }
    }

    const fn fault(self) -> Option<Fault> {
        match self {
            Self::Stopping | Self::UnknownJob => None,
            Self::NotSubscribed | Self::Unauthorized => Some(Fault::Unauthorized),
            Self::Extranonce2 | Self::Time | Self::Version => Some(Fault::InvalidShare),
            Self::Duplicate => Some(Fault::Duplicate),
        }
    }
}

impl Pool {
    /// Checks a share and sends it to be verified, or refuses it.
    pub(crate) fn submit(&mut self, now: Now, slot: usize, id: Id<'_>, submit: &Submit<'_>) {
        let share = match self.check(now, slot, id, submit) {
            Ok(share) => share,
            Err(why) => return self.refuse(now, slot, id, why),
        };
        let job = &share.work.job;
        let submission = Submission {
            extranonce: &share.extranonce,
            ntime: share.ntime,
            nonce: u64::from(share.nonce),
            version: share.version,
        };
        let blob = match self.family.pow_input(job, &submission) {
            Ok(blob) => blob,
            Err(SubmitError::VersionBits { .. }) => return self.refuse(now, slot, id, Refused::Version),
            Err(SubmitError::TimeTooOld { .. }) => return self.refuse(now, slot, id, Refused::Time),
            Err(_) => return self.refuse(now, slot, id, Refused::Extranonce2),
        };
        let epoch = EpochInput {
            height: job.template().height,
            seed: None,
        };
        let nonce = u64::from(share.nonce);
        let ticket = self.pending.insert(share);
        self.sessions[slot].in_flight += 1;
        let algorithm = self.spec.algorithm;
        self.out.push_back(Output::Verify(VerifyRequest {
            ticket,
            algorithm,
            epoch,
            blob,
            nonce,
        }));
    }

    fn check(&mut self, now: Now, slot: usize, id: Id<'_>, submit: &Submit<'_>) -> Result<Pending, Refused> {
        let session = &self.sessions[slot];
        let extranonce1 = session.extranonce1.ok_or(Refused::NotSubscribed)?;
        let name = &*submit.worker;
        let worker = session
            .workers
            .iter()
            .find(|w| &*w.user == name)
            .ok_or(Refused::Unauthorized)?;
        if self.stopping {
            return Err(Refused::Stopping);
        }
        let number = u32::from_str_radix(&submit.job_id, 16).map_err(|_| Refused::UnknownJob)?;
        let Lookup::Live(index) = self.jobs.find(now.mono, number) else {
            return Err(Refused::UnknownJob);
        };
        let set = self.jobs.set(index);
        let max_shares = self.config.max_shares_per_job;
        if set.seen.len() >= max_shares {
            return Err(Refused::UnknownJob);
        }
        // A session that got its job under another difficulty than this one never saw the job.
        let step = session.step_for(number).ok_or(Refused::UnknownJob)?;
        let work = session
            .who()
            .and_then(|who| set.sent_work(&who))
            .ok_or(Refused::UnknownJob)?;
        let job = &work.job;

        let part2 = submit.extranonce2.as_slice();
        let part1 = session.extranonce1_bytes().ok_or(Refused::NotSubscribed)?;
        if part2.len() != session.extranonce2_len() {
            return Err(Refused::Extranonce2);
        }
        let mut extranonce = [0; EXTRANONCE_LEN];
        extranonce[..part1.len()].copy_from_slice(&part1);
        extranonce[part1.len()..].copy_from_slice(part2);

        let time = job.time_s();
        let latest = u64::from(time) + u64::from(self.config.max_ntime_roll_s);
        if submit.ntime < time || u64::from(submit.ntime) > latest.min(now.unix_s + MAX_FUTURE_S) {
            return Err(Refused::Time);
        }
        let mask = session.version_mask;
        let bits = submit.version_bits.unwrap_or(job.version() & mask);
        if bits & !mask != 0 {
            return Err(Refused::Version);
        }
        let version = (job.version() & !mask) | bits;

        let key = ShareKey {
            extranonce,
            ntime: submit.ntime,
            nonce: submit.nonce,
            version,
        };
        let share = Pending {
            conn: session.conn,
            request: request_id(id),
            extranonce,
            extranonce1,
            ntime: submit.ntime,
            nonce: submit.nonce,
            version,
            target: step.target,
            credit: step.credit,
            difficulty: step.difficulty.get(),
            account: worker.account.clone(),
            worker: worker.worker.clone(),
            unix_s: now.unix_s,
            work,
            verified: false,
        };
        if !set.seen.insert(key) {
            return Err(Refused::Duplicate);
        }
        if set.seen.len() == max_shares / 4 * 3 {
            self.job_full = true;
        }
        Ok(share)
    }

    fn refuse(&mut self, now: Now, slot: usize, id: Id<'_>, why: Refused) {
        match why {
            Refused::UnknownJob => self.stats.stale += 1,
            Refused::Duplicate => self.stats.duplicate += 1,
            Refused::NotSubscribed | Refused::Unauthorized => self.stats.unauthorized += 1,
            Refused::Extranonce2 | Refused::Time | Refused::Version => self.stats.invalid += 1,
            Refused::Stopping => {}
        }
        self.sessions[slot].rejected += 1;
        let (code, message) = why.reply();
        self.reply_error(slot, id, code, message);
        if let Some(fault) = why.fault() {
            self.fault(now, slot, fault);
        }
    }
}

fn request_id(id: Id<'_>) -> RequestId {
    RequestId::from_slice(id.as_str().as_bytes())
}
