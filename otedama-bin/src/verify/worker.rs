//! One thread that verifies.

use std::sync::PoisonError;
use std::time::Duration;

use otedama_devices::EpochState;
use otedama_hash::{EpochKey, Hasher, PowHash};
use otedama_pool::verify_queue::Pending;
use otedama_pool::{Claim, VerifyRequest};

use super::{Shared, State};
use crate::shard::VERIFY_BATCH;

/// How long one batch should take: a few of them lie between a share and its answer.
const BATCH_TIME: Duration = Duration::from_millis(20);

/// How often an epoch that is being built is looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// Epochs for which a thread keeps a hasher: the current one and the one before.
const HASHERS: usize = 2;

/// What to do next.
enum Task {
    /// Verify.
    Verify(EpochKey, Vec<Pending>),
    /// Nobody can verify these, and why.
    GiveUp(EpochKey, String, Vec<Pending>),
    /// End.
    End,
}

/// Verifies until the queue is closed.
pub(super) fn run(shared: &Shared) {
    crate::priority::lower(crate::priority::Work::Verifying);
    let mut hashers: Vec<(EpochKey, Box<dyn Hasher>)> = Vec::with_capacity(HASHERS);
    let mut size = 1;
    loop {
        match next(shared, size, &mut hashers) {
            Task::End => return,
            Task::GiveUp(key, why, batch) => {
                shared.broken(key, &why, false);
                shared.answer(batch.into_iter().map(|pending| (pending, None)));
            }
            Task::Verify(key, batch) => {
                let start = shared.clock.now().mono;
                let count = batch.len();
                match hasher(shared, key, &mut hashers) {
                    Some(hasher) => verify(shared, hasher, batch),
                    None => shared.answer(batch.into_iter().map(|pending| (pending, None))),
                }
                let each = shared.clock.now().mono.since(start) / count.max(1) as u32;
                size =
                    (BATCH_TIME.as_nanos() / each.as_nanos().max(1)).clamp(1, VERIFY_BATCH as u128) as usize;
            }
        }
    }
}

/// Waits for something to do. Meanwhile hashers of epochs that are over give their memory back.
fn next(shared: &Shared, size: usize, hashers: &mut Vec<(EpochKey, Box<dyn Hasher>)>) -> Task {
    let mut state = shared.lock();
    loop {
        if state.closed {
            return Task::End;
        }
        let State { queue, live, .. } = &mut *state;
        hashers.retain(|(key, _)| live.contains(key));
        let ready = |key| matches!(shared.look_up(key), EpochState::Ready(_));
        if let Some((key, batch)) = queue.take(size, ready) {
            return Task::Verify(key, batch);
        }
        let current = live.first().copied();
        let hopeless = |key| match shared.look_up(key) {
            EpochState::Ready(_) => None,
            EpochState::Failed(why) => Some(why.to_string()),
            // Only the current epoch is still being built.
            EpochState::Missing if Some(key) == current => None,
            EpochState::Missing => Some("it is over, and its cache has made room".to_owned()),
        };
        if let Some((key, batch)) = queue.take(usize::MAX, |key| hopeless(key).is_some()) {
            return Task::GiveUp(key, hopeless(key).unwrap_or_default(), batch);
        }
        state = if state.queue.is_empty() {
            shared.wake.wait(state).unwrap_or_else(PoisonError::into_inner)
        } else {
            // An epoch is being built, and nobody says when it is ready.
            shared
                .wake
                .wait_timeout(state, LOOK_AGAIN)
                .unwrap_or_else(PoisonError::into_inner)
                .0
        };
    }
}

/// This thread's hasher for an epoch that is ready.
fn hasher<'a>(
    shared: &Shared,
    key: EpochKey,
    hashers: &'a mut Vec<(EpochKey, Box<dyn Hasher>)>,
) -> Option<&'a mut dyn Hasher> {
    let known = hashers.iter().position(|(k, _)| *k == key);
    let at = if let Some(at) = known {
        at
    } else {
        let EpochState::Ready(prepared) = shared.epochs.get(key) else {
            return None;
        };
        let hasher = prepared
            .hasher()
            .map_err(|why| shared.broken(key, &why.to_string(), true))
            .ok()?;
        shared.lock().broken.retain(|broken| broken.key != key);
        if hashers.len() == HASHERS {
            hashers.remove(0);
        }
        hashers.push((key, hasher));
        hashers.len() - 1
    };
    Some(&mut *hashers[at].1)
}

fn verify(shared: &Shared, hasher: &mut dyn Hasher, batch: Vec<Pending>) {
    let mut verdicts: Vec<_> = batch
        .into_iter()
        .map(|pending| {
            let known = too_high(shared, &pending.request);
            (pending, known)
        })
        .collect();
    let open: Vec<usize> = (0..verdicts.len())
        .filter(|at| verdicts[*at].1.is_none())
        .collect();
    let inputs: Vec<_> = open.iter().map(|at| verdicts[*at].0.request.input()).collect();
    let mut hashes = vec![PowHash::default(); inputs.len()];
    hasher.hash_batch(&inputs, &mut hashes);
    drop(inputs);
    for (at, hash) in open.into_iter().zip(hashes) {
        verdicts[at].1 = Some(hash);
    }
    shared.answer(verdicts.into_iter());
}

/// The hash that a claimed mix leads to, if it is worth nothing: then the mix itself need not be computed.
fn too_high(shared: &Shared, request: &VerifyRequest) -> Option<PowHash> {
    let Some(Claim::Mix(mix)) = request.claim else {
        return None;
    };
    let hash = request.claimed(&*shared.backend)?;
    (!request.target.is_met_by(&hash)).then_some(PowHash { hash, mix: Some(mix) })
}
