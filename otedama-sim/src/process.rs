//! One run of the pool process: what the reference binary's driver holds in memory.

use core::fmt;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use otedama_chain::{Family, PayoutOutput, PayoutPlan, Template};
use otedama_hash::{Hash256, Monotonic, Now};
use otedama_pool::gate::{Gate, GateConfig};
use otedama_pool::{Input, Payouts, Pool, PoolConfig};
use otedama_rewards::coinbase::hold;
use otedama_rewards::{
    Account, BlockReward, CarryBook, CoinbasePlan, Distribution, Fee, Limits, Pplns, RewardScheme, Window,
    plan,
};

use crate::coin::Coin;
use crate::config::NODES;
use crate::random::derive;
use crate::store::{BlockRecord, Durable};
use crate::verification::Verification;

/// Outputs of the coinbases, one size class each.
const TIERS: [usize; 3] = [40, 12, 4];
/// Least output, in the smallest unit: high, so that something is always carried.
const DUST: u64 = 1_000_000;

/// One pool object and what the driver owes it.
pub(crate) struct Shard {
    pub(crate) pool: Pool,
    /// Proofs of work that are being computed.
    pub(crate) verifying: u64,
    /// Rows that the store has not settled.
    pub(crate) unsettled: u64,
    /// Work of the rows of this run that were called durable.
    pub(crate) persisted_work: u128,
    /// When its next tick is planned.
    pub(crate) tick_at: Option<Monotonic>,
    /// It was fed and not drained.
    pub(crate) is_dirty: bool,
    /// Blocks whose candidates have not come out yet.
    pub(crate) owed: Vec<Hash256>,
    /// A candidate that the sabotaged driver leaves lying.
    pub(crate) late: Option<Box<otedama_pool::Candidate>>,
}

/// A candidate on its way to the nodes.
#[derive(Clone, Debug)]
pub(crate) struct Submission {
    pub(crate) shard: usize,
    pub(crate) verdicts: [Option<bool>; NODES],
    pub(crate) is_answered: bool,
}

/// A template whose plans are on their way to the disk.
#[derive(Debug)]
pub(crate) struct Proposal {
    pub(crate) template: Arc<Template>,
    pub(crate) payouts: Vec<Arc<PayoutPlan>>,
}

/// What was planned for one template.
pub(crate) struct Planned {
    pub(crate) distribution: Distribution,
    pub(crate) plans: Vec<(u64, Arc<CoinbasePlan>)>,
    pub(crate) payouts: Vec<Arc<PayoutPlan>>,
}

/// Everything that is lost when the process dies.
pub(crate) struct Process {
    pub(crate) incarnation: u64,
    coin: &'static Coin,
    pub(crate) shards: Vec<Shard>,
    /// What verifies shares where that takes long.
    pub(crate) verification: Option<Verification>,
    pub(crate) gate: Gate,
    pub(crate) scheme: Pplns,
    pub(crate) book: CarryBook,
    pub(crate) blocks: BTreeMap<Hash256, BlockRecord>,
    /// Blocks that were submitted while the disk was full, so that only this process knows of them.
    pub(crate) unnoted: BTreeSet<Hash256>,
    /// Plans that jobs may pay, by id.
    pub(crate) plans: BTreeMap<u64, Arc<CoinbasePlan>>,
    pub(crate) proposals: BTreeMap<u64, Proposal>,
    pub(crate) submissions: BTreeMap<Hash256, Submission>,
    /// Counts requests for templates; only the answer to the last one counts.
    pub(crate) request: u64,
    pub(crate) is_waiting: bool,
    /// The node that is asked.
    pub(crate) preferred: usize,
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Process({})", self.incarnation)
    }
}

/// The reward scheme that a seed plays with.
pub(crate) fn window(seed: u64) -> Window {
    if seed.is_multiple_of(2) {
        Window::Work {
            multiple_ppm: 2_000_000,
        }
    } else {
        Window::Time { seconds: 900 }
    }
}

/// The pool's part: one and a half percent.
pub(crate) fn fee() -> Fee {
    Fee::from_ppm(15_000).expect("below the whole")
}

impl Process {
    /// A process that has read the journal.
    pub(crate) fn start(
        incarnation: u64,
        seed: u64,
        (coin, count): (&'static Coin, usize),
        config: &PoolConfig,
        family: &Arc<dyn Family>,
        durable: &Durable,
        now: Now,
    ) -> Self {
        let shards = (0..count).map(|shard| {
            let seed = derive(seed, &coin.purpose(&format!("pool {incarnation} {shard}")));
            let mut pool = Pool::new(config.clone(), coin.spec, family.clone(), seed);
            let (height, hashes) = durable.newest.clone();
            pool.handle(now, Input::Credited { height, hashes });
            Shard {
                pool,
                verifying: 0,
                unsettled: 0,
                persisted_work: 0,
                tick_at: None,
                is_dirty: true,
                owed: Vec::new(),
                late: None,
            }
        });
        let gate = GateConfig {
            max_connections: count * config.max_connections,
            max_per_address: 200,
            connects_per_second: 20.0,
            connect_burst: 100.0,
            max_addresses: 1 << 16,
        };
        Self {
            incarnation,
            coin,
            shards: shards.collect(),
            verification: coin.slow.map(Verification::new),
            gate: Gate::new(gate, seed),
            scheme: Pplns::restore(window(seed), fee(), durable.records()),
            book: durable.book.clone(),
            blocks: durable.blocks.clone(),
            unnoted: BTreeSet::new(),
            plans: durable.plans.clone(),
            proposals: BTreeMap::new(),
            submissions: BTreeMap::new(),
            request: 0,
            is_waiting: false,
            preferred: 0,
        }
    }

    /// Shares a template's reward out; ids of plans count up from `first_id`.
    pub(crate) fn plan(
        &mut self,
        family: &dyn Family,
        template: &Template,
        unix_s: u64,
        first_id: u64,
    ) -> Planned {
        let network_work = template.network_target.work().get();
        self.scheme.observe_network(network_work);
        let distribution = self.scheme.distribute(&BlockReward {
            reward: template.reward,
            network_work,
            time_s: unix_s,
            finder: None,
        });
        let pool: Account = self.coin.pool_address().into();
        let mut planned = Planned {
            distribution,
            plans: Vec::new(),
            payouts: Vec::new(),
        };
        for (id, max_outputs) in (first_id..).zip(TIERS) {
            let limits = Limits {
                max_outputs,
                dust: DUST,
            };
            let pays_miners = self.coin.spec.block_pays_miners();
            let plan = if pays_miners {
                plan(&planned.distribution, &pool, &self.book, limits)
            } else {
                hold(&planned.distribution, &pool)
            };
            let outputs = plan.outputs.iter().map(|(account, amount)| PayoutOutput {
                script: script(self.coin, family, account),
                amount: *amount,
            });
            let payout = PayoutPlan {
                id,
                outputs: outputs.collect(),
            };
            planned.payouts.push(Arc::new(payout));
            planned.plans.push((id, Arc::new(plan)));
            if !pays_miners {
                break;
            }
        }
        planned
    }

    /// Plans that one template uses up.
    pub(crate) const fn tiers() -> u64 {
        TIERS.len() as u64
    }

    /// Forgets plans that no job can pay any more.
    pub(crate) fn forget_plans(&mut self, newest: u64) {
        let paid: Vec<u64> = self.blocks.values().map(|b| b.plan).collect();
        self.plans.retain(|id, _| id + 600 >= newest || paid.contains(id));
    }
}

/// The script that pays an account.
pub(crate) fn script(coin: &Coin, family: &dyn Family, account: &str) -> Vec<u8> {
    family
        .payout_script(coin.spec, account)
        .expect("the simulation makes valid addresses")
}

impl Proposal {
    /// As the pools take it.
    pub(crate) fn payouts(&self) -> Payouts {
        Payouts::Shared(self.payouts.clone())
    }
}
