//! The development chain takes what the family builds.

mod fixture;

use std::collections::BTreeSet;
use std::sync::Arc;

use otedama_chain::dev::{Accepted, DevChain, DevConfig, DevConfigError, RejectReason};
use otedama_chain::{Block, ChainSpec, Job, Template, coins, family};
use otedama_hash::{Algorithm, EpochKey, Hash256, Hasher, Hits, PowHash, Registry, ScanWork};

const START_S: u64 = 1_800_000_000;

/// A miner that counts its hashes, so that time can follow from them.
struct Miner {
    spec: &'static ChainSpec,
    hasher: Box<dyn Hasher>,
    hashes: u64,
}

impl Miner {
    fn new(spec: &'static ChainSpec) -> Self {
        let registry = Registry::with_builtin();
        let backend = registry.get(spec.algorithm).expect("built in");
        let hasher = backend.verifier(EpochKey::default()).expect("ready");
        Self {
            spec,
            hasher,
            hashes: 0,
        }
    }

    fn template(&self, chain: &DevChain, now_unix_s: u64) -> Arc<Template> {
        fixture::parse(self.spec, &chain.template_json(now_unix_s))
    }

    fn solve(&mut self, job: &Job) -> Block {
        let family = family(self.spec);
        let extranonce = [3; 12];
        let mut submission = fixture::submission(job, &extranonce);
        let header = family.pow_input(job, &submission).expect("a header");
        let work = ScanWork {
            height: 0,
            blob: &header,
            target: job.template().network_target,
            stop: None,
        };
        let mut hits = Hits::with_capacity(1);
        self.hashes += self.hasher.scan(&work, 0..1 << 32, &mut hits);
        submission.nonce = hits.as_slice()[0].nonce;
        family
            .assemble(job, &submission, &PowHash::default())
            .expect("a block")
    }

    /// A block on the tip, whose coinbase shows `tag`.
    fn mine(&mut self, chain: &DevChain, now_unix_s: u64, tag: &[u8]) -> Block {
        let job = fixture::job(self.spec, &self.template(chain, now_unix_s), tag);
        self.solve(&job)
    }

    /// Mines on the tip and submits; panics if the block is refused.
    fn extend(&mut self, chain: &mut DevChain, now_unix_s: u64, tag: &[u8]) -> Accepted {
        let block = self.mine(chain, now_unix_s, tag);
        let accepted = chain.submit(&block.bytes, now_unix_s).expect("a valid block");
        assert_eq!(
            accepted,
            Accepted {
                hash: block.hash,
                height: chain.tip().1,
                tip_changed: true
            }
        );
        assert_eq!(chain.tip().0, block.hash);
        accepted
    }
}

fn config() -> DevConfig {
    DevConfig {
        block_interval_s: 10,
        initial_bits: 0x207f_ffff,
        ..DevConfig::default()
    }
}

#[test]
fn three_hundred_blocks_settle_at_the_interval_and_pay_everybody() {
    const HASHES_PER_S: u64 = 100;
    let mut chain = DevChain::new(config()).expect("a chain");
    let mut miner = Miner::new(&coins::dev::REGTEST);
    let (mut reward, mut fees, mut bits) = (0, 0, BTreeSet::new());
    for height in 1..=300 {
        let now = START_S + miner.hashes / HASHES_PER_S;
        let template = miner.template(&chain, now);
        assert_eq!((template.height, template.prev_hash), (height, chain.tip().0));
        reward += template.reward;
        fees += template.fees;
        let job = fixture::job(miner.spec, &template, b"/otedama/");
        bits.insert(job.header_parts().expect("a header").bits);
        let block = miner.solve(&job);
        // The block's own time is the template's, which the clock has left behind by now.
        let now = START_S + miner.hashes / HASHES_PER_S;
        assert!(
            chain
                .submit(&block.bytes, now)
                .expect("a valid block")
                .tip_changed
        );
    }
    assert_eq!(chain.tip().1, 300);
    assert_eq!(chain.paid_to(&[&[0, 20][..], &[7; 20]].concat()), reward);
    assert_eq!(chain.paid_to(&[0x51]), 0);
    assert!(fees > 0);
    assert!(bits.len() > 100, "the difficulty moves");
    let best: Vec<_> = chain.best_chain().collect();
    assert_eq!(best.len(), 301);
    let (newest, older) = (best[0].time_s, best[200].time_s);
    let mean = f64::from(newest - older) / 200.0;
    assert!((6.0..15.0).contains(&mean), "blocks come every {mean} s");
    assert_eq!(
        best.iter().flat_map(|b| b.payouts).map(|o| o.amount).sum::<u64>(),
        reward
    );
}

#[test]
fn same_blocks_same_chain() {
    let run = || {
        let mut chain = DevChain::new(config()).expect("a chain");
        let mut miner = Miner::new(&coins::dev::REGTEST);
        for i in 0..40 {
            miner.extend(&mut chain, START_S + 7 * i, b"");
        }
        (chain.tip(), chain.template_json(START_S + 1_000))
    };
    assert_eq!(run(), run());
}

#[test]
fn templates_grow_with_time_and_change_with_the_tip() {
    let mut chain = DevChain::new(config()).expect("a chain");
    let mut miner = Miner::new(&coins::dev::REGTEST);
    miner.extend(&mut chain, START_S, b"");
    let (early, late) = (
        miner.template(&chain, START_S),
        miner.template(&chain, START_S + 20),
    );
    assert!(late.fees > early.fees);
    assert_ne!(late.long_poll_id, early.long_poll_id);
    // A block of the earlier template is as good.
    let block = miner.solve(&fixture::job(miner.spec, &early, b""));
    assert!(chain.submit(&block.bytes, START_S + 20).is_ok());
    assert_ne!(
        miner.template(&chain, START_S + 20).long_poll_id,
        late.long_poll_id
    );
}

#[test]
fn without_mempool_blocks_are_empty() {
    let config = DevConfig {
        mempool: false,
        ..config()
    };
    let mut chain = DevChain::new(config).expect("a chain");
    let mut miner = Miner::new(&coins::dev::REGTEST);
    let template = miner.template(&chain, START_S + 100);
    assert_eq!(template.fees, 0);
    miner.extend(&mut chain, START_S, b"");
    assert_eq!(chain.tip().1, 1);
}

#[test]
fn the_longer_branch_wins_and_the_first_seen_keeps_a_tie() {
    let spec = &coins::btc::REGTEST;
    let config = DevConfig { spec, ..config() };
    let [mut ours, mut theirs, mut alone] = [(); 3].map(|()| DevChain::new(config).expect("a chain"));
    let mut miner = Miner::new(spec);
    for i in 0..5 {
        let block = miner.mine(&ours, START_S + i, b"shared");
        for chain in [&mut ours, &mut theirs, &mut alone] {
            assert!(
                chain
                    .submit(&block.bytes, START_S + i)
                    .expect("valid")
                    .tip_changed
            );
        }
    }
    let ours_script = [&[0, 20][..], &[7; 20]].concat();
    let before = ours.paid_to(&ours_script);
    let (fork, _) = ours.tip();
    for i in 0..3 {
        let block = miner.mine(&ours, START_S + 100 + i, b"ours");
        for chain in [&mut ours, &mut alone] {
            assert!(
                chain
                    .submit(&block.bytes, START_S + 100 + i)
                    .expect("valid")
                    .tip_changed
            );
        }
    }
    let orphaned = ours.tip().0;
    let paid_on_our_branch = ours.paid_to(&ours_script);

    // The other branch pays somebody else.
    let other_script = vec![0x51];
    let mut branch = vec![];
    for i in 0..4 {
        let now = START_S + 200 + i;
        let template = miner.template(&theirs, now);
        let output = otedama_chain::PayoutOutput {
            script: other_script.clone(),
            amount: template.reward,
        };
        let plan = Arc::new(otedama_chain::PayoutPlan {
            id: 2,
            outputs: vec![output],
        });
        let job = family(spec)
            .build_job(spec, template, plan, b"theirs")
            .expect("a job");
        let block = miner.solve(&job);
        assert!(theirs.submit(&block.bytes, now).expect("valid").tip_changed);
        branch.push(block);
    }
    for (i, block) in branch.iter().enumerate() {
        assert_eq!(ours.paid_to(&ours_script), paid_on_our_branch);
        assert_eq!(ours.tip().0, orphaned);
        let accepted = ours.submit(&block.bytes, START_S + 300).expect("valid");
        assert_eq!(
            accepted.tip_changed,
            i == 3,
            "equal work does not replace the tip"
        );
    }
    assert_eq!(ours.tip(), (branch[3].hash, 9));
    assert_eq!(ours.paid_to(&ours_script), before);
    assert!(ours.paid_to(&other_script) >= 4 * 5_000_000_000);
    assert_eq!(ours.header(&orphaned).map(|h| h.confirmations), Some(-1));
    assert_eq!(ours.header(&fork).map(|h| h.confirmations), Some(5));
    assert_eq!(
        ours.header(&branch[3].hash).map(|h| (h.confirmations, h.height)),
        Some((1, 9))
    );
    assert_eq!(
        ours.submit(&branch[3].bytes, START_S + 300),
        Err(RejectReason::Duplicate)
    );
    assert_eq!(
        ours.submit(&branch[0].bytes, START_S + 300),
        Err(RejectReason::Duplicate)
    );

    // The old branch comes back when it gets longer.
    for tip_changed in [false, true] {
        let block = miner.mine(&alone, START_S + 400, b"ours");
        alone.submit(&block.bytes, START_S + 400).expect("valid");
        assert_eq!(
            ours.submit(&block.bytes, START_S + 400).map(|a| a.tip_changed),
            Ok(tip_changed)
        );
    }
    assert_eq!(ours.tip(), alone.tip());
    assert_eq!(ours.paid_to(&ours_script), alone.paid_to(&ours_script));
    assert_eq!(ours.paid_to(&other_script), 0);
    assert_eq!(ours.header(&orphaned).map(|h| h.confirmations), Some(3));
    assert_eq!(ours.header(&branch[0].hash).map(|h| h.confirmations), Some(-1));
    for i in 0..290 {
        miner.extend(&mut ours, START_S + 500 + i, b"");
    }
    assert!(
        branch.iter().all(|block| ours.header(&block.hash).is_none()),
        "forgotten"
    );
}

#[test]
fn branches_far_below_the_tip_are_refused() {
    let spec = &coins::btc::REGTEST;
    let config = DevConfig { spec, ..config() };
    let (mut chain, mut young) = (
        DevChain::new(config).expect("a chain"),
        DevChain::new(config).expect("a chain"),
    );
    let mut miner = Miner::new(spec);
    let first = miner.mine(&chain, START_S, b"");
    for chain in [&mut chain, &mut young] {
        chain.submit(&first.bytes, START_S).expect("valid");
    }
    let late = miner.mine(&young, START_S + 1, b"late");
    let on_late = {
        young.submit(&late.bytes, START_S + 1).expect("valid");
        miner.mine(&young, START_S + 2, b"late")
    };
    for i in 0..288 {
        miner.extend(&mut chain, START_S + 10 + i, b"");
    }
    assert_eq!(
        chain.submit(&late.bytes, START_S + 400).map(|a| a.tip_changed),
        Ok(false)
    );
    miner.extend(&mut chain, START_S + 500, b"");
    // Its parent is known, but the branch leaves the best chain too far below.
    assert_eq!(
        chain.submit(&on_late.bytes, START_S + 500),
        Err(RejectReason::TooDeep)
    );
    miner.extend(&mut chain, START_S + 501, b"");
    miner.extend(&mut chain, START_S + 502, b"");
    assert_eq!(chain.header(&late.hash), None, "forgotten");
    assert_eq!(
        chain.submit(&late.bytes, START_S + 502),
        Err(RejectReason::TooDeep)
    );
    assert_eq!(
        chain.submit(&on_late.bytes, START_S + 502),
        Err(RejectReason::UnknownParent)
    );
}

#[test]
fn blocks_beside_the_best_chain_are_bounded() {
    let config = DevConfig {
        spec: &coins::btc::REGTEST,
        mempool: false,
        ..config()
    };
    let mut chain = DevChain::new(config).expect("a chain");
    let mut miner = Miner::new(config.spec);
    let template = miner.template(&chain, START_S);
    let mut sibling = |i: u32| miner.solve(&fixture::job(config.spec, &template, &i.to_le_bytes()));
    for i in 0..=4_096 {
        let accepted = chain.submit(&sibling(i).bytes, START_S).expect("valid");
        assert_eq!(accepted.tip_changed, i == 0);
    }
    assert_eq!(
        chain.submit(&sibling(4_097).bytes, START_S),
        Err(RejectReason::TooManyBranches)
    );
    miner.extend(&mut chain, START_S + 1, b"the best chain goes on");
}

#[test]
fn payouts_of_deep_blocks_are_forgotten_but_their_sum_is_not() {
    let config = DevConfig {
        spec: &coins::btc::REGTEST,
        mempool: false,
        ..config()
    };
    let mut chain = DevChain::new(config).expect("a chain");
    let mut miner = Miner::new(config.spec);
    let mut paid = 0;
    for i in 0..1_005 {
        paid += miner.template(&chain, START_S + i).reward;
        miner.extend(&mut chain, START_S + i, b"");
    }
    let remembered = chain
        .best_chain()
        .filter(|block| !block.payouts.is_empty())
        .count();
    assert_eq!(remembered, 1_000);
    assert_eq!(chain.paid_to(&[&[0, 20][..], &[7; 20]].concat()), paid);
}

#[test]
fn previews_are_valid_blocks() {
    let spec = &coins::btc::REGTEST;
    let mut chain = DevChain::new(DevConfig { spec, ..config() }).expect("a chain");
    let mut miner = Miner::new(spec);
    for i in 0..20 {
        let now = START_S + i;
        let template = miner.template(&chain, now);
        let tip = miner.extend(&mut chain, now, b"full").hash;
        let header = chain.header(&tip).expect("known");
        let preview = family(spec)
            .preview(spec, &template, &header.tip())
            .expect("possible");
        let block = miner.solve(&fixture::job(spec, &Arc::new(preview), b"preview"));
        assert!(chain.submit(&block.bytes, now).expect("valid").tip_changed);
    }
    assert_eq!(chain.tip().1, 40);
}

#[test]
fn a_scrypt_chain_works_too() {
    let spec = &coins::ltc::REGTEST;
    let mut chain = DevChain::new(DevConfig { spec, ..config() }).expect("a chain");
    let mut miner = Miner::new(spec);
    for i in 0..3 {
        miner.extend(&mut chain, START_S + i, b"");
    }
    assert_eq!(chain.tip().1, 3);
}

#[test]
fn configurations_that_make_no_chain() {
    let error = |config: DevConfig| DevChain::new(config).err().expect("refused");
    assert_eq!(
        error(DevConfig {
            initial_bits: 0,
            ..config()
        }),
        DevConfigError::Bits(0)
    );
    assert_eq!(
        error(DevConfig {
            block_interval_s: 0,
            ..config()
        }),
        DevConfigError::Interval
    );
    // Neither a difficulty that only real nodes know nor longer headers.
    for spec in [&coins::btc::MAINNET, &coins::rvn::REGTEST] {
        let hasher = Registry::with_builtin()
            .get(Algorithm::SHA256D)
            .expect("built in")
            .verifier(EpochKey::default());
        let config = DevConfig { spec, ..config() };
        let error = DevChain::with_hasher(config, hasher.expect("a hasher"))
            .err()
            .expect("refused");
        assert!(error.to_string().contains(&spec.to_string()), "{error}");
    }
}

#[test]
fn unknown_blocks_have_no_header() {
    let chain = DevChain::new(config()).expect("a chain");
    assert_eq!(chain.header(&Hash256::ZERO), None);
    let genesis = chain.header(&chain.tip().0).expect("known");
    assert_eq!(
        (genesis.height, genesis.prev_hash, genesis.confirmations),
        (0, None, 1)
    );
}
