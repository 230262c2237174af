//! The driver: feeds the pools, carries out what they say, and keeps the store going.

use std::sync::Arc;
use std::time::Duration;

use otedama_hash::{Monotonic, PowHash};
use otedama_pool::{Admin, CloseReason, ConnId, Input, Output, ShareRow, VerifyRequest};
use otedama_rewards::{RewardScheme, ShareRecord};

use crate::config::Sabotage;
use crate::event::Event;
use crate::process::Process;
use crate::store::{Ack, Write};
use crate::world::World;

/// How often outputs are left lying for a moment.
const LEFT_LYING: f64 = 0.1;
/// How often a proof of work can't be computed.
pub(crate) const UNVERIFIABLE: f64 = 0.0005;

impl World {
    /// The process starts: new pools, everything else from the disk.
    pub(crate) fn start(&mut self) {
        if self.process.is_some() {
            return;
        }
        self.incarnation += 1;
        let incarnation = self.incarnation;
        if self.config.sabotage == Some(Sabotage::ReuseExtranonce) {
            self.store.durable.forget_extranonces();
        }
        let mut config = self.config.pool(self.coin);
        if self.config.sabotage == Some(Sabotage::WrongShareRate) {
            config.vardiff.shares_per_minute *= 5.0;
        }
        let process = Process::start(
            incarnation,
            self.config.seed,
            (self.coin, self.shards),
            &config,
            &self.family.0,
            &self.store.durable,
            self.schedule.now(),
        );
        self.process = Some(process);
        self.note("start", incarnation, 0);
        self.trace.add("start", incarnation, &[]);
        self.submit_recorded();
        for shard in 0..self.shards {
            self.drain(shard);
        }
        self.schedule
            .after(Duration::from_millis(50), Event::AskTemplate { incarnation });
    }

    /// The process dies, and comes back after a while.
    pub(crate) fn die(&mut self) {
        if self.process.is_none() {
            return;
        }
        self.die_now();
        let delay = self.random.faults.millis(200, 8_000);
        self.schedule.after(delay, Event::Start);
    }

    /// The process dies at once.
    pub(crate) fn die_now(&mut self) {
        let Some(process) = self.process.take() else {
            return;
        };
        self.counts.deaths += 1;
        self.note("die", self.incarnation, 0);
        self.trace.add("die", self.incarnation, &[]);
        let (checks, incarnation) = (&mut self.checks, self.incarnation);
        let unix_s = self.schedule.now().unix_s;
        self.store.crash(&mut self.random.faults, &mut |shard, row| {
            checks.durable(incarnation, shard, row, unix_s);
        });
        self.held.clear();
        self.break_all();
        let durable = &self.store.durable.blocks;
        for hash in process.unnoted.iter().filter(|hash| !durable.contains_key(*hash)) {
            self.counts.lost_blocks += 1;
            self.checks.blocks.lost(hash);
        }
    }

    /// Feeds one input to a pool and carries out what follows.
    pub(crate) fn feed(&mut self, shard: usize, input: Input<'_>) {
        let now = self.now();
        self.trace.input(shard, &input);
        let Some(process) = &mut self.process else { return };
        let it = &mut process.shards[shard];
        it.pool.handle(now, input);
        it.is_dirty = true;
        if self.is_draining {
            return;
        }
        if !self.is_calm && self.random.driver.chance(LEFT_LYING) {
            let delay = self
                .random
                .driver
                .between(Duration::ZERO, Duration::from_millis(2));
            let incarnation = self.incarnation;
            self.schedule.after(delay, Event::Drain { incarnation, shard });
            return;
        }
        self.drain(shard);
    }

    /// Carries out everything that this pool wants, and what the others want because of it.
    pub(crate) fn drain(&mut self, first: usize) {
        if self.is_draining {
            return;
        }
        self.is_draining = true;
        let mut shard = first;
        loop {
            let mut count = 0_u64;
            while let Some(output) = self.poll(shard) {
                count += 1;
                self.carry_out(shard, output);
            }
            self.checks.outputs(shard, count, self.links.len());
            self.hand_over_late(shard);
            if let Some(process) = &mut self.process {
                process.shards[shard].is_dirty = false;
            }
            self.plan_tick(shard);
            // Only a pool that was fed from here; one whose outputs lie on purpose has its own event.
            match (0..self.shards).find(|s| *s != first && *s != shard && self.is_dirty(*s)) {
                Some(next) => shard = next,
                None if self.is_dirty(first) => shard = first,
                None => break,
            }
        }
        self.is_draining = false;
        self.begin_commit();
    }

    fn is_dirty(&self, shard: usize) -> bool {
        self.process.as_ref().is_some_and(|p| p.shards[shard].is_dirty)
    }

    fn poll(&mut self, shard: usize) -> Option<Output> {
        self.process.as_mut()?.shards[shard].pool.poll_output()
    }

    fn plan_tick(&mut self, shard: usize) {
        let now = self.now().mono;
        let incarnation = self.incarnation;
        let Some(process) = &mut self.process else { return };
        let it = &mut process.shards[shard];
        let Some(at) = it.pool.next_timeout() else { return };
        let at = at.max(now);
        if it.tick_at.is_none_or(|planned| at < planned) {
            it.tick_at = Some(at);
            if self.config.sabotage != Some(Sabotage::WithholdTicks) {
                self.schedule.at(
                    at,
                    Event::Tick {
                        incarnation,
                        shard,
                        at,
                    },
                );
            }
        }
    }

    pub(crate) fn tick(&mut self, shard: usize, at: Monotonic) {
        let Some(process) = &mut self.process else { return };
        let it = &mut process.shards[shard];
        if it.tick_at == Some(at) {
            it.tick_at = None;
            self.feed(shard, Input::Tick);
        }
    }

    fn carry_out(&mut self, shard: usize, output: Output) {
        self.trace.output(shard, &output);
        self.check_candidates_first(shard, &output);
        match output {
            Output::Send { conn, bytes } => {
                self.checks.sent(conn, &bytes);
                if self.config.sabotage == Some(Sabotage::SwallowReply)
                    && bytes.ends_with(b"\"result\":true,\"error\":null}\n")
                {
                    self.sabotage_count += 1;
                    if self.sabotage_count.is_multiple_of(500) {
                        return;
                    }
                }
                self.write_down(conn, bytes);
            }
            Output::PauseRead { conn } => self.pause(conn),
            Output::ResumeRead { conn } => self.resume(conn),
            Output::Close { conn, why } => {
                self.counts.closed += 1;
                self.checks.pool_closed(conn, why);
                if why == CloseReason::Banned {
                    self.forget_proofs(shard, conn);
                }
                self.shut(conn);
                if self.random.driver.chance(0.5) {
                    // The driver may tell the pool again; it has to bear that.
                    self.feed(shard, Input::Closed { conn });
                }
            }
            Output::Ban { ip, duration, .. } => self.ban(shard, ip, duration),
            Output::Verify(request) => self.verify(shard, request),
            Output::Candidate(candidate) => self.candidate(shard, candidate),
            Output::Persist(rows) => self.persist(shard, rows),
            Output::NeedExtranonce => self.store.push(Write::Lease { shard }),
            Output::TemplateRefused { height, why } => {
                self.checks.fail(
                    "template",
                    format!("the template of height {height} was refused: {why}"),
                );
            }
            _ => {}
        }
    }

    fn ban(&mut self, shard: usize, ip: std::net::IpAddr, duration: Duration) {
        let now = self.now().mono;
        self.counts.bans += 1;
        let honest = self
            .miners
            .iter()
            .find(|m| !m.cheats && m.ip == ip)
            .map(|m| m.index);
        let honest = honest.or((self.config.sabotage == Some(Sabotage::BanTheHonest)).then_some(0));
        if let Some(index) = honest {
            self.checks
                .fail("ban", format!("the honest miner {index} at {ip} was banned"));
        }
        if let Some(process) = &mut self.process {
            process.gate.ban(now, ip, duration);
        }
        let others: Vec<(usize, ConnId)> = self
            .links
            .values()
            .filter(|l| l.ip == ip && l.server_open && l.shard != shard)
            .map(|l| (l.shard, l.conn))
            .collect();
        for (shard, conn) in others {
            self.feed(shard, Input::Admin(Admin::Disconnect(conn)));
        }
    }

    fn verify(&mut self, shard: usize, request: VerifyRequest) {
        let incarnation = self.incarnation;
        if let Some(process) = &mut self.process {
            process.shards[shard].verifying += 1;
        }
        if let Some(count) = self.asked.back_mut() {
            *count += 1;
        }
        let Some(request) = self.leave_to_workers(shard, request) else {
            return;
        };
        let most = if self.is_calm { 500 } else { 5_000 };
        let delay = self
            .random
            .driver
            .between(Duration::from_micros(5), Duration::from_micros(most));
        let request = Box::new(request);
        self.schedule.after(
            delay,
            Event::Verified {
                incarnation,
                shard,
                request,
            },
        );
    }

    pub(crate) fn verified(&mut self, shard: usize, request: &VerifyRequest) {
        let pow = self.oracle.hash(&self.oracle.asked(request));
        let failed = !self.is_calm && self.random.driver.chance(UNVERIFIABLE);
        self.proved(shard, request, (!failed).then_some(pow));
    }

    /// The answer to a request for verification.
    pub(crate) fn proved(&mut self, shard: usize, request: &VerifyRequest, pow: Option<PowHash>) {
        let ticket = request.ticket;
        let ledger = &self.nodes[0].ledger;
        let network_target = ledger.network_target(&request.blob);
        let Some(process) = &mut self.process else { return };
        let it = &mut process.shards[shard];
        it.verifying -= 1;
        let is_block = pow.filter(|pow| network_target.is_some_and(|target| target.is_met_by(&pow.hash)));
        if let Some(pow) = is_block
            && let Some(hash) = ledger.block_id(&request.blob, request.nonce, &pow)
        {
            it.owed.push(hash);
        }
        self.feed(shard, Input::Verified { ticket, pow });
    }

    fn check_candidates_first(&mut self, shard: usize, output: &Output) {
        let Some(process) = &mut self.process else { return };
        let owed = &mut process.shards[shard].owed;
        if let Output::Candidate(candidate) = output {
            if let Some(index) = owed.iter().position(|hash| *hash == candidate.hash) {
                owed.swap_remove(index);
            } else {
                let what = format!(
                    "{} was called a block although its hash does not meet the target",
                    candidate.hash
                );
                self.checks.fail("candidate", what);
            }
        } else if let Some(hash) = owed.first() {
            let what = format!("something else came before the block candidate {hash}");
            self.checks.fail("candidate first", what);
        }
    }

    fn persist(&mut self, shard: usize, mut rows: Vec<ShareRow>) {
        let incarnation = self.incarnation;
        self.checks.persist(incarnation, shard, &rows);
        let last = rows.last().map_or(0, |row| row.seq);
        let Some(process) = &mut self.process else { return };
        process.shards[shard].unsettled += rows.len() as u64;
        match self.config.sabotage {
            Some(Sabotage::AnswerBeforeDurable) => {
                process.shards[shard].unsettled -= rows.len() as u64;
                self.feed(shard, Input::Persisted { seq: last });
            }
            Some(Sabotage::InflateWork) => {
                for row in &mut rows {
                    row.work = row.work + otedama_hash::Work::new(1 + row.work.get() / 1000);
                }
            }
            Some(Sabotage::CreditAnother) => {
                self.sabotage_count += rows.len() as u64;
                if self.sabotage_count > 200
                    && let Some(row) = rows.first_mut()
                {
                    row.account = self.coin.pool_address().into();
                }
            }
            _ => {}
        }
        self.store.push(Write::Rows { shard, rows });
    }

    fn begin_commit(&mut self) {
        let incarnation = self.incarnation;
        if self.process.is_some() && self.store.begin() {
            let random = &mut self.random.driver;
            let is_slow = !self.is_calm && random.chance(0.005);
            let delay = if is_slow {
                random.millis(100, 1_500)
            } else {
                random.millis(1, 15)
            };
            self.schedule.after(delay, Event::Commit { incarnation });
        }
    }

    pub(crate) fn committed(&mut self) {
        let (checks, incarnation) = (&mut self.checks, self.incarnation);
        let unix_s = self.schedule.now().unix_s;
        let sabotage = self.config.sabotage;
        let count = &mut self.sabotage_count;
        let acks = self.store.finish(&mut |shard, row| {
            *count += 1;
            let hit = count.is_multiple_of(200);
            if !(hit && sabotage == Some(Sabotage::DropRow)) {
                checks.durable(incarnation, shard, row, unix_s);
            }
            if hit && sabotage == Some(Sabotage::StoreTwice) {
                checks.durable(incarnation, shard, row, unix_s);
            }
        });
        for ack in acks {
            self.acknowledge(ack);
        }
        self.begin_commit();
    }

    fn acknowledge(&mut self, ack: Ack) {
        let early = self.config.sabotage == Some(Sabotage::AnswerBeforeDurable);
        let Some(process) = &mut self.process else { return };
        match ack {
            Ack::Persisted { shard, rows } => {
                let Some(seq) = rows.last().map(|row| row.seq) else {
                    return;
                };
                let it = &mut process.shards[shard];
                if !early {
                    it.unsettled -= rows.len() as u64;
                }
                it.persisted_work += rows.iter().map(|row| row.work.get()).sum::<u128>();
                for row in &rows {
                    process.scheme.credit(&ShareRecord {
                        account: Arc::clone(&row.account),
                        work: row.work.get(),
                        time_s: row.unix_s,
                    });
                }
                self.feed(shard, Input::Persisted { seq });
            }
            Ack::GivenUp { shard, seq, rows } => {
                process.shards[shard].unsettled -= rows;
                self.counts.given_up += rows;
                self.feed(shard, Input::PersistFailed { seq });
            }
            Ack::Leased { shard, lease } => self.feed(shard, Input::Extranonce(lease)),
            Ack::Planned { plan } => self.propose(plan),
        }
    }
}
