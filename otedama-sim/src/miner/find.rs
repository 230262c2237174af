//! Shares: which header was found, and what its hash is.

use std::sync::Arc;

use otedama_hash::sha256d::sha256d;
use otedama_hash::{Hash256, Monotonic, Target, U256};
use otedama_stratum::v1::request::write_submit;
use otedama_stratum::v1::{ExtranonceBytes, Submit};

use super::{Asked, ClientJob, Miner};
use crate::oracle::{Header, Oracle};
use crate::random::Random;

/// How a share breaks the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cheat {
    LowDifficulty,
    Duplicate,
    ShortExtranonce2,
    FutureTime,
    ForeignVersionBits,
    UnknownJob,
    UnknownWorker,
}

impl Cheat {
    const ALL: [Self; 7] = [
        Self::LowDifficulty,
        Self::Duplicate,
        Self::ShortExtranonce2,
        Self::FutureTime,
        Self::ForeignVersionBits,
        Self::UnknownJob,
        Self::UnknownWorker,
    ];

    /// The error code of its reply while its job counts.
    pub(crate) const fn code(self) -> i32 {
        match self {
            Self::LowDifficulty => 23,
            Self::Duplicate => 22,
            Self::UnknownJob => 21,
            Self::UnknownWorker => 24,
            Self::ShortExtranonce2 | Self::FutureTime | Self::ForeignVersionBits => 20,
        }
    }
}

/// One found share, as it goes out.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) account: Arc<str>,
    pub(crate) worker: String,
    pub(crate) user: String,
    pub(crate) job_id: String,
    pub(crate) extranonce1: Vec<u8>,
    pub(crate) extranonce2: Vec<u8>,
    pub(crate) ntime: u32,
    pub(crate) nonce: u32,
    pub(crate) version_bits: Option<u32>,
    /// What it had to meet.
    pub(crate) target: Target,
    pub(crate) cheat: Option<Cheat>,
    pub(crate) at: Monotonic,
}

impl Miner {
    /// Finds a share of the newest job, or now and then of one before it.
    pub(crate) fn find(
        &mut self,
        now: Monotonic,
        random: &mut Random,
        oracle: &Oracle,
    ) -> Option<(Hash256, Found)> {
        let jobs = &self.session.jobs;
        let back = if random.chance(0.02) {
            random.index(jobs.len().max(1))
        } else {
            0
        };
        let job = jobs.iter().rev().nth(back)?;
        let cheat = (self.cheats && random.chance(0.5)).then(|| Cheat::ALL[random.index(Cheat::ALL.len())]);
        let counter = self.session.counter.to_be_bytes();
        let extranonce2 = counter
            .get(8_usize.checked_sub(self.session.extranonce2_len)?..)?
            .to_vec();
        let mask = self.session.version_mask;
        let bits = random.bits() as u32 & mask;
        let elapsed_s = now.since(job.at).as_secs() as u32;
        let found = Found {
            account: self.account.clone(),
            worker: self.worker.clone(),
            user: self.user.clone(),
            job_id: job.id.clone(),
            extranonce1: self.session.extranonce1.clone(),
            ntime: job.ntime + random.below(u64::from(elapsed_s.min(600)) + 1) as u32,
            nonce: random.bits() as u32,
            version_bits: (mask != 0).then_some(bits),
            target: job.target,
            extranonce2,
            cheat,
            at: now,
        };
        let header = job.header(&self.session.extranonce1, &found, mask);
        let hash = draw(job.target, cheat, random);
        self.session.counter += 1;
        oracle.register(now, header, hash);
        Some((hash, found))
    }

    /// Writes a share; the id of its request.
    pub(crate) fn submit(&mut self, out: &mut Vec<u8>, hash: Hash256, found: Found) -> u64 {
        let (mut worker, mut job_id) = (found.user.clone(), found.job_id.clone());
        let (mut ntime, mut version_bits) = (found.ntime, found.version_bits);
        let mut extranonce2 = found.extranonce2.as_slice();
        match found.cheat {
            Some(Cheat::UnknownWorker) => worker.push('x'),
            Some(Cheat::UnknownJob) => job_id = "ffffff00".into(),
            Some(Cheat::FutureTime) => ntime += 20_000,
            Some(Cheat::ForeignVersionBits) => version_bits = Some(!self.session.version_mask & 0x8000_0001),
            Some(Cheat::ShortExtranonce2) => extranonce2 = &extranonce2[1..],
            Some(Cheat::LowDifficulty | Cheat::Duplicate) | None => {}
        }
        let submit = Submit {
            worker: worker.into(),
            job_id: job_id.into(),
            extranonce2: ExtranonceBytes::from_slice(extranonce2).unwrap_or_default(),
            ntime,
            nonce: found.nonce,
            version_bits,
        };
        let id = self.session.next_id;
        self.session.next_id += 1;
        write_submit(out, id, &submit);
        self.session
            .requests
            .insert(id, Asked::Share(hash, Box::new(found)));
        id
    }
}

/// A hash that meets the target: anywhere below, and now and then just at it.
fn draw(target: Target, cheat: Option<Cheat>, random: &mut Random) -> Hash256 {
    let little = U256::from(random.bits());
    let value = match cheat {
        Some(Cheat::LowDifficulty) => target.to_u256().saturating_add(little + U256::from(1)),
        _ if random.chance(0.02) => target.to_u256().saturating_sub(little),
        _ => random.at_or_below(target),
    };
    Hash256::from_le_bytes(value.to_le_bytes())
}

impl ClientJob {
    /// The header as a miner assembles it, written from the protocol's description alone.
    fn header(&self, extranonce1: &[u8], found: &Found, mask: u32) -> Header {
        let parts = [&self.coinbase1, extranonce1, &found.extranonce2, &self.coinbase2];
        let mut root = sha256d(&parts.concat());
        for branch in &self.merkle_branch {
            root = sha256d(&[root.to_le_bytes(), branch.to_le_bytes()].concat());
        }
        let version = self.version & !mask | found.version_bits.unwrap_or(self.version & mask);
        let mut header = [0; 80];
        header[..4].copy_from_slice(&version.to_le_bytes());
        header[4..36].copy_from_slice(self.prev_hash.as_le_bytes());
        header[36..68].copy_from_slice(root.as_le_bytes());
        header[68..72].copy_from_slice(&found.ntime.to_le_bytes());
        header[72..76].copy_from_slice(&self.bits.to_le_bytes());
        header[76..].copy_from_slice(&found.nonce.to_le_bytes());
        header
    }
}
