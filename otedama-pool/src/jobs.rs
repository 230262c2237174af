//! The jobs that miners work on: the newest, and the older ones whose shares still count.

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashSet};
use otedama_chain::{ChainSpec, Family, Job, PayoutOutput, PayoutPlan, Template};
use otedama_hash::{Difficulty, Hash256, Monotonic};

use crate::io::Payouts;
use crate::share::dedup::Seen;

/// Jobs kept at once; the oldest gives way.
const MAX_JOBS: usize = 128;
/// Work that is over and whose shares are remembered, where it may come back.
const MAX_PAST: usize = 16;
/// Found blocks whose names are remembered.
const MAX_FOUND: usize = 64;

/// What makes one connection's coinbase differ from another's.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Variant {
    /// The shared plan with this index.
    Tier(usize),
    /// The coinbase that pays this address.
    Finder(Arc<str>),
}

/// A job as it goes to every connection that gets the same bytes.
#[derive(Debug)]
pub(crate) struct Work {
    pub(crate) job: Job,
    pub(crate) number: u32,
    line: OnceLock<Bytes>,
    clean_line: OnceLock<Bytes>,
}

impl Work {
    /// Its name for miners.
    pub(crate) fn name(&self) -> String {
        format!("{:x}", self.number)
    }

    /// Bytes that are the same for everybody who gets this work, made once.
    pub(crate) fn line(&self, clean: bool, encode: impl FnOnce() -> Bytes) -> Bytes {
        let cell = if clean { &self.clean_line } else { &self.line };
        cell.get_or_init(encode).clone()
    }
}

/// The number of the job that a miner names.
pub(crate) fn number_in(name: &str) -> Option<u32> {
    // A sign is read as a number's too, and would be a second name.
    let is_name = name.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_name.then(|| u32::from_str_radix(name, 16).ok()).flatten()
}

/// One template with everything that was made of it.
#[derive(Debug)]
pub(crate) struct JobSet {
    pub(crate) number: u32,
    pub(crate) template: Arc<Template>,
    pub(crate) network_difficulty: Difficulty,
    payouts: Arc<Payouts>,
    replaced_at: Option<Monotonic>,
    works: HashMap<Variant, Arc<Work>, FixedState>,
    pub(crate) seen: Seen,
}

/// Whether a share's job still counts.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Lookup {
    /// It does; the index goes to [`JobBook::set`].
    Live(usize),
    /// It is unknown, too old, or builds on a block that is no longer the tip.
    Stale,
}

/// All jobs of a pool object.
#[derive(Debug)]
pub(crate) struct JobBook {
    spec: &'static ChainSpec,
    tag: Vec<u8>,
    grace: Duration,
    seed: u64,
    next_number: u32,
    sets: VecDeque<JobSet>,
    /// The shares of work that is over, by its name. A node may hand the same work out again, as after a detour to
    /// another node or block; its shares still count once.
    past: VecDeque<([u8; 32], Seen)>,
    /// Names of the newest blocks that were found, and of the work that they solve where that has one.
    found: VecDeque<(Hash256, Option<[u8; 32]>)>,
    /// Proofs that were credited before a restart, on work of this height.
    credited: (u64, HashSet<Hash256, FixedState>),
}

impl JobBook {
    pub(crate) fn new(spec: &'static ChainSpec, tag: Vec<u8>, grace: Duration, seed: u64) -> Self {
        Self {
            spec,
            tag,
            grace,
            seed,
            // Not the same after a restart: an old share must not meet another job of its number.
            next_number: (seed as u32).max(1),
            sets: VecDeque::new(),
            past: VecDeque::new(),
            found: VecDeque::new(),
            credited: (0, HashSet::with_hasher(FixedState::with_seed(seed))),
        }
    }

    /// Remembers proofs that were credited before a restart, until a template of a greater height comes.
    pub(crate) fn remember_credited(&mut self, height: u64, hashes: Vec<Hash256>) {
        self.credited.0 = height;
        self.credited.1.extend(hashes);
    }

    /// Whether a proof was credited before a restart.
    pub(crate) fn was_credited(&self, proof: &Hash256) -> bool {
        self.credited.1.contains(proof)
    }

    /// The newest job.
    pub(crate) fn current(&self) -> Option<&JobSet> {
        self.sets.back()
    }

    pub(crate) fn set(&mut self, index: usize) -> &mut JobSet {
        &mut self.sets[index]
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.sets.len()
    }

    /// Shares that are remembered, over all jobs.
    pub(crate) fn seen(&self) -> usize {
        self.sets.iter().map(|set| set.seen.len()).sum()
    }

    /// The number of the next job.
    pub(crate) fn next_number(&self) -> u32 {
        self.next_number
    }

    /// The number of the oldest job whose shares may still come.
    pub(crate) fn oldest(&self) -> u32 {
        self.sets.front().map_or(self.next_number, |s| s.number)
    }

    /// Replaces the newest job. True when the previous block changed, so that older work is void.
    pub(crate) fn replace(&mut self, now: Monotonic, template: Arc<Template>, payouts: Arc<Payouts>) -> bool {
        let clean = self
            .current()
            .is_none_or(|s| s.template.prev_hash != template.prev_hash);
        if clean {
            for set in std::mem::take(&mut self.sets) {
                self.retire(set);
            }
        }
        for set in &mut self.sets {
            set.replaced_at.get_or_insert(now);
        }
        self.push(now, template, payouts);
        clean
    }

    fn push(&mut self, now: Monotonic, template: Arc<Template>, payouts: Arc<Payouts>) {
        self.expire(now);
        let seen = template.work_id().and_then(|work| self.take_seen(&work));
        if self.sets.len() >= MAX_JOBS
            && let Some(oldest) = self.sets.pop_front()
        {
            self.retire(oldest);
        }
        let number = self.next_number;
        self.next_number = self.next_number.wrapping_add(1).max(1);
        if template.height > self.credited.0 {
            self.credited.1 = HashSet::with_hasher(FixedState::with_seed(self.seed));
        }
        let network_difficulty = template.network_target.difficulty(self.spec.algorithm.diff1());
        self.sets.push_back(JobSet {
            number,
            network_difficulty,
            template,
            payouts,
            replaced_at: None,
            works: HashMap::with_hasher(FixedState::with_seed(self.seed)),
            seen: seen.unwrap_or_else(|| Seen::new(self.seed)),
        });
    }

    /// Remembers the shares of a job that is over, where another job could have the same ones.
    fn retire(&mut self, set: JobSet) {
        if let Some(work) = set.template.work_id().filter(|_| set.seen.len() > 0) {
            if self.past.len() >= MAX_PAST {
                self.past.pop_front();
            }
            self.past.push_back((work, set.seen));
        }
    }

    /// The shares so far of work that is handed out again. An older job on it is over.
    fn take_seen(&mut self, work: &[u8; 32]) -> Option<Seen> {
        let is_it = |set: &JobSet| set.template.work_id().as_ref() == Some(work);
        if let Some(index) = self.sets.iter().position(is_it) {
            return self.sets.remove(index).map(|set| set.seen);
        }
        let index = self.past.iter().position(|(past, _)| past == work)?;
        self.past.remove(index).map(|(_, seen)| seen)
    }

    /// A new job on the newest template, for connections whose difficulty changes at once: a share
    /// belongs to exactly one difficulty because every job's coinbase is different.
    pub(crate) fn renew(&mut self, now: Monotonic) {
        if let Some(set) = self.current() {
            let (template, payouts) = (set.template.clone(), set.payouts.clone());
            // Whoever does not get it keeps the job it has: that one is not replaced.
            self.push(now, template, payouts);
        }
    }

    /// A new job on the newest template for everybody.
    pub(crate) fn replace_with_same(&mut self, now: Monotonic) {
        if let Some(set) = self.current() {
            let (template, payouts) = (set.template.clone(), set.payouts.clone());
            self.replace(now, template, payouts);
        }
    }

    /// Whether the next job may push out one that some connection still has as its newest.
    pub(crate) fn is_crowded(&self) -> bool {
        self.sets.len() >= MAX_JOBS - 1
    }

    /// Whether this is the first block of its name. Where the node doesn't show the header of its work, all solutions have
    /// the work's name: then only the first one counts, also beside those that have a name of their own.
    pub(crate) fn is_new_block(&mut self, name: Hash256, work: Option<[u8; 32]>) -> bool {
        let is_nameless = |name: &Hash256| work.map(Hash256::from_be_bytes) == Some(*name);
        let is_known = self.found.iter().any(|(known, of)| {
            let is_same_work = work.is_some() && *of == work;
            *known == name || (is_same_work && (is_nameless(known) || is_nameless(&name)))
        });
        if is_known {
            return false;
        }
        if self.found.len() >= MAX_FOUND {
            self.found.pop_front();
        }
        self.found.push_back((name, work));
        true
    }

    /// Drops jobs whose grace has run out.
    pub(crate) fn expire(&mut self, now: Monotonic) {
        let grace = self.grace;
        let is_over = |set: &JobSet| set.replaced_at.is_some_and(|at| now.since(at) > grace);
        while let Some(index) = self.sets.iter().position(is_over) {
            if let Some(set) = self.sets.remove(index) {
                self.retire(set);
            }
        }
    }

    /// Finds the job that a share names.
    pub(crate) fn find(&self, now: Monotonic, number: u32) -> Lookup {
        match self.sets.iter().rposition(|s| s.number == number) {
            Some(index) => match self.sets[index].replaced_at {
                Some(at) if now.since(at) > self.grace => Lookup::Stale,
                _ => Lookup::Live(index),
            },
            None => Lookup::Stale,
        }
    }

    /// The number of the newest job on the work of this name.
    pub(crate) fn number_of(&self, work: &[u8; 32]) -> Option<u32> {
        let is_it = |set: &&JobSet| set.template.work_id().as_ref() == Some(work);
        self.sets.iter().rev().find(is_it).map(|set| set.number)
    }

    /// The newest job as this connection gets it.
    pub(crate) fn current_work(&mut self, family: &dyn Family, who: &Who<'_>) -> Option<Arc<Work>> {
        let (spec, tag) = (self.spec, &self.tag);
        let set = self.sets.back_mut()?;
        set.work_for(who, &mut |plan, number, template| {
            // The number in the coinbase makes every job's hashes its own, even on the same
            // template: no share can be sent again under another job or another difficulty.
            let tag = [&number.to_le_bytes(), tag.as_slice()].concat();
            family.build_job(spec, template.clone(), plan, &tag).ok()
        })
    }
}

/// What of a connection decides on its coinbase.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Who<'a> {
    pub(crate) account: &'a Arc<str>,
    pub(crate) script: &'a [u8],
    /// Largest coinbase that its firmware can hold, in bytes.
    pub(crate) coinbase_max: Option<u32>,
}

type Build<'a> = dyn FnMut(Arc<PayoutPlan>, u32, &Arc<Template>) -> Option<Job> + 'a;

impl JobSet {
    /// The work that this connection got when the job was sent.
    pub(crate) fn sent_work(&mut self, who: &Who<'_>) -> Option<Arc<Work>> {
        self.work_for(who, &mut |_, _, _| None)
    }

    fn work_for(&mut self, who: &Who<'_>, build: &mut Build<'_>) -> Option<Arc<Work>> {
        let payouts = self.payouts.clone();
        match &*payouts {
            Payouts::Finder {
                finder_amount,
                others,
            } => self.get_or_build(Variant::Finder(who.account.clone()), build, || {
                let finder = PayoutOutput {
                    script: who.script.to_vec(),
                    amount: *finder_amount,
                };
                let outputs = std::iter::once(finder).chain(others.iter().cloned()).collect();
                Arc::new(PayoutPlan { id: 0, outputs })
            }),
            Payouts::Shared(plans) => {
                let mut last = None;
                for (tier, plan) in plans.iter().enumerate() {
                    let work = self.get_or_build(Variant::Tier(tier), build, || plan.clone())?;
                    let fits = who
                        .coinbase_max
                        .is_none_or(|max| work.job.coinbase_len() <= max as usize);
                    last = Some(work);
                    if fits {
                        break;
                    }
                }
                last
            }
        }
    }

    fn get_or_build(
        &mut self,
        variant: Variant,
        build: &mut Build<'_>,
        plan: impl FnOnce() -> Arc<PayoutPlan>,
    ) -> Option<Arc<Work>> {
        if let Some(work) = self.works.get(&variant) {
            return Some(work.clone());
        }
        let job = build(plan(), self.number, &self.template)?;
        let work = Arc::new(Work {
            job,
            number: self.number,
            line: OnceLock::new(),
            clean_line: OnceLock::new(),
        });
        self.works.insert(variant, work.clone());
        Some(work)
    }
}
