//! Hashers that run at once and count what they did.

use std::sync::Barrier;
use std::time::{Duration, Instant};

use otedama_hash::{Algorithm, Hasher, Hits, PowHash, PowInput, ScanWork, Target, U256};
use serde::Serialize;

use super::Mode;

/// Shares verified together, as many as the pool does at most.
const BATCH: usize = crate::shard::VERIFY_BATCH;

/// Hashes per second over several runs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// The run in the middle.
    #[serde(rename = "hashes_per_second")]
    pub median: f64,
    /// The slowest run.
    pub min: f64,
    /// The fastest run.
    pub max: f64,
}

impl Spread {
    fn of(mut rates: Vec<f64>) -> Self {
        rates.sort_by(f64::total_cmp);
        let at = |index: usize| rates.get(index).copied().unwrap_or(0.0);
        Self {
            median: at(rates.len() / 2),
            min: at(0),
            max: at(rates.len().saturating_sub(1)),
        }
    }
}

/// What every thread hashes, each with nonces of its own.
pub(super) struct Job {
    blob: Vec<u8>,
    height: u64,
    mode: Mode,
    /// Hashes between two looks at the clock.
    step: u64,
    /// One more than the highest nonce.
    nonces: u64,
}

impl Job {
    pub(super) fn new(algorithm: Algorithm, height: u64, mode: Mode, step: u64) -> Self {
        let (len, nonces) = match algorithm {
            Algorithm::ETHASH | Algorithm::ETCHASH | Algorithm::KAWPOW => (32, u64::MAX),
            Algorithm::RANDOMX => (76, 1 << 32),
            _ => (80, 1 << 32),
        };
        Self {
            blob: (0..len).collect(),
            height,
            mode,
            step,
            nonces,
        }
    }
}

/// Hashes `runs` times for `time` with one thread per hasher.
pub(super) fn run(hashers: Vec<Box<dyn Hasher>>, job: &Job, runs: u32, time: Duration) -> Spread {
    let start = Barrier::new(hashers.len());
    let share = job.nonces / hashers.len().max(1) as u64;
    let rates = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..)
            .zip(hashers)
            .map(|(index, hasher)| {
                let start = &start;
                let first = index * share;
                scope.spawn(move || {
                    let mut worker = Worker::new(hasher, job, first..first + share);
                    // The first step finds cold caches.
                    worker.step();
                    let run = |_| {
                        start.wait();
                        worker.rate(time)
                    };
                    (0..runs).map(run).collect::<Vec<f64>>()
                })
            })
            .collect();
        let of_threads = threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_default());
        of_threads.fold(vec![0.0; runs as usize], |mut sums, rates| {
            sums.iter_mut().zip(rates).for_each(|(sum, rate)| *sum += rate);
            sums
        })
    });
    Spread::of(rates)
}

struct Worker<'a> {
    hasher: Box<dyn Hasher>,
    job: &'a Job,
    nonces: std::ops::Range<u64>,
    next: u64,
    blobs: Vec<Vec<u8>>,
}

impl<'a> Worker<'a> {
    fn new(hasher: Box<dyn Hasher>, job: &'a Job, nonces: std::ops::Range<u64>) -> Self {
        let blob = |index: usize| {
            let mut blob = job.blob.clone();
            // Where neither a nonce nor a version is.
            blob[8] = index as u8;
            blob
        };
        Self {
            hasher,
            job,
            next: nonces.start,
            nonces,
            blobs: (0..BATCH).map(blob).collect(),
        }
    }

    /// Hashes per second over about `time`.
    fn rate(&mut self, time: Duration) -> f64 {
        let (start, mut hashes) = (Instant::now(), 0);
        loop {
            hashes += self.step();
            let elapsed = start.elapsed();
            if elapsed >= time {
                return hashes as f64 / elapsed.as_secs_f64();
            }
        }
    }

    fn step(&mut self) -> u64 {
        match self.job.mode {
            Mode::Mine => self.scan(),
            Mode::Verify => self.verify(),
        }
    }

    fn scan(&mut self) -> u64 {
        let work = ScanWork {
            blob: &self.job.blob,
            height: self.job.height,
            target: Target::from_u256(U256::ZERO),
            stop: None,
        };
        if self.nonces.end - self.next < self.job.step {
            self.next = self.nonces.start;
        }
        let end = self.next.saturating_add(self.job.step).min(self.nonces.end);
        let done = self
            .hasher
            .scan(&work, self.next..end, &mut Hits::with_capacity(1));
        self.next += done;
        done
    }

    fn verify(&mut self) -> u64 {
        let mut out = [PowHash::default(); BATCH];
        let inputs: Vec<_> = (self.next..)
            .zip(&self.blobs)
            .map(|(nonce, blob)| PowInput {
                blob,
                nonce,
                height: self.job.height,
            })
            .collect();
        self.hasher.hash_batch(&inputs, &mut out);
        self.next = self.next.wrapping_add(BATCH as u64);
        BATCH as u64
    }
}

#[cfg(test)]
mod tests {
    use otedama_hash::{EpochKey, Registry};

    use super::*;

    #[test]
    fn the_spread_names_the_middle_run() {
        let spread = Spread::of(vec![3.0, 1.0, 2.0]);
        assert_eq!((spread.min, spread.median, spread.max), (1.0, 2.0, 3.0));
    }

    #[test]
    fn both_modes_count_hashes() {
        let registry = Registry::with_builtin();
        let backend = registry.get(Algorithm::SHA256D).unwrap();
        for mode in [Mode::Mine, Mode::Verify] {
            let hashers = vec![
                backend.verifier(EpochKey::default()).unwrap(),
                backend.verifier(EpochKey::default()).unwrap(),
            ];
            let job = Job::new(Algorithm::SHA256D, 0, mode, 64);
            let spread = run(hashers, &job, 3, Duration::from_millis(2));
            assert!(spread.min > 0.0 && spread.min <= spread.median && spread.median <= spread.max);
        }
    }
}
