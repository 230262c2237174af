//! Shares: what was found, and what its hash is.

use std::sync::Arc;

use otedama_hash::sha256d::sha256d;
use otedama_hash::{Hash256, Monotonic, Target, U256};
use otedama_stratum::v1::dialect::ethereum::{MinerNonce, Protocol};
use otedama_stratum::v1::dialect::{cryptonote, ethereum, kawpow};
use otedama_stratum::v1::request::write_submit;
use otedama_stratum::v1::{ExtranonceBytes, Submit};

use super::cryptonote::NONCE_AT;
use super::{Asked, JobBody, Miner, Parts, Session};
use crate::coin::Speech;
use crate::oracle::Oracle;
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
    /// The nonce is one of another session.
    ForeignNonce,
    /// The proof is said to be one, and isn't.
    WrongProof,
    /// Somebody else found it.
    Borrowed,
}

impl Cheat {
    /// How one can cheat in a dialect.
    const fn all(speech: Speech) -> &'static [Self] {
        match speech {
            Speech::Bitcoin => &[
                Self::LowDifficulty,
                Self::Duplicate,
                Self::ShortExtranonce2,
                Self::FutureTime,
                Self::ForeignVersionBits,
                Self::UnknownJob,
                Self::UnknownWorker,
            ],
            Speech::CryptoNote => &[
                Self::LowDifficulty,
                Self::Duplicate,
                Self::UnknownJob,
                Self::WrongProof,
            ],
            Speech::KawPow => &[
                Self::LowDifficulty,
                Self::Duplicate,
                Self::UnknownJob,
                Self::UnknownWorker,
                Self::ForeignNonce,
                Self::WrongProof,
                Self::Borrowed,
            ],
            Speech::Ethereum(Protocol::Proxy) => &[
                Self::LowDifficulty,
                Self::Duplicate,
                Self::UnknownJob,
                Self::WrongProof,
                Self::Borrowed,
            ],
            Speech::Ethereum(_) => &[
                Self::LowDifficulty,
                Self::Duplicate,
                Self::UnknownJob,
                Self::UnknownWorker,
            ],
        }
    }

    /// The error code of its reply while its job counts.
    pub(crate) const fn code(self) -> i32 {
        match self {
            Self::LowDifficulty => 23,
            Self::Duplicate | Self::Borrowed => 22,
            Self::UnknownJob => 21,
            Self::UnknownWorker => 24,
            Self::ShortExtranonce2
            | Self::FutureTime
            | Self::ForeignVersionBits
            | Self::ForeignNonce
            | Self::WrongProof => 20,
        }
    }
}

/// What a miner says to have found.
#[derive(Clone, Debug)]
pub(crate) enum Proof {
    /// A header of its own making.
    Header {
        extranonce2: Vec<u8>,
        ntime: u32,
        nonce: u32,
        version_bits: Option<u32>,
    },
    /// A nonce for a blob, and the hash.
    Blob { nonce: u32, result: Hash256 },
    /// A nonce for a header's hash, and the mix.
    Mix {
        header: [u8; 32],
        seed: [u8; 32],
        nonce: u64,
        mix: [u8; 32],
    },
}

impl Proof {
    /// The hash, where the proof stands for itself.
    pub(crate) fn hash_of(&self, oracle: &Oracle) -> Option<Hash256> {
        match self {
            Self::Mix {
                header, seed, nonce, ..
            } => Some(oracle.hash(&oracle.name(header, *nonce, Some(*seed))).hash),
            _ => None,
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
    pub(crate) proof: Proof,
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
        let cheats = Cheat::all(self.speech);
        let cheat = if self.floods {
            Some(Cheat::WrongProof)
        } else {
            (self.cheats && random.chance(0.5)).then(|| cheats[random.index(cheats.len())])
        };
        let (what, mut proof) = match &job.body {
            JobBody::Parts(parts) => {
                let counter = self.session.counter.to_be_bytes();
                let extranonce2 = counter
                    .get(8_usize.checked_sub(self.session.extranonce2_len)?..)?
                    .to_vec();
                let mask = self.session.version_mask;
                let bits = random.bits() as u32 & mask;
                let elapsed_s = now.since(job.at).as_secs() as u32;
                let proof = Proof::Header {
                    ntime: parts.ntime + random.below(u64::from(elapsed_s.min(600)) + 1) as u32,
                    nonce: random.bits() as u32,
                    version_bits: (mask != 0).then_some(bits),
                    extranonce2,
                };
                let header = parts.header(&self.session.extranonce1, &proof, mask)?;
                (oracle.name(&header, 0, None), proof)
            }
            JobBody::Blob { blob, seed } => {
                let nonce = random.bits() as u32;
                let mut hashed = blob.clone();
                hashed[NONCE_AT].copy_from_slice(&nonce.to_le_bytes());
                let result = Hash256::ZERO;
                (
                    oracle.name(&hashed, 0, Some(*seed)),
                    Proof::Blob { nonce, result },
                )
            }
            JobBody::Header { header, seed } => {
                let (header, seed) = (*header, *seed);
                let nonce = self.session.own_nonce(random.bits(), cheat);
                let mix = [0; 32];
                let proof = Proof::Mix {
                    header,
                    seed,
                    nonce,
                    mix,
                };
                (oracle.name(&header, nonce, Some(seed)), proof)
            }
        };
        let (job_id, target) = (job.id.clone(), job.target);
        let hash = draw(target, cheat, random);
        self.session.counter += 1;
        if cheat == Some(Cheat::WrongProof) {
            // What is said leads to the hash that is said; what is true is as good as any other hash.
            let mix = random_bytes(random);
            oracle.forge(now, &what, mix, hash);
            proof.say(hash, Some(mix));
        } else {
            let pow = oracle.register(now, what, hash);
            proof.say(hash, pow.mix);
        }
        let found = Found {
            account: self.account.clone(),
            worker: self.worker.clone(),
            user: self.user.clone(),
            job_id,
            extranonce1: self.session.extranonce1.clone(),
            proof,
            target,
            cheat,
            at: now,
        };
        Some((hash, found))
    }

    /// Writes a share; the id of its request.
    pub(crate) fn submit(&mut self, out: &mut Vec<u8>, hash: Hash256, found: Found) -> u64 {
        let id = self.session.next_id;
        self.session.next_id += 1;
        match &found.proof {
            Proof::Header { .. } => self.submit_header(out, id, &found),
            Proof::Blob { nonce, result } => {
                let submit = cryptonote::Submit {
                    session: self.session.token.as_str().into(),
                    job_id: found.named_job().into(),
                    nonce: nonce.to_le_bytes(),
                    result: result.to_le_bytes(),
                    algorithm: None,
                };
                cryptonote::request::write_submit(out, id, &submit);
            }
            Proof::Mix {
                header, nonce, mix, ..
            } => self.submit_mix(out, id, &found, (header, *nonce, mix)),
        }
        self.session
            .requests
            .insert(id, Asked::Share(hash, Box::new(found)));
        id
    }

    fn submit_header(&self, out: &mut Vec<u8>, id: u64, found: &Found) {
        let Proof::Header {
            extranonce2,
            ntime,
            nonce,
            version_bits,
        } = &found.proof
        else {
            return;
        };
        let (mut ntime, mut version_bits) = (*ntime, *version_bits);
        let mut extranonce2 = extranonce2.as_slice();
        match found.cheat {
            Some(Cheat::FutureTime) => ntime += 20_000,
            Some(Cheat::ForeignVersionBits) => version_bits = Some(!self.session.version_mask & 0x8000_0001),
            Some(Cheat::ShortExtranonce2) => extranonce2 = &extranonce2[1..],
            _ => {}
        }
        let submit = Submit {
            worker: found.named_worker().into(),
            job_id: found.named_job().into(),
            extranonce2: ExtranonceBytes::from_slice(extranonce2).unwrap_or_default(),
            ntime,
            nonce: *nonce,
            version_bits,
        };
        write_submit(out, id, &submit);
    }

    fn submit_mix(
        &self,
        out: &mut Vec<u8>,
        id: u64,
        found: &Found,
        (header, nonce, mix): (&[u8; 32], u64, &[u8; 32]),
    ) {
        let Speech::Ethereum(protocol) = self.speech else {
            let submit = kawpow::Submit {
                worker: found.named_worker().into(),
                job_id: found.named_job().into(),
                nonce,
                header: *header,
                mix: *mix,
            };
            return kawpow::request::write_submit(out, id, &submit);
        };
        if protocol == Protocol::Proxy {
            let mut header = *header;
            header[0] ^= u8::from(found.cheat == Some(Cheat::UnknownJob));
            let submit = ethereum::SubmitWork {
                nonce,
                header,
                mix: *mix,
                worker: None,
            };
            return ethereum::request::write_submit_work(out, id, &submit);
        }
        let worker = match (protocol, found.cheat) {
            (Protocol::V2, Some(Cheat::UnknownWorker)) => "w-99".to_owned(),
            (Protocol::V2, _) => self.session.token.clone(),
            _ => found.named_worker(),
        };
        let Ok(nonce) = MinerNonce::behind(self.session.prefix.len(), nonce) else {
            return;
        };
        let submit = ethereum::Submit {
            worker: worker.into(),
            job_id: found.named_job().into(),
            nonce,
        };
        ethereum::request::write_submit(out, protocol, id, &submit);
    }
}

impl Session {
    /// A nonce that begins as the server wants it to. Whoever may take any keeps to a corner, so as not to meet others'.
    fn own_nonce(&self, bits: u64, cheat: Option<Cheat>) -> u64 {
        let prefix = if self.prefix.is_empty() {
            &[0xff; 3][..]
        } else {
            &self.prefix[..self.prefix.len().min(7)]
        };
        let mut bytes = bits.to_be_bytes();
        bytes[..prefix.len()].copy_from_slice(prefix);
        bytes[0] ^= u8::from(cheat == Some(Cheat::ForeignNonce));
        u64::from_be_bytes(bytes)
    }
}

impl Proof {
    /// Puts in what the miner says of its hash.
    fn say(&mut self, hash: Hash256, said: Option<[u8; 32]>) {
        match self {
            Self::Header { .. } => {}
            Self::Blob { result, .. } => *result = hash,
            Self::Mix { mix, .. } => *mix = said.unwrap_or_default(),
        }
    }
}

impl Found {
    fn named_worker(&self) -> String {
        match self.cheat {
            Some(Cheat::UnknownWorker) => format!("{}x", self.user),
            _ => self.user.clone(),
        }
    }

    fn named_job(&self) -> String {
        match self.cheat {
            Some(Cheat::UnknownJob) => "ffffff00".into(),
            _ => self.job_id.clone(),
        }
    }
}

fn random_bytes(random: &mut Random) -> [u8; 32] {
    let mut bytes = [0; 32];
    random.fill(&mut bytes);
    bytes
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

impl Parts {
    /// The header as a miner assembles it, written from the protocol's description alone.
    fn header(&self, extranonce1: &[u8], proof: &Proof, mask: u32) -> Option<[u8; 80]> {
        let Proof::Header {
            extranonce2,
            ntime,
            nonce,
            version_bits,
        } = proof
        else {
            return None;
        };
        let parts = [&self.coinbase1, extranonce1, extranonce2, &self.coinbase2];
        let mut root = sha256d(&parts.concat());
        for branch in &self.merkle_branch {
            root = sha256d(&[root.to_le_bytes(), branch.to_le_bytes()].concat());
        }
        let version = self.version & !mask | version_bits.unwrap_or(self.version & mask);
        let mut header = [0; 80];
        header[..4].copy_from_slice(&version.to_le_bytes());
        header[4..36].copy_from_slice(self.prev_hash.as_le_bytes());
        header[36..68].copy_from_slice(root.as_le_bytes());
        header[68..72].copy_from_slice(&ntime.to_le_bytes());
        header[72..76].copy_from_slice(&self.bits.to_le_bytes());
        header[76..].copy_from_slice(&nonce.to_le_bytes());
        Some(header)
    }
}
