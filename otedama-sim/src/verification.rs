//! The workers that verify proofs which take long: the program's queue, with virtual time per hash.

use std::time::Duration;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use otedama_chain::Template;
use otedama_chain::spec::FamilyRules;
use otedama_hash::ethash::backends_of;
use otedama_hash::{Algorithm, EpochInput, EpochKey, Monotonic, PowHash, Registry};
use otedama_pool::verify_queue::{Pending, Queue};
use otedama_pool::{Claim, ConnId, Input, Ticket, VerifyRequest};

use crate::coin::{Coin, SlowProof};
use crate::config::Sabotage;
use crate::event::Event;
use crate::oracle::Oracle;
use crate::world::World;

/// Workers of a chain.
const WORKERS: usize = 2;
/// Proofs that may wait before nothing more is read: few, so that floods reach it.
pub(crate) const HIGH_WATER: usize = 64;
/// Proofs that may come on top: those of the last write that was read, and of pools whose outputs lie about.
const LATE: usize = 64;
/// How long one batch should take.
const BATCH_TIME: Duration = Duration::from_millis(20);
/// Proofs in one batch.
const BATCH: usize = 32;
/// What a proof costs whose claim shows that it is worth nothing.
const CLAIM_COST: Duration = Duration::from_micros(2);
/// How long one proof of an honest miner may wait once its epoch is ready.
const WAIT_MAX: Duration = Duration::from_secs(3);

/// The workers, and what waits for them.
#[derive(Debug)]
pub(crate) struct Verification {
    slow: SlowProof,
    queue: Queue,
    /// Epochs of work that may still come in, the newest first.
    live: Vec<EpochKey>,
    /// Caches, and when each is ready.
    built: Vec<(EpochKey, Monotonic)>,
    busy: usize,
    /// Since when each proof waits.
    since: HashMap<(usize, Ticket), Monotonic, FixedState>,
}

/// What a worker does next.
pub(crate) enum Task {
    Verify(Vec<Pending>),
    /// Nobody can verify these.
    GiveUp(Vec<Pending>),
    /// An epoch is being built.
    LookAgain(Monotonic),
    Nothing,
}

impl Verification {
    pub(crate) fn new(slow: SlowProof) -> Self {
        Self {
            slow,
            queue: Queue::default(),
            live: Vec::new(),
            built: Vec::new(),
            busy: 0,
            since: HashMap::with_hasher(FixedState::with_seed(0)),
        }
    }

    /// Work of this template is handed out: its epoch is built, and the one that follows ahead of its time.
    pub(crate) fn advance(&mut self, now: Monotonic, coin: &Coin, template: &Template) {
        let Some(current) = key(template.epoch) else {
            return;
        };
        if self.live.first() != Some(&current) {
            self.live.insert(0, current);
            // The one before, for shares that are under way.
            self.live.truncate(2);
        }
        let next = template.next_epoch.or_else(|| upcoming(coin, template.epoch));
        let next = next.and_then(key);
        let live = &self.live;
        self.built
            .retain(|(key, _)| live.contains(key) || next == Some(*key));
        for key in [Some(current), next].into_iter().flatten() {
            if self.built.iter().all(|(known, _)| *known != key) {
                let last = self.built.iter().map(|(_, at)| *at).max().unwrap_or(now);
                self.built.push((key, last.max(now) + self.slow.build));
            }
        }
    }

    pub(crate) fn push(&mut self, now: Monotonic, shard: usize, request: VerifyRequest, claims_block: bool) {
        self.since.insert((shard, request.ticket), now);
        // An epoch without a seed belongs to no template of these chains.
        let key = key(request.epoch).unwrap_or_default();
        self.queue.push(key, Pending { shard, request }, claims_block);
    }

    /// Proofs without an answer.
    pub(crate) fn waiting(&self) -> usize {
        self.since.len()
    }

    pub(crate) fn next(&mut self, now: Monotonic) -> Task {
        if self.busy == WORKERS || self.queue.is_empty() {
            return Task::Nothing;
        }
        let size = BATCH_TIME.as_nanos() / self.slow.hash.as_nanos().max(1);
        let size = (size as usize).clamp(1, BATCH);
        let ready_at = |key: EpochKey| self.built.iter().find(|(k, _)| *k == key).map(|(_, at)| *at);
        if let Some((_, batch)) = self
            .queue
            .take(size, |key| ready_at(key).is_some_and(|at| at <= now))
        {
            self.busy += 1;
            return Task::Verify(batch);
        }
        // Only an epoch that is being built is worth waiting for.
        if let Some((_, batch)) = self.queue.take(usize::MAX, |key| ready_at(key).is_none()) {
            return Task::GiveUp(batch);
        }
        let next = self.built.iter().map(|(_, at)| *at).filter(|at| *at > now).min();
        next.map_or(Task::Nothing, Task::LookAgain)
    }

    /// An answer goes out; how long it took from the moment at which the proof and its epoch were both there.
    fn answered(&mut self, now: Monotonic, pending: &Pending) -> Duration {
        let since = self.since.remove(&(pending.shard, pending.request.ticket));
        self.wait(now, since.unwrap_or(now), key(pending.request.epoch))
    }

    fn wait(&self, now: Monotonic, since: Monotonic, key: Option<EpochKey>) -> Duration {
        let built = self.built.iter().find(|(k, _)| Some(*k) == key);
        now.since(built.map_or(now, |(_, at)| since.max(*at)))
    }

    /// The longest that a proof has been waiting since the last epoch that is ready.
    fn oldest(&self, now: Monotonic) -> Duration {
        let ready = self.built.iter().map(|(_, at)| *at).max().unwrap_or(now);
        let oldest = self.since.values().min().copied().unwrap_or(now);
        now.since(oldest.max(ready))
    }
}

/// The key of these algorithms' epochs is their seed.
fn key(epoch: EpochInput) -> Option<EpochKey> {
    epoch.seed.map(EpochKey)
}

/// The epoch that follows, where the height alone decides.
fn upcoming(coin: &Coin, at: EpochInput) -> Option<EpochInput> {
    let backend = match (&coin.spec.family, coin.spec.algorithm) {
        (FamilyRules::Ethereum(rules), algorithm) => backends_of(algorithm, rules.schedule).pop()?,
        (_, Algorithm::KAWPOW) => Registry::with_builtin().get(Algorithm::KAWPOW)?.clone(),
        _ => return None,
    };
    let next = backend.upcoming(at)?;
    let key = backend.epoch(next).ok()?;
    Some(EpochInput {
        seed: Some(key.0),
        ..next
    })
}

/// What a worker finds out about a proof, and what that costs. A mix that leads nowhere is seen at once.
fn prove(oracle: &Oracle, slow: SlowProof, request: &VerifyRequest) -> (PowHash, Duration) {
    let what = oracle.asked(request);
    if let Some(Claim::Mix(mix)) = request.claim {
        let hash = oracle.claimed(&what, mix);
        if !request.target.is_met_by(&hash) {
            return (PowHash { hash, mix: Some(mix) }, CLAIM_COST);
        }
    }
    (oracle.hash(&what), slow.hash)
}

impl World {
    /// Leaves a proof to the workers. False where the chain has none.
    pub(crate) fn leave_to_workers(&mut self, shard: usize, request: VerifyRequest) -> Option<VerifyRequest> {
        let now = self.now().mono;
        let Some(verification) = self.process.as_mut().and_then(|p| p.verification.as_mut()) else {
            return Some(request);
        };
        let claimed = match request.claim {
            Some(Claim::Hash(hash)) => Some(hash),
            Some(Claim::Mix(mix)) => Some(self.oracle.claimed(&self.oracle.asked(&request), mix)),
            None => None,
        };
        let claims_block = claimed.is_some_and(|hash| request.network_target.is_met_by(&hash));
        verification.push(now, shard, request, claims_block);
        let waiting = verification.waiting();
        self.counts.most_waiting = self.counts.most_waiting.max(waiting as u64);
        if waiting > HIGH_WATER + LATE {
            self.checks
                .fail("bounds", format!("{waiting} proofs wait to be verified"));
        }
        self.work_off();
        None
    }

    /// Gives idle workers something to do.
    pub(crate) fn work_off(&mut self) {
        let now = self.now().mono;
        let incarnation = self.incarnation;
        loop {
            let Some(verification) = self.process.as_mut().and_then(|p| p.verification.as_mut()) else {
                return;
            };
            let slow = verification.slow;
            match verification.next(now) {
                Task::Verify(batch) => {
                    let cost = batch
                        .iter()
                        .map(|p| prove(&self.oracle, slow, &p.request).1)
                        .sum();
                    self.schedule.after(
                        cost,
                        Event::Batch {
                            incarnation,
                            batch,
                            is_verified: true,
                        },
                    );
                }
                Task::GiveUp(batch) => self.schedule.after(
                    Duration::ZERO,
                    Event::Batch {
                        incarnation,
                        batch,
                        is_verified: false,
                    },
                ),
                Task::LookAgain(at) => return self.schedule.at(at, Event::WorkOff { incarnation }),
                Task::Nothing => return,
            }
        }
    }

    /// A worker is done, or gives up.
    pub(crate) fn batch_done(&mut self, batch: Vec<Pending>, is_verified: bool) {
        if is_verified && let Some(verification) = self.process.as_mut().and_then(|p| p.verification.as_mut())
        {
            verification.busy -= 1;
        }
        for pending in batch {
            if self.config.sabotage == Some(Sabotage::ForgetProof) {
                self.sabotage_count += 1;
                if self.sabotage_count.is_multiple_of(50) {
                    continue;
                }
            }
            if !is_verified && self.checks.wire.is_honest(pending.request.conn) {
                self.checks.fail(
                    "proof",
                    "an honest miner's proof is of an epoch that nobody has".to_owned(),
                );
            }
            self.answer_proof(pending, is_verified);
        }
        self.work_off();
        self.read_again();
    }

    fn answer_proof(&mut self, pending: Pending, is_verified: bool) {
        let now = self.now().mono;
        let is_honest = self.checks.wire.is_honest(pending.request.conn);
        let Some(verification) = self.process.as_mut().and_then(|p| p.verification.as_mut()) else {
            return;
        };
        let wait = verification.answered(now, &pending);
        let oldest_key = verification.live.last().copied();
        if is_honest {
            self.counts.longest_wait_ms = self.counts.longest_wait_ms.max(wait.as_millis() as u64);
        }
        let Pending { shard, mut request } = pending;
        let pow = is_verified.then(|| {
            if self.config.sabotage == Some(Sabotage::VerifyUnderOldKey) {
                request.epoch.seed = oldest_key.map(|key| key.0);
            }
            let (pow, cost) = prove(&self.oracle, self.coin.slow.unwrap_or(SlowProof::NONE), &request);
            let is_worthless = !request.target.is_met_by(&pow.hash);
            if cost > CLAIM_COST {
                self.counts.hashed += 1;
                self.counts.hashed_for_nothing += u64::from(is_worthless);
            }
            if is_honest && is_worthless {
                let what = format!("an honest proof on {:?} is worth nothing", request.conn);
                self.checks.fail("proof", what);
            }
            pow
        });
        let pow = pow.filter(|_| self.is_calm || !self.random.driver.chance(crate::driving::UNVERIFIABLE));
        self.proved(shard, &request, pow);
    }

    /// What a banned connection left is not worth the time.
    pub(crate) fn forget_proofs(&mut self, shard: usize, conn: ConnId) {
        let Some(verification) = self.process.as_mut().and_then(|p| p.verification.as_mut()) else {
            return;
        };
        let dropped = verification.queue.forget(shard, conn);
        for pending in dropped {
            self.answer_proof(pending, false);
        }
    }

    /// Whether so many proofs wait that nothing more is read.
    pub(crate) fn is_reading_held(&self) -> bool {
        let verification = self.process.as_ref().and_then(|p| p.verification.as_ref());
        let is_full = verification.is_some_and(|v| v.waiting() >= HIGH_WATER);
        is_full && self.config.sabotage != Some(Sabotage::ReadOnWhenFull)
    }

    /// Reads from those who had to wait, in the order in which they came, until there is too much again.
    fn read_again(&mut self) {
        while !self.is_reading_held() {
            let Some(conn) = self.held.pop_front() else { return };
            let Some(link) = self.links.get_mut(&conn) else {
                continue;
            };
            link.held_since = None;
            if link.paused || !link.server_open {
                continue;
            }
            let Some(segment) = link.held.pop_front() else {
                continue;
            };
            if !link.held.is_empty() {
                link.held_since = Some(self.schedule.now().mono);
                self.held.push_back(conn);
            }
            let shard = link.shard;
            link.up_bytes -= segment.len();
            self.feed(
                shard,
                Input::Bytes {
                    conn,
                    bytes: &segment,
                },
            );
        }
    }

    /// Nobody waits for long.
    pub(crate) fn check_turns(&mut self) {
        let now = self.now().mono;
        let Some(verification) = self.process.as_ref().and_then(|p| p.verification.as_ref()) else {
            return;
        };
        let oldest = verification.oldest(now);
        let held = self.links.values().find(|link| {
            let is_honest = self.checks.wire.is_honest(link.conn);
            let since = link.held_since.filter(|_| link.server_open && !link.paused);
            is_honest && since.is_some_and(|at| now.since(at) > WAIT_MAX + Duration::from_secs(3))
        });
        if oldest > WAIT_MAX {
            self.checks
                .fail("turns", format!("a proof has been waiting for {oldest:?}"));
        } else if let Some(link) = held {
            let what = format!("{:?} has not been read from for too long", link.conn);
            self.checks.fail("turns", what);
        }
    }
}
