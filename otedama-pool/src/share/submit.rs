//! The cheap checks, before anything is hashed.

use otedama_chain::spec::Dialect;
use otedama_chain::{EXTRANONCE_LEN, Family, Job, PowBlob, Submission, SubmitError};
use otedama_hash::Now;
use otedama_stratum::v1::{ErrorCode, Id};

use super::dedup::ShareKey;
use super::pending::Pending;
use crate::ban::Fault;
use crate::io::{Claim, Output, VerifyRequest};
use crate::jobs::Lookup;
use crate::pool::Pool;
use crate::session::request_id;

/// Seconds by which a block's time may lie ahead of ours (a consensus rule of the family).
const MAX_FUTURE_S: u64 = 7200;

/// A share as a miner says it, whatever it speaks.
#[derive(Default)]
pub(crate) struct Submitted<'a> {
    /// Under which name; without one, the session's first.
    pub(crate) worker: Option<&'a str>,
    /// The job's number, if it was one.
    pub(crate) job: Option<u32>,
    /// What was hashed, where the miner says it.
    pub(crate) header: Option<[u8; 32]>,
    /// The miner's part of the extranonce, where it has one.
    pub(crate) extranonce2: Option<&'a [u8]>,
    /// Where miners choose it.
    pub(crate) ntime: Option<u32>,
    pub(crate) nonce: u64,
    /// Where miners roll them.
    pub(crate) version_bits: Option<u32>,
    pub(crate) claim: Option<Claim>,
}

/// Why a share was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    Starting,
    NotSubscribed,
    Unauthorized,
    Stopping,
    UnknownJob,
    Extranonce2,
    Nonce,
    /// Found by chance in the part of another session.
    AnothersNonce,
    Time,
    Version,
    Duplicate,
    LowDifficulty,
    WrongProof,
    NotVerified,
    NotStored,
}

impl Refused {
    /// For the miner, in words.
    pub(crate) const fn message(self) -> &'static str {
        match self {
            Self::Starting => "the pool is starting, try again in a second",
            Self::NotSubscribed => "not subscribed",
            Self::Unauthorized => "unauthorized worker",
            Self::Stopping => "the pool is stopping",
            Self::UnknownJob => "stale share: job not found",
            Self::Extranonce2 => "extranonce2 has the wrong length",
            Self::Nonce => "nonce out of the range of this session",
            Self::AnothersNonce => "stale share: the nonce is another session's",
            Self::Time => "ntime out of range",
            Self::Version => "version bits outside the negotiated mask",
            Self::Duplicate => "duplicate share",
            Self::LowDifficulty => "low difficulty share",
            Self::WrongProof => "the proof of work is not what it is said to be",
            Self::NotVerified => "the share could not be verified; it is not credited",
            Self::NotStored => "the share could not be stored; it is not credited",
        }
    }

    /// The number that stratum v1 has for it.
    pub(crate) const fn code(self) -> ErrorCode {
        match self {
            Self::NotSubscribed => ErrorCode::NotSubscribed,
            Self::Unauthorized => ErrorCode::Unauthorized,
            Self::UnknownJob | Self::AnothersNonce => ErrorCode::Stale,
            Self::Duplicate => ErrorCode::Duplicate,
            Self::LowDifficulty => ErrorCode::LowDifficulty,
            _ => ErrorCode::Other,
        }
    }

    const fn fault(self) -> Option<Fault> {
        match self {
            Self::Starting
            | Self::Stopping
            | Self::UnknownJob
            | Self::AnothersNonce
            | Self::NotVerified
            | Self::NotStored => None,
            Self::NotSubscribed | Self::Unauthorized => Some(Fault::Unauthorized),
            Self::Extranonce2 | Self::Nonce | Self::Time | Self::Version => Some(Fault::InvalidShare),
            Self::Duplicate => Some(Fault::Duplicate),
            Self::LowDifficulty => Some(Fault::LowDifficulty),
            Self::WrongProof => Some(Fault::WrongProof),
        }
    }
}

impl Pool {
    /// Checks a share and sends it to be verified, or refuses it.
    pub(crate) fn submit(&mut self, now: Now, slot: usize, id: Id<'_>, submitted: &Submitted<'_>) {
        let (share, blob) = match self.check(now, slot, id, submitted) {
            Ok(checked) => checked,
            Err(why) => return self.refuse(now, slot, id, why),
        };
        let template = share.work.job.template();
        let request = VerifyRequest {
            ticket: self.pending.next_ticket(),
            conn: share.conn,
            algorithm: self.spec.algorithm,
            epoch: template.epoch,
            blob,
            nonce: share.nonce,
            claim: share.claim,
            target: share.target.max(template.network_target),
            network_target: template.network_target,
        };
        self.pending.insert(share);
        self.sessions[slot].in_flight += 1;
        self.out.push_back(Output::Verify(request));
    }

    fn check(
        &mut self,
        now: Now,
        slot: usize,
        id: Id<'_>,
        submitted: &Submitted<'_>,
    ) -> Result<(Pending, PowBlob), Refused> {
        let is_free_for_all = self.shares_nonces(slot);
        let session = &self.sessions[slot];
        let extranonce1 = session.extranonce1.ok_or(Refused::NotSubscribed)?;
        let worker = match submitted.worker {
            Some(name) => session.workers.iter().find(|w| &*w.user == name),
            None => session.workers.first(),
        }
        .ok_or(Refused::Unauthorized)?;
        if self.stopping {
            return Err(Refused::Stopping);
        }
        let number = submitted.job.ok_or(Refused::UnknownJob)?;
        let Lookup::Live(index) = self.jobs.find(now.mono, number) else {
            return Err(Refused::UnknownJob);
        };
        let set = self.jobs.set(index);
        let max_shares = self.config.max_shares_per_job;
        if set.seen.len() >= max_shares {
            return Err(Refused::UnknownJob);
        }
        // It never saw the job.
        let step = session.step_for(number).ok_or(Refused::UnknownJob)?;
        let work = session
            .who()
            .and_then(|who| set.sent_work(&who))
            .ok_or(Refused::UnknownJob)?;
        let job = &work.job;

        let mut extranonce = session.extranonce();
        if self.spec.dialect == Dialect::Bitcoin {
            let part2 = submitted.extranonce2.unwrap_or_default();
            if part2.len() != session.extranonce2_len() {
                return Err(Refused::Extranonce2);
            }
            let start = extranonce.len() - part2.len();
            extranonce[start..].copy_from_slice(part2);
        }

        if !submitted.nonce.to_be_bytes().starts_with(&session.prefix) {
            return Err(Refused::Nonce);
        }
        if is_free_for_all && self.prefixes.is_taken(submitted.nonce) {
            return Err(Refused::AnothersNonce);
        }

        let ntime = rolled(job.time_s(), submitted.ntime, self.config.max_ntime_roll_s, now)?;
        let mask = session.version_mask;
        let bits = submitted.version_bits.unwrap_or(job.version() & mask);
        if bits & !mask != 0 {
            return Err(Refused::Version);
        }
        let version = (job.version() & !mask) | bits;
        let target = step.target.max(set.template.network_target);
        if matches!(submitted.claim, Some(Claim::Hash(hash)) if !target.is_met_by(&hash)) {
            return Err(Refused::LowDifficulty);
        }

        let key = ShareKey {
            // Where it isn't hashed, what differs by it only is the same share.
            extranonce: if self.spec.jobs_differ() {
                extranonce
            } else {
                [0; EXTRANONCE_LEN]
            },
            ntime,
            nonce: submitted.nonce,
            version,
        };
        let submission = Submission {
            extranonce: &extranonce,
            ntime,
            nonce: submitted.nonce,
            version,
        };
        let blob = hashed(&*self.family, job, &submission)?;
        // Before it is remembered: work that isn't ours must not use up what the job takes.
        if submitted.header.is_some_and(|header| header != blob[..]) {
            return Err(Refused::UnknownJob);
        }
        let share = Pending {
            conn: session.conn,
            request: request_id(id),
            extranonce,
            extranonce1,
            ntime,
            nonce: submitted.nonce,
            version,
            claim: submitted.claim,
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
        Ok((share, blob))
    }

    /// Counts and answers a share that is not credited.
    pub(crate) fn refuse(&mut self, now: Now, slot: usize, id: Id<'_>, why: Refused) {
        self.count_refused(why);
        self.sessions[slot].rejected += 1;
        self.reply_refused(slot, id, why);
        if let Some(fault) = why.fault() {
            self.fault(now, slot, fault);
        }
    }

    pub(crate) fn count_refused(&mut self, why: Refused) {
        let counter = match why {
            Refused::UnknownJob | Refused::AnothersNonce => &mut self.stats.stale,
            Refused::Duplicate => &mut self.stats.duplicate,
            Refused::LowDifficulty => &mut self.stats.low_difficulty,
            Refused::NotSubscribed | Refused::Unauthorized => &mut self.stats.unauthorized,
            Refused::Extranonce2
            | Refused::Nonce
            | Refused::Time
            | Refused::Version
            | Refused::WrongProof => &mut self.stats.invalid,
            Refused::NotVerified | Refused::NotStored => &mut self.stats.not_stored,
            Refused::Starting | Refused::Stopping => return,
        };
        *counter += 1;
    }
}

/// The time that a miner made of its job's. A job's own is the node's business: in regression test mode its clock may be
/// anywhere.
fn rolled(time: u32, said: Option<u32>, roll_max_s: u32, now: Now) -> Result<u32, Refused> {
    let Some(said) = said else { return Ok(time) };
    let latest = u64::from(time) + u64::from(roll_max_s);
    if said < time || u64::from(said) > latest.min(now.unix_s + MAX_FUTURE_S) {
        return Err(Refused::Time);
    }
    Ok(said)
}

/// What a submission hashes.
fn hashed(family: &dyn Family, job: &Job, submission: &Submission<'_>) -> Result<PowBlob, Refused> {
    family.pow_input(job, submission).map_err(|e| match e {
        SubmitError::VersionBits { .. } => Refused::Version,
        SubmitError::TimeTooOld { .. } => Refused::Time,
        SubmitError::NonceRange(_) => Refused::Nonce,
        _ => Refused::Extranonce2,
    })
}
