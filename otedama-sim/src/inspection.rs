//! What is looked at once a second, when miners stop, and at the end.

use std::time::Duration;

use otedama_hash::Monotonic;
use otedama_pool::{Admin, Input};
use otedama_rewards::{BlockReward, Pplns, RewardScheme};

use crate::clock::START_UNIX_S;
use crate::config::NODES;
use crate::event::Event;
use crate::miner::Asked;
use crate::process::{fee, window};
use crate::report::Summary;
use crate::world::World;

/// How long a silent miner may keep its difficulty.
const SILENCE: Duration = Duration::from_secs(180);
/// How long a connection may stay blocked: the pool's limit and a little.
const BLOCKED_MAX: Duration = Duration::from_secs(60);
/// How long a miner may wait for an answer when nothing breaks.
const ANSWER_MAX: Duration = Duration::from_secs(15);
/// Bytes that may wait in the driver for one connection: the pool's limit and what one input adds.
const QUEUE_MAX: usize = 256 * 1024 + 64 * 1024;
/// Jobs that a pool may hold at once.
const JOBS_MAX: u64 = 128;
/// How long a pool may remember shares: until the next template, through the grace that follows, and until the template
/// after that, with which they go; and a little.
const SEEN_FOR: Duration = Duration::from_secs(150);
/// Share rates that vardiff has to bring every steady miner to, over the wanted rate.
const RATE_BOUNDS: (f64, f64) = (0.4, 2.5);
/// Those that nine of ten miners have to be in.
const USUAL_RATES: (f64, f64) = (0.6, 1.7);
/// Samples of a rate, ten seconds apart, that make a mean.
const RATE_SAMPLES: u32 = 15;
/// Simulated time that vardiff gets for it after the faults.
const SETTLING: Duration = Duration::from_secs(480);
/// How long after the faults every miner has to have a share accepted.
const RECOVERY: Duration = Duration::from_secs(240);

impl World {
    pub(crate) fn second(&mut self) {
        self.schedule.after(Duration::from_secs(1), Event::Second);
        if self.asked.len() as u64 == SEEN_FOR.as_secs() {
            self.asked.pop_front();
        }
        self.asked.push_back(0);
        self.reconcile();
        self.check_bounds();
        self.check_links();
        self.check_silence();
        self.check_answers();
        self.check_turns();
        let now = self.now();
        if let Some(hash) = self.checks.blocks.withheld(now.mono) {
            self.checks
                .fail("candidate", format!("a node was never offered the block {hash}"));
        }
        if (now.unix_s - START_UNIX_S).is_multiple_of(60) {
            self.check_replay();
        }
        let is_settled = self
            .checks
            .calm_at
            .is_some_and(|at| now.mono.since(at) > SETTLING);
        if is_settled && !self.is_resting && now.unix_s.is_multiple_of(10) {
            self.sample_share_rates();
        }
    }

    /// What the pools hold is what the driver still owes them, and nothing else.
    fn check_bounds(&mut self) {
        let Some(process) = &self.process else { return };
        let asked: u64 = self.asked.iter().sum();
        let mut wrong = None;
        for (index, shard) in process.shards.iter().enumerate().filter(|(_, s)| !s.is_dirty) {
            let stats = shard.pool.stats();
            let links = self
                .links
                .values()
                .filter(|l| l.server_open && l.shard == index)
                .count() as u64;
            if stats.jobs > JOBS_MAX {
                wrong = Some(format!("pool {index} holds {} jobs", stats.jobs));
            }
            // Once faults are over, jobs are replaced in time, and what was seen of them goes with them.
            let calm_for = self.checks.calm_at.map(|at| self.schedule.now().mono.since(at));
            if stats.seen > asked && calm_for.is_some_and(|calm| calm > SEEN_FOR * 2) {
                wrong = Some(format!(
                    "pool {index} remembers {} shares, {asked} came in {SEEN_FOR:?}",
                    stats.seen
                ));
            }
            let due = shard.verifying + shard.unsettled;
            if stats.in_flight != due {
                wrong = Some(format!(
                    "pool {index} holds {} shares, {due} are under way",
                    stats.in_flight
                ));
            }
            if stats.connections != links || shard.pool.sessions().count() as u64 != links {
                wrong = Some(format!(
                    "pool {index} has {} connections, {links} are open",
                    stats.connections
                ));
            }
            let now = self.now().mono;
            if shard
                .pool
                .next_timeout()
                .is_some_and(|at| now.since(at) > Duration::from_secs(1))
            {
                wrong = Some(format!("pool {index} was not woken in time"));
            }
            if stats.accepted_work.get() != shard.persisted_work {
                let (told, due) = (stats.accepted_work, shard.persisted_work);
                wrong = Some(format!(
                    "pool {index} counts accepted work of {told}, {due} are durable"
                ));
            }
        }
        let links = self.links.values().filter(|l| l.server_open).count();
        if process.gate.connections() != links {
            wrong = Some(format!(
                "the gate counts {} connections, {links} are open",
                process.gate.connections()
            ));
        }
        if self.store.waiting() > 100_000 {
            wrong = Some(format!("{} writes wait for the store", self.store.waiting()));
        }
        if let Some(what) = wrong {
            self.checks.fail("bounds", what);
        }
    }

    /// Connections that block or say nothing are closed in time, and their queues are bounded.
    fn check_links(&mut self) {
        let now = self.now().mono;
        let mut wrong = None;
        for (conn, silent_since, blocked_since) in self.checks.wire.ages() {
            if silent_since.is_some_and(|at| now.since(at) > Self::SILENCE_MAX) {
                wrong = Some(format!("{conn:?} has not logged in and is still open"));
            }
            if blocked_since.is_some_and(|at| now.since(at) > BLOCKED_MAX) {
                wrong = Some(format!("{conn:?} is blocked and still open"));
            }
        }
        if let Some(link) = self.links.values().find(|l| l.queue_bytes > QUEUE_MAX) {
            wrong = Some(format!("{} bytes wait for {:?}", link.queue_bytes, link.conn));
        }
        if self.process.is_some()
            && let Some(what) = wrong
        {
            self.checks.fail("bounds", what);
        }
    }

    /// When nothing breaks, no miner waits long for an answer.
    fn check_answers(&mut self) {
        let now = self.now().mono;
        let Some(calm_at) = self.checks.calm_at else {
            return;
        };
        let late = self.miners.iter().find(|miner| {
            let oldest = miner.session.requests.values().next();
            matches!(oldest, Some(Asked::Share(_, found)) if found.at > calm_at && now.since(found.at) > ANSWER_MAX)
        });
        if let Some(miner) = late {
            let what = format!("miner {} waits for the answer to a share", miner.index);
            self.checks.fail("one reply per request", what);
        }
    }

    /// A miner that falls silent gets an easier job.
    fn check_silence(&mut self) {
        let now = self.now().mono;
        let floor = self.config.pool(self.coin).vardiff.min.get() * 1.01;
        // Firmware of Bitcoin's rigs may know whole difficulties only.
        let least = if self.coin.difficulties.is_none() {
            1.01
        } else {
            0.0
        };
        let mut wrong = None;
        for miner in &mut self.miners {
            let Some((since, before, conn)) = miner.silent_since else {
                continue;
            };
            if miner.conn != Some(conn) || now.since(since) < SILENCE {
                continue;
            }
            miner.silent_since = None;
            let Some((difficulty, _)) = miner.announced() else {
                continue;
            };
            let is_stalled = self
                .links
                .get(&conn)
                .is_none_or(|l| l.stalled_until > now || l.down_bytes > 0);
            if before.get() > floor.max(least) && difficulty >= before && !is_stalled {
                wrong = Some(format!(
                    "miner {} is silent and keeps the difficulty {difficulty}",
                    miner.index
                ));
            }
        }
        if let Some(what) = wrong {
            self.checks.fail("vardiff", what);
        }
    }

    /// A scheme that is built from the journal shares out as the one that lives.
    fn check_replay(&mut self) {
        let unix_s = self.now().unix_s;
        let network_work = self.network_work();
        let Some(process) = &self.process else { return };
        let replayed = Pplns::restore(window(self.config.seed), fee(), self.store.durable.records());
        let block = BlockReward {
            reward: 5_000_000_000,
            network_work,
            time_s: unix_s,
            finder: None,
        };
        if replayed.distribute(&block) != process.scheme.distribute(&block) {
            self.checks.fail(
                "distribution",
                "a replayed journal gives another distribution".to_owned(),
            );
        }
    }

    fn network_work(&self) -> u128 {
        self.nodes[0].ledger.network_work()
    }

    /// Notes the share rates of miners whose difficulty is the pool's to choose.
    fn sample_share_rates(&mut self) {
        let now = self.now().mono;
        let config = self.config.pool(self.coin).vardiff;
        let wanted_hz = config.shares_per_minute / 60.0;
        let network = self.network_work() as f64 / self.coin.hashes_per_difficulty();
        for miner in self.miners.iter_mut().filter(|m| !m.cheats && m.is_vardiff) {
            let difficulty = miner.announced().map_or(0.0, |(difficulty, _)| difficulty.get());
            let firmware = otedama_stratum::firmware::for_agent(miner.agent)
                .min_difficulty_for(self.coin.spec.algorithm)
                .unwrap_or(0.0);
            let floor = config.min.get().max(firmware);
            let is_free = difficulty > floor * 1.5 && difficulty < network * 0.5;
            if is_free
                && now.since(miner.mining_since) > SETTLING
                && let Some(rate) = miner.share_rate()
            {
                miner.rates.0 += (rate / wanted_hz).ln();
                miner.rates.1 += 1;
            }
        }
    }

    /// Over some minutes, every steady miner sends about as many shares as are wanted.
    pub(crate) fn check_share_rates(&mut self) {
        let sampled = self.miners.iter().filter(|m| m.rates.1 >= RATE_SAMPLES);
        let mut rates: Vec<(f64, usize)> = sampled
            .map(|m| ((m.rates.0 / f64::from(m.rates.1)).exp(), m.index))
            .collect();
        rates.sort_by(|a, b| a.0.total_cmp(&b.0));
        let at = |percent: usize| {
            rates
                .get(rates.len() * percent / 100)
                .map_or(0.0, |(rate, _)| *rate)
        };
        self.rates = [at(5), at(50), at(95)];
        let outside = |(low, high): (f64, f64)| move |(rate, _): &&(f64, usize)| !(low..=high).contains(rate);
        if let Some((rate, miner)) = rates.iter().find(outside(RATE_BOUNDS)) {
            let hashrate = self.miners[*miner].hashrate;
            let what =
                format!("miner {miner} of {hashrate:e} H/s sends {rate:.2} times the shares that are wanted");
            self.checks.fail("vardiff", what);
        }
        let unusual = rates.iter().filter(outside(USUAL_RATES)).count();
        if unusual * 10 > rates.len().max(10) {
            self.checks.fail(
                "vardiff",
                format!("{unusual} of {} miners are far from the wanted rate", rates.len()),
            );
        }
    }

    /// After the faults every honest miner mines again and blocks are found.
    pub(crate) fn check_progress(&mut self) {
        let now = self.now().mono;
        let calm_at = self.checks.calm_at.unwrap_or_default();
        if now.since(calm_at) < RECOVERY {
            return;
        }
        let idle = self
            .miners
            .iter()
            .find(|m| !m.cheats && !m.is_mining())
            .map(|m| m.index);
        if let Some(index) = idle {
            self.checks.fail(
                "progress",
                format!("miner {index} does not mine although the faults are over"),
            );
        }
        // Fixed difficulties may be too high for a share in this time; for the others ten means without one are over
        // after 50 seconds.
        let floor = self.config.pool(self.coin).vardiff.min.get();
        let starved = self.miners.iter().find(|m| {
            let is_steady = !m.cheats && m.is_vardiff && now.since(m.mining_since) > SETTLING;
            let has_easy = m.announced().is_some_and(|(d, _)| d.get() > floor * 4.0);
            is_steady && has_easy && now.since(m.last_accepted) > RECOVERY
        });
        if let Some(miner) = starved {
            let what = format!("miner {} had no share accepted for {RECOVERY:?}", miner.index);
            self.checks.fail("progress", what);
        }
        let until = Monotonic::from_nanos(now.as_nanos().saturating_sub(10_000_000_000));
        let is_lost = |hash: &&_| self.nodes.iter().any(|n| !n.ledger.contains(hash));
        let lost = self
            .checks
            .blocks
            .found_between(calm_at, until)
            .find(is_lost)
            .copied();
        if let Some(hash) = lost {
            self.checks
                .fail("progress", format!("a node does not know the block {hash}"));
        }
        // Twenty blocks' work without a block is no bad luck.
        let work = self.checks.shares.credited - self.credited_before_calm;
        if self.blocks_when_calm == 0 && work / 20 > self.network_work() {
            self.checks
                .fail("progress", "no block was found after the faults".to_owned());
        }
    }

    /// Everything has come to rest.
    pub(crate) fn end(&mut self) {
        if self.process.is_none() {
            return self
                .checks
                .fail("progress", "the process does not run at the end".to_owned());
        }
        for shard in 0..self.shards {
            self.feed(shard, Input::Admin(Admin::Stop));
            self.drain(shard);
        }
        self.check_bounds();
        self.check_replay();
        let drained = self
            .process
            .as_ref()
            .is_some_and(|p| p.shards.iter().all(|s| s.pool.is_drained()));
        if !drained {
            self.checks.fail(
                "progress",
                "shares are under way although nobody mines".to_owned(),
            );
        }
        let open = self.checks.wire.open_requests().next();
        if let Some((conn, count)) = open {
            self.checks.fail(
                "one reply per request",
                format!("{count} requests on {conn:?} have no reply"),
            );
        }
        let shares = &self.checks.shares;
        if shares.credited != shares.proven {
            let what = format!("{} were credited for work of {}", shares.credited, shares.proven);
            self.checks.fail("credit", what);
        }
        self.check_carry();
    }

    /// What is owed is what was earned less what was paid, by the blocks of the chain.
    fn check_carry(&mut self) {
        let tips: Vec<_> = (0..NODES).map(|n| self.nodes[n].ledger.tip()).collect();
        if tips.iter().any(|tip| tip.1 != tips[0].1) {
            let what = format!("the nodes do not agree at the end: {tips:?}");
            return self.checks.fail("progress", what);
        }
        let Some(process) = &self.process else { return };
        let mut owed = self
            .checks
            .blocks
            .owed(self.nodes[process.preferred].ledger.best_chain());
        owed.remove(&*self.coin.pool_address());
        let book: Vec<_> = process.book.balances().map(|(a, b)| (a.clone(), b)).collect();
        let disk: Vec<_> = self
            .store
            .durable
            .book
            .balances()
            .map(|(a, b)| (a.clone(), b))
            .collect();
        let owed: Vec<_> = owed.into_iter().collect();
        if book != disk {
            return self
                .checks
                .fail("carry", "the book in memory is not the one on disk".to_owned());
        }
        if owed != book {
            let differs = owed
                .iter()
                .find(|entry| !book.contains(entry))
                .or(book.iter().find(|e| !owed.contains(e)));
            let what = format!(
                "the book owes {} and the chain says {}: {differs:?}",
                book.len(),
                owed.len()
            );
            self.checks.fail("carry", what);
        }
    }

    pub(crate) fn summary(&self) -> Summary {
        Summary {
            counts: self.counts,
            rows: self.checks.shares.rows,
            credited: self.checks.shares.credited,
            events: self.trace.events(),
            trace: self.trace.value(),
            share_rates: self.rates,
        }
    }
}
