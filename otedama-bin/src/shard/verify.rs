//! Proofs of work that the pool asked for: hashed on the shard's own thread, or left to other threads.

use std::collections::VecDeque;
use std::time::Duration;

use otedama_hash::{Hasher, PowHash, PowInput};
use otedama_pool::{ConnId, Ticket, VerifyRequest};

use crate::serve::clock::Clock;
use crate::verify::Desk;

/// Proofs hashed together: enough to fill every backend's lanes.
pub(crate) const BATCH: usize = 32;

/// Time that one turn spends on hashing.
const TURN: Duration = Duration::from_millis(4);

/// Proofs that may wait before the shard stops reading.
const HIGH_WATER: usize = 4096;

/// Who verifies.
pub enum VerifiedBy {
    /// The shard itself: a proof takes microseconds.
    Shard(Box<dyn Hasher>),
    /// Threads of their own.
    Others(Desk),
}

/// The proofs that wait.
pub(super) struct Verifier {
    by: VerifiedBy,
    /// For the shard itself.
    waiting: VecDeque<VerifyRequest>,
}

impl Verifier {
    pub(super) fn new(by: VerifiedBy) -> Self {
        Self {
            by,
            waiting: VecDeque::new(),
        }
    }

    pub(super) fn push(&mut self, request: VerifyRequest) {
        match &self.by {
            VerifiedBy::Shard(_) => self.waiting.push_back(request),
            VerifiedBy::Others(desk) => desk.push(request),
        }
    }

    /// Whether proofs wait for the shard itself.
    pub(super) fn is_busy(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Whether so many wait that no more should be read.
    pub(super) fn is_full(&self) -> bool {
        match &self.by {
            VerifiedBy::Shard(_) => self.waiting.len() >= HIGH_WATER,
            VerifiedBy::Others(desk) => desk.is_full(),
        }
    }

    /// What a banned connection left is not worth the time.
    pub(super) fn forget(&self, conn: ConnId) {
        if let VerifiedBy::Others(desk) = &self.by {
            desk.forget(conn);
        }
    }

    /// Hashes what waits, in order, until the turn is over.
    pub(super) fn run(&mut self, clock: &Clock, mut each: impl FnMut(Ticket, PowHash)) {
        let VerifiedBy::Shard(hasher) = &mut self.by else {
            return;
        };
        let start = clock.now().mono;
        while !self.waiting.is_empty() {
            let count = self.waiting.len().min(BATCH);
            let mut hashes = [PowHash::default(); BATCH];
            let batch = self.waiting.make_contiguous();
            let mut inputs = [PowInput::of(&[]); BATCH];
            for (input, request) in inputs.iter_mut().zip(&batch[..count]) {
                *input = PowInput {
                    blob: &request.blob,
                    nonce: request.nonce,
                    height: request.epoch.height,
                };
            }
            hasher.hash_batch(&inputs[..count], &mut hashes[..count]);
            for (request, hash) in self.waiting.drain(..count).zip(hashes) {
                each(request.ticket, hash);
            }
            if clock.now().mono.since(start) >= TURN {
                break;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use otedama_chain::dev::{DevChain, DevConfig};
    use otedama_hash::{Hits, NonceRange, ScanWork};
    use otedama_pool::{ConnId, ExtranonceLease, Input, Output, Payouts, Pool, PoolConfig};

    use super::*;

    /// Takes a whole turn per batch, and notes how much was asked for at once.
    struct Slow(Arc<Mutex<Vec<usize>>>);

    impl Hasher for Slow {
        fn hash_batch(&mut self, inputs: &[PowInput<'_>], _: &mut [PowHash]) {
            self.0.lock().unwrap().push(inputs.len());
            std::thread::sleep(TURN);
        }

        fn scan(&mut self, _: &ScanWork<'_>, _: NonceRange, _: &mut Hits) -> u64 {
            0
        }
    }

    /// What a pool asks for when a miner submits `count` shares.
    fn requests(count: usize) -> Vec<VerifyRequest> {
        let (spec, now) = (&otedama_chain::coins::dev::REGTEST, Clock::start().now());
        let family = otedama_chain::family(spec);
        let chain = DevChain::new(DevConfig {
            spec,
            ..DevConfig::default()
        })
        .unwrap();
        let template = family
            .parse_template(spec, chain.template_json(now.unix_s).as_bytes())
            .unwrap();
        let ntime = template.time_s;
        let payouts = Payouts::Finder {
            finder_amount: template.reward,
            others: Vec::new(),
        };
        let config = PoolConfig {
            max_inflight: 1000,
            ..PoolConfig::default()
        };
        let mut pool = Pool::new(config, spec, family, [7; 32]);
        let conn = ConnId(1);
        pool.handle(now, Input::Extranonce(ExtranonceLease { first: 0, count: 10 }));
        pool.handle(
            now,
            Input::Template {
                template: template.into(),
                payouts,
            },
        );
        pool.handle(
            now,
            Input::Opened {
                conn,
                peer: std::net::Ipv4Addr::LOCALHOST.into(),
            },
        );
        let user = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";
        let login = format!(
            "{{\"id\":1,\"method\":\"mining.subscribe\",\"params\":[]}}\n\
             {{\"id\":2,\"method\":\"mining.authorize\",\"params\":[\"{user}\",\"x\"]}}\n"
        );
        pool.handle(
            now,
            Input::Bytes {
                conn,
                bytes: login.as_bytes(),
            },
        );
        let mut job = None;
        while let Some(output) = pool.poll_output() {
            if let Output::Send { bytes, .. } = output {
                let line: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
                job = line["params"][0].as_str().map(str::to_owned).or(job);
            }
        }
        let job = job.unwrap();
        for nonce in 0..count {
            let submit = format!(
                "{{\"id\":3,\"method\":\"mining.submit\",\"params\":[\"{user}\",\"{job}\",\"0000000000000000\",\
                 \"{ntime:08x}\",\"{nonce:08x}\"]}}\n"
            );
            pool.handle(
                now,
                Input::Bytes {
                    conn,
                    bytes: submit.as_bytes(),
                },
            );
        }
        let outputs = std::iter::from_fn(|| pool.poll_output());
        outputs
            .filter_map(|output| match output {
                Output::Verify(request) => Some(request),
                _ => None,
            })
            .collect()
    }

    #[test]
    fn slow_hashes_end_the_turn_and_nothing_is_lost() {
        let sizes = Arc::default();
        let mut verifier = Verifier::new(VerifiedBy::Shard(Box::new(Slow(Arc::clone(&sizes)))));
        for request in requests(BATCH * 2 + 3) {
            verifier.push(request);
        }
        let (clock, mut turns, mut hashed) = (Clock::start(), 0, 0);
        while verifier.is_busy() {
            verifier.run(&clock, |_, _| hashed += 1);
            turns += 1;
        }
        assert_eq!((turns, hashed), (3, BATCH * 2 + 3));
        assert_eq!(*sizes.lock().unwrap(), [BATCH, BATCH, 3]);
    }
}
