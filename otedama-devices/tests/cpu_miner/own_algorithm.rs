//! An algorithm of the embedder's own, whose blobs have the nonce where no built-in one has it.

use std::sync::Arc;

use otedama_devices::{Answer, BlobWork, Device, JobDescription, JobError, WorkDescription};
use otedama_hash::sha256d::sha256d;
use otedama_hash::{
    Algorithm, BlobLayout, EpochInput, EpochKey, HashBackend, Hasher, Hit, Hits, MemoryPlan, NonceRange,
    PerThread, PowHash, PowInput, PrepareError, Prepared, ScanWork, Setup,
};

use crate::{HANGS, job, one_in, start};

const LAYOUT: BlobLayout = BlobLayout {
    shortest: 10,
    longest: 20,
    nonce_at: Some(3),
};

#[derive(Clone)]
struct Own;

fn pow(blob: &[u8]) -> PowHash {
    PowHash {
        hash: sha256d(blob),
        mix: None,
    }
}

impl HashBackend for Own {
    fn algorithm(&self) -> Algorithm {
        Algorithm::custom("own", 0)
    }

    fn name(&self) -> &'static str {
        "own"
    }

    fn scan_len(&self, _plan: MemoryPlan) -> u64 {
        100
    }

    fn layout(&self) -> BlobLayout {
        LAYOUT
    }

    fn prepare(&self, _key: EpochKey, setup: &Setup<'_>) -> Result<Arc<dyn Prepared>, PrepareError> {
        Ok(PerThread::shared(self.clone(), setup.memory))
    }
}

impl Hasher for Own {
    fn hash_batch(&mut self, inputs: &[PowInput<'_>], out: &mut [PowHash]) {
        for (input, out) in inputs.iter().zip(out) {
            *out = pow(input.blob);
        }
    }

    fn scan(&mut self, work: &ScanWork<'_>, nonces: NonceRange, hits: &mut Hits) -> u64 {
        let mut blob = work.blob.to_vec();
        let mut done = 0;
        for nonce in nonces {
            LAYOUT.put_nonce(&mut blob, nonce);
            let pow = pow(&blob);
            done += 1;
            if work.target.is_met_by(&pow.hash) && !hits.push(Hit { nonce, pow }) {
                break;
            }
        }
        done
    }
}

fn described(len: usize) -> Arc<JobDescription> {
    Arc::new(JobDescription {
        id: 1,
        target: one_in(50),
        work: WorkDescription::Blob(BlobWork {
            blob: vec![7; len],
            nonces: 0..1 << 32,
            epoch: EpochInput::default(),
            next_seed: None,
        }),
    })
}

#[test]
fn its_nonce_is_put_where_its_backend_says() {
    let (mut miner, solutions) = start(Own, 2, 4);
    miner.set_job(described(12)).unwrap();
    for _ in 0..20 {
        let solution = solutions.recv_timeout(HANGS).unwrap();
        let Answer::Blob { nonce } = solution.answer else {
            panic!("not a blob's: {solution:?}");
        };
        let nonce = (nonce as u32).to_le_bytes();
        assert_eq!(solution.pow, pow(&[&[7; 3], &nonce[..], &[7; 5]].concat()));
    }
    assert_eq!(miner.counters().invalid, 0);
    let error = miner.set_job(described(21)).unwrap_err();
    assert!(
        matches!(error, JobError::BlobLength { longest: 20, .. }),
        "{error}"
    );
    let error = miner.set_job(job(2, one_in(50))).unwrap_err();
    assert!(matches!(error, JobError::NotOfHeaders { .. }), "{error}");
    miner.stop();
}
