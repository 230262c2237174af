//! The threads of a miner share a job down to its last nonce and search nothing twice.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use otedama_devices::{CpuDriver, Device, DeviceDriver, HeaderWork, Status};
use otedama_hash::{
    Algorithm, EpochKey, HashBackend, Hasher, Hits, MemoryPlan, NonceRange, PerThread, PowHash, PowInput,
    PrepareError, Prepared, ScanWork, Setup, Target,
};
use std::sync::mpsc::sync_channel;

use crate::{headers, of_headers, options, start, wait_until};

type Log = Arc<Mutex<Vec<(Vec<u8>, NonceRange)>>>;

/// Takes note of what it is asked to search and finds nothing.
#[derive(Clone, Default)]
struct Recorder(Log);

impl HashBackend for Recorder {
    fn algorithm(&self) -> Algorithm {
        Algorithm::custom("recorder", 0)
    }

    fn name(&self) -> &'static str {
        "recorder"
    }

    fn scan_len(&self, _plan: MemoryPlan) -> u64 {
        (1 << 30) + 12_345
    }

    fn prepare(&self, _key: EpochKey, setup: &Setup<'_>) -> Result<Arc<dyn Prepared>, PrepareError> {
        Ok(PerThread::shared(self.clone(), setup.memory))
    }
}

impl Hasher for Recorder {
    fn hash_batch(&mut self, _inputs: &[PowInput<'_>], _out: &mut [PowHash]) {}

    fn scan(&mut self, work: &ScanWork<'_>, nonces: NonceRange, _hits: &mut Hits) -> u64 {
        self.0.lock().unwrap().push((work.blob.to_vec(), nonces.clone()));
        nonces.end - nonces.start
    }
}

/// Nonces searched, by header; fails when one was searched twice.
fn searched(recorder: &Recorder) -> BTreeMap<Vec<u8>, u64> {
    let mut ranges = recorder.0.lock().unwrap().clone();
    ranges.sort_by(|a, b| (&a.0, a.1.start).cmp(&(&b.0, b.1.start)));
    let mut next = BTreeMap::new();
    for (blob, range) in ranges {
        let end = next.insert(blob, range.end).unwrap_or(0);
        assert_eq!(range.start, end);
    }
    next
}

#[test]
fn until_there_is_nothing_left() {
    let recorder = Recorder::default();
    let (mut miner, _solutions) = start(recorder.clone(), 4, 1);
    let work = HeaderWork {
        extranonce2_len: 0,
        version_mask: 0x0001_6000,
        ..headers(1)
    };
    miner.set_job(of_headers(1, Target::MAX, work.clone())).unwrap();
    wait_until(|| miner.counters().hashes() == 8 << 32);
    // The same headers again hold no more work; another time does.
    assert_eq!(miner.status(), Status::Exhausted);
    miner.set_job(of_headers(2, Target::MAX, work.clone())).unwrap();
    assert_eq!(miner.status(), Status::Exhausted);
    let later = HeaderWork {
        ntime: work.ntime + 1,
        ..work
    };
    miner.set_job(of_headers(3, Target::MAX, later)).unwrap();
    wait_until(|| miner.counters().hashes() == 16 << 32);
    miner.stop();
    let headers = searched(&recorder);
    assert_eq!(headers.len(), 16);
    assert!(headers.values().all(|&end| end == 1 << 32));
}

#[test]
fn through_the_driver_of_the_cpu() {
    let recorder = Recorder::default();
    let backend: Arc<dyn HashBackend> = Arc::new(recorder.clone());
    let (sender, _solutions) = sync_channel(1);
    let driver = CpuDriver::new(options(2));
    let mut devices = driver.open(&backend, &sender).unwrap();
    assert_eq!(devices.len(), 1);
    let device = &mut devices[0];
    assert_eq!(
        (driver.name(), device.name(), device.algorithm()),
        ("cpu", "cpu", backend.algorithm())
    );
    device
        .set_job(of_headers(
            1,
            Target::MAX,
            HeaderWork {
                extranonce2_len: 0,
                version_mask: 0,
                ..headers(1)
            },
        ))
        .unwrap();
    wait_until(|| device.counters().hashes() == 1 << 32);
    device.stop();
    assert_eq!(searched(&recorder).into_values().collect::<Vec<_>>(), [1 << 32]);
}
