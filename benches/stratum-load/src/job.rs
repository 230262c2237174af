//! Jobs, and the search for shares on them.

use std::collections::VecDeque;
use std::rc::Rc;

use otedama_hash::sha256d::sha256d;
use otedama_hash::{Hasher, Hits, ScanWork, Target};

use crate::wire::{Line, LineError, parse_line};

/// Everything of a `mining.notify`.
#[derive(Debug, PartialEq)]
pub(crate) struct Job {
    pub(crate) id: String,
    /// Previous block, as the header holds it.
    pub(crate) prev_hash: [u8; 32],
    pub(crate) coinbase1: Vec<u8>,
    pub(crate) coinbase2: Vec<u8>,
    pub(crate) branch: Vec<[u8; 32]>,
    pub(crate) version: u32,
    pub(crate) bits: u32,
    pub(crate) ntime: u32,
    pub(crate) clean: bool,
}

impl Job {
    /// The 80-byte header with nonce 0.
    fn header(&self, extranonce1: &[u8], extranonce2: &[u8]) -> [u8; 80] {
        let coinbase = [&self.coinbase1, extranonce1, extranonce2, &self.coinbase2].concat();
        let mut root = sha256d(&coinbase).to_le_bytes();
        let mut pair = [0; 64];
        for sibling in &self.branch {
            pair[..32].copy_from_slice(&root);
            pair[32..].copy_from_slice(sibling);
            root = sha256d(&pair).to_le_bytes();
        }
        let mut header = [0; 80];
        header[0..4].copy_from_slice(&self.version.to_le_bytes());
        header[4..36].copy_from_slice(&self.prev_hash);
        header[36..68].copy_from_slice(&root);
        header[68..72].copy_from_slice(&self.ntime.to_le_bytes());
        header[72..76].copy_from_slice(&self.bits.to_le_bytes());
        header
    }
}

/// Jobs that were read lately. Pools send most connections the same bytes, so a line that was seen
/// before is not parsed again.
#[derive(Default)]
pub(crate) struct RecentJobs {
    lines: VecDeque<(Vec<u8>, Rc<Job>)>,
}

const RECENT_JOBS: usize = 8;

/// A line, with its job shared where it is a notify.
pub(crate) enum Parsed {
    /// `mining.notify`.
    Job(Rc<Job>),
    /// Another line.
    Line(Line),
}

impl RecentJobs {
    /// Reads one line.
    pub(crate) fn parse(&mut self, line: &[u8]) -> Result<Parsed, LineError> {
        if let Some((_, job)) = self.lines.iter().find(|(seen, _)| seen == line) {
            return Ok(Parsed::Job(Rc::clone(job)));
        }
        match parse_line(line)? {
            Line::Notify(job) => {
                let job = Rc::new(*job);
                if self.lines.len() == RECENT_JOBS {
                    self.lines.pop_front();
                }
                self.lines.push_back((line.to_vec(), Rc::clone(&job)));
                Ok(Parsed::Job(job))
            }
            other => Ok(Parsed::Line(other)),
        }
    }
}

/// One connection's search on one job. The header is built when the first share is due.
#[derive(Debug)]
pub(crate) struct Search {
    job: Rc<Job>,
    quoted_job_id: String,
    target: Target,
    extranonce2: Vec<u8>,
    header: Option<Box<[u8; 80]>>,
    next_nonce: u64,
}

/// A nonce that meets the target.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) nonce: u32,
}

impl Search {
    /// A search whose shares differ from those of every other `extranonce2` of this connection.
    pub(crate) fn new(job: Rc<Job>, target: Target, extranonce2: u64, extranonce2_len: usize) -> Self {
        let quoted_job_id = crate::wire::json_string(&job.id);
        let mut bytes = vec![0; extranonce2_len];
        let counter = extranonce2.to_be_bytes();
        let used = extranonce2_len.min(8);
        bytes[extranonce2_len - used..].copy_from_slice(&counter[8 - used..]);
        Self {
            job,
            quoted_job_id,
            target,
            extranonce2: bytes,
            header: None,
            next_nonce: 0,
        }
    }

    /// The job that is searched on.
    pub(crate) fn job(&self) -> &Rc<Job> {
        &self.job
    }

    /// The job's id as a JSON string.
    pub(crate) fn quoted_job_id(&self) -> &str {
        &self.quoted_job_id
    }

    /// The extranonce2 of every share of this search.
    pub(crate) fn extranonce2(&self) -> &[u8] {
        &self.extranonce2
    }

    /// Demands more of further shares, if `target` is lower than before.
    pub(crate) fn tighten(&mut self, target: Target) {
        self.target = self.target.min(target);
    }

    /// Tries up to `budget` nonces. Adds how many it tried to `tried`; `None` means: call again.
    pub(crate) fn step(
        &mut self,
        hasher: &mut dyn Hasher,
        extranonce1: &[u8],
        budget: u64,
        tried: &mut u64,
    ) -> Option<Found> {
        if self.next_nonce > u64::from(u32::MAX) {
            // Every nonce was tried: roll the most significant byte, which the counter never reaches.
            self.extranonce2[0] = self.extranonce2[0].wrapping_add(1);
            self.header = None;
            self.next_nonce = 0;
        }
        let header = self
            .header
            .get_or_insert_with(|| Box::new(self.job.header(extranonce1, &self.extranonce2)));
        let mut hits = Hits::with_capacity(1);
        let end = (self.next_nonce + budget).min(1 << 32);
        let work = ScanWork {
            height: 0,
            blob: &header[..],
            target: self.target,
            stop: None,
        };
        *tried += hasher.scan(&work, self.next_nonce..end, &mut hits);
        let hit = hits.drain().next();
        self.next_nonce = hit.as_ref().map_or(end, |h| h.nonce + 1);
        hit.map(|h| Found {
            nonce: h.nonce as u32,
        })
    }
}

#[cfg(test)]
mod tests {
    use otedama_hash::{Algorithm, Difficulty, Hash256, Registry};

    use super::*;

    /// Bitcoin's first block as a job; `GENESIS_CUT` is cut out of its coinbase as the extranonce.
    fn genesis() -> Job {
        let coinbase = const_hex::decode(concat!(
            "01000000010000000000000000000000000000000000000000000000000000000000000000ffffffff4d04ffff001d",
            "0104455468652054696d65732030332f4a616e2f32303039204368616e63656c6c6f72206f6e206272696e6b206f66",
            "207365636f6e64206261696c6f757420666f722062616e6b73ffffffff0100f2052a01000000434104678afdb0fe55",
            "48271967f1a67130b7105cd6a828e03909a67962e0ea1f61deb649f6bc3f4cef38c4f35504e51ec112de5c384df7ba",
            "0b8d578a4c702b6bf11d5fac00000000",
        ))
        .unwrap();
        assert_eq!(coinbase[60..64], GENESIS_CUT);
        Job {
            id: "g".to_owned(),
            prev_hash: [0; 32],
            coinbase1: coinbase[..60].to_vec(),
            coinbase2: coinbase[64..].to_vec(),
            branch: Vec::new(),
            version: 1,
            bits: 0x1d00_ffff,
            ntime: 1_231_006_505,
            clean: true,
        }
    }

    const GENESIS_CUT: [u8; 4] = *b"03/J";

    #[test]
    fn the_genesis_block_is_rebuilt() {
        let mut header = genesis().header(&GENESIS_CUT[..1], &GENESIS_CUT[1..]);
        header[76..].copy_from_slice(&2_083_236_893_u32.to_le_bytes());
        assert_eq!(
            sha256d(&header).to_string(),
            "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f"
        );
    }

    #[test]
    fn every_share_meets_the_target_and_differs() {
        let registry = Registry::with_builtin();
        let mut hasher = registry
            .get(Algorithm::SHA256D)
            .unwrap()
            .verifier(<_>::default())
            .unwrap();
        let target = Difficulty::new(1e-8)
            .unwrap()
            .to_target(Algorithm::SHA256D.diff1());
        let job = Rc::new(genesis());
        let mut search = Search::new(Rc::clone(&job), target, 5, 4);
        assert_eq!(search.extranonce2(), [0, 0, 0, 5]);
        let mut tried = 0;
        let mut last = None;
        for _ in 0..20 {
            let found = loop {
                if let Some(found) = search.step(&mut *hasher, &[1, 2], 16, &mut tried) {
                    break found;
                }
            };
            assert!(last.is_none_or(|l| found.nonce > l));
            last = Some(found.nonce);
            let mut header = job.header(&[1, 2], &[0, 0, 0, 5]);
            header[76..].copy_from_slice(&found.nonce.to_le_bytes());
            assert!(target.is_met_by(&sha256d(&header)));
        }
        assert_eq!(tried, u64::from(last.unwrap()) + 1);
        assert_ne!(sha256d(&job.header(&[1, 2], &[0, 0, 0, 5])), Hash256::ZERO);
    }

    #[test]
    fn an_exhausted_nonce_space_moves_on() {
        let registry = Registry::with_builtin();
        let mut hasher = registry
            .get(Algorithm::SHA256D)
            .unwrap()
            .verifier(<_>::default())
            .unwrap();
        let mut search = Search::new(Rc::new(genesis()), Target::MAX, 1, 4);
        search.next_nonce = 1 << 32;
        let mut tried = 0;
        let found = search.step(&mut *hasher, &[], 16, &mut tried).unwrap();
        assert_eq!((found.nonce, search.extranonce2()), (0, &[1, 0, 0, 1][..]));
    }

    #[test]
    fn the_same_line_is_parsed_once() {
        let line = br#"{"id":null,"method":"mining.notify","params":["a","00000000000000000000000000000000000000000000000000000000deadbeef","01","02",[],"20000000","207fffff","60000000",true]}"#;
        let mut jobs = RecentJobs::default();
        let (Parsed::Job(a), Parsed::Job(b)) = (jobs.parse(line).unwrap(), jobs.parse(line).unwrap()) else {
            panic!("no job");
        };
        assert!(Rc::ptr_eq(&a, &b));
        assert_eq!(&a.prev_hash[28..], [0xef, 0xbe, 0xad, 0xde]);
    }
}
