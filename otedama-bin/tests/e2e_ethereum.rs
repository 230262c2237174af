//! An Ethereum Classic pool on a node that judges every seal by itself.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test of real processes in real time"
)]

mod loopback;
mod miners;
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use loopback::geth::{DIFFICULTY, Geth, Notify, Seal};
use loopback::listening::Listening;
use loopback::{Light, bytes};
use miners::ethereum::EthMiner;
use miners::{Job, Miner, Share};
use otedama_hash::{Algorithm, Hash256, PowInput, Registry, Target};
use otedama_stratum::v1::dialect::ethereum::MinerNonce;
use otedama_stratum::v1::dialect::ethereum::Protocol::{self, Proxy, V1, V2};
use support::journal::Journal;
use support::owed::{self, Mined};
use support::program::{Pool, Setup};
use support::wait_until;

/// Where the pool's own part goes.
const POOL: &str = "0x00000000000000000000000000000000000000f0";
const ALICE: &str = "0xb85150eb365e7df0941f0cf08235f987ba91506a";
const BOB: &str = "0x0000000000000000000000000000000000000b0b";
const CAROL: &str = "0x00000000000000000000000000000000000ca401";
/// Hashes of a share: 16 on average.
const SHARE: f64 = 16.0 / 4_294_967_296.0;
/// What a block of the first era pays, in gwei.
const REWARD: i64 = 5_000_000_000;

fn setup(dir: &Path, node: &Geth) -> Setup {
    let chain = format!(
        "coin: ETC\nnetwork: regtest\npayout_address: \"{POOL}\"\nnotify_address: \"127.0.0.1:0\"\n\
         health_check: 1s\nnodes: [{}]\nvardiff: {{ start: {SHARE:?}, min: {SHARE:?}, max: {SHARE:?} }}\n",
        node.config()
    );
    Setup {
        chain,
        // Sessions land on different threads.
        pool: "shards: 3\n".to_owned(),
        ..Setup::development(dir.join("pool.db"))
    }
}

/// What a block's hash has to meet.
fn network_target() -> Target {
    Target::from_be_hex(&const_hex::encode(bytes::target(DIFFICULTY))).unwrap()
}

/// Shares that a pool took, by account.
#[derive(Default)]
struct Taken(BTreeMap<String, Vec<Share>>);

impl Taken {
    fn add(&mut self, account: &str, share: Share) {
        self.0.entry(account.to_owned()).or_default().push(share);
    }

    /// The journal holds exactly these, at what they were worth.
    fn check(&self, database: &Path) {
        let journal = Journal::open(database);
        let hashes = |shares: &[Share]| -> BTreeSet<String> {
            shares.iter().map(|share| share.hash.to_string()).collect()
        };
        let credits = journal.credits();
        assert_eq!(credits.len(), self.0.len());
        for (account, shares) in &self.0 {
            let proven: u128 = shares.iter().map(|share| share.job.target.work().get()).sum();
            assert_eq!(credits[account], (proven, shares.len()), "{account}");
            let rows = journal.shares().into_iter().filter(|row| row.account == *account);
            let rows: BTreeSet<_> = rows.map(|row| row.hash).collect();
            assert_eq!(rows, hashes(shares), "{account}");
        }
    }
}

/// Mines shares until the node has one block more.
fn mine_block(miner: &mut EthMiner, account: &str, node: &Geth, light: &mut Light, taken: &mut Taken) {
    let work = node.work();
    wait_for(miner, work.seal_hash());
    loop {
        let target = miner.job().target;
        let share = miner.find(target, light);
        assert_eq!(miner.submit(&share).unwrap(), Ok(()));
        let is_block = network_target().is_met_by(&share.hash);
        taken.add(account, share);
        if is_block {
            wait_until("the node to have the block", Duration::from_secs(20), || {
                node.height() == work.number
            });
            return;
        }
    }
}

/// Waits until the newest job has this header.
fn wait_for(miner: &mut EthMiner, header: [u8; 32]) {
    let has = |job: &Job| job.header == header;
    miner
        .wait(|session| session.jobs.last().is_some_and(has))
        .unwrap();
}

/// Waits until the pool has looked for its block at `height`, below the tip, and judged what it saw.
fn wait_until_looked_for(node: &Geth, listening: &Listening, height: u64) {
    let tip = const_hex::encode(node.grow());
    // Work on the tip asks for the tip's header, from here on for none below it.
    wait_until("the new tip", Duration::from_secs(10), || {
        listening.chain(0)["tip"] == tip
    });
    // It looks at every new tip. When it looks again, it has judged what it saw before.
    for _ in 0..2 {
        let calls = node.block_calls(height);
        node.grow();
        wait_until("the pool to look for its blocks", Duration::from_secs(10), || {
            node.block_calls(height) > calls
        });
    }
}

#[test]
fn ten_blocks_of_each_protocol_are_taken() {
    let dir = tempfile::tempdir().unwrap();
    let (node, mut light) = (Geth::start(), Light::new(Algorithm::ETCHASH));
    let setup = setup(dir.path(), &node);
    let pool = Pool::start(dir.path(), &setup);
    let listening = Listening::of(dir.path());
    node.notify(listening.notify(0), Notify::Strings);

    let mut miners = [(V1, ALICE), (V2, BOB), (Proxy, CAROL)].map(|(protocol, account)| {
        let user = format!("{account}.rig");
        let miner = EthMiner::login(pool.stratum(), protocol, &user).unwrap();
        (miner, account)
    });
    let (mut taken, mut counted) = (Taken::default(), owed::Counted::default());
    for _ in 0..10 {
        for (miner, account) in &mut miners {
            mine_block(miner, account, &node, &mut light, &mut taken);
            counted.look(&setup.database, || node.height());
        }
    }
    for (miner, account) in &mut miners {
        wait_for(miner, node.work().seal_hash());
        let job = miner.job();
        assert_eq!(job.seed, (*account != BOB).then_some([0; 32]));
        assert_eq!(job.height, if *account == BOB { 31 } else { 0 });
    }
    assert_eq!(miners[1].0.algorithm.as_deref(), Some("etchash"));
    assert_eq!(miners[1].0.epoch, Some(0));

    let blocks = node.blocks();
    assert_eq!(blocks.len(), 30);
    let hashes: Vec<_> = blocks.iter().map(|block| Seal::Accepted(block.hash())).collect();
    assert_eq!(node.seals(), hashes, "the node took all that it was given");

    // Blocks whose header the node doesn't show go by their seal hash. The API lists the last twenty.
    let expected = |from: usize| -> Vec<_> {
        let blocks = blocks[from..].iter();
        blocks
            .map(|block| (block.number, const_hex::encode(block.seal_hash())))
            .collect()
    };
    wait_until("the API to list the blocks", Duration::from_secs(10), || {
        listening.blocks(0, "accepted") == expected(10)
    });
    let last = const_hex::encode(blocks.last().unwrap().hash());
    wait_until("the last tip", Duration::from_secs(10), || {
        listening.chain(0)["tip"] == last
    });
    wait_until_looked_for(&node, &listening, 30);
    assert_eq!(listening.blocks(0, "accepted"), expected(10));
    let owed_at_last = listening.owed("ETC");
    pool.stop();

    taken.check(&setup.database);
    let journal = Journal::open(&setup.database);
    let rows = journal.blocks();
    assert_eq!(rows.len(), 30);
    let mined = expected(0).into_iter().map(|(height, id)| Mined {
        height,
        id,
        reward: REWARD.unsigned_abs(),
    });
    let owed = owed::check(&setup.database, &mined.collect::<Vec<_>>(), &counted);
    assert!(
        owed::is_shared(&setup.database, 3),
        "no block is shared: {owed:?}"
    );
    assert!(owed.keys().eq([BOB, CAROL, ALICE]), "{owed:?}");
    assert_eq!(journal.owed(), owed);
    assert_eq!(owed_at_last, 30 * (REWARD - REWARD / 100));
    assert_eq!(owed.values().sum::<i64>(), owed_at_last);
}

#[test]
fn a_posted_header_names_blocks_by_their_own_hash() {
    let dir = tempfile::tempdir().unwrap();
    let (node, mut light) = (Geth::start(), Light::new(Algorithm::ETCHASH));
    let setup = setup(dir.path(), &node);
    let pool = Pool::start(dir.path(), &setup);
    let listening = Listening::of(dir.path());
    let mut miner = EthMiner::login(pool.stratum(), V2, ALICE).unwrap();
    miner.job();
    node.notify(listening.notify(0), Notify::Header);

    let mut taken = Taken::default();
    for _ in 0..3 {
        let work = node.refresh();
        wait_for(&mut miner, work.seal_hash());
        mine_block(&mut miner, ALICE, &node, &mut light, &mut taken);
    }
    let expected: Vec<_> = node
        .blocks()
        .iter()
        .map(|block| (block.number, const_hex::encode(block.hash())))
        .collect();
    wait_until("the API to list the blocks", Duration::from_secs(10), || {
        listening.blocks(0, "accepted") == expected
    });
    pool.stop();
    taken.check(&setup.database);
}

#[test]
fn two_solutions_of_one_work_are_one_block() {
    let dir = tempfile::tempdir().unwrap();
    let (node, mut light) = (Geth::start(), Light::new(Algorithm::ETCHASH));
    let setup = setup(dir.path(), &node);
    let pool = Pool::start(dir.path(), &setup);
    let listening = Listening::of(dir.path());
    let mut miner = EthMiner::login(pool.stratum(), V1, ALICE).unwrap();
    let solutions: Vec<_> = std::iter::repeat_with(|| miner.find(network_target(), &mut light))
        .take(3)
        .collect();
    assert_eq!(
        miner.submit_together(&solutions).unwrap(),
        [Ok(()), Ok(()), Ok(())]
    );
    let block = vec![(1, const_hex::encode(node.blocks()[0].seal_hash()))];
    wait_until("the block", Duration::from_secs(10), || {
        listening.blocks(0, "accepted") == block
    });
    wait_until_looked_for(&node, &listening, 1);
    let chain = listening.chain(0);
    assert_eq!(chain["blocks"].as_array().unwrap().len(), 1, "{chain}");
    assert_eq!(listening.owed("ETC"), REWARD - REWARD / 100);
    pool.stop();
    let mut taken = Taken::default();
    for share in solutions {
        taken.add(ALICE, share);
    }
    taken.check(&setup.database);
    assert_eq!(
        Journal::open(&setup.database).owed()[ALICE],
        REWARD - REWARD / 100
    );
}

/// A proof that is said to meet the target, but whose mix is none of the dataset's.
fn with_wrong_mix(job: &Job, nonce: u64) -> Share {
    let registry = Registry::with_builtin();
    let backend = registry.get(Algorithm::ETCHASH).unwrap();
    let input = PowInput {
        blob: &job.header,
        nonce,
        height: 0,
    };
    let mixes = (0_u64..).map(|number| bytes::keccak(&number.to_be_bytes()));
    let claims = mixes.map(|mix| (mix, backend.claimed(&input, &mix).unwrap()));
    let (mix, hash) = claims
        .into_iter()
        .find(|(_, hash)| job.target.is_met_by(hash))
        .unwrap();
    Share {
        job: job.clone(),
        nonce,
        hash,
        mix,
    }
}

/// A nonce from `start` on that is worth nothing.
fn worthless(job: &Job, start: u64, light: &mut Light) -> u64 {
    let mut is_met = |nonce| {
        let (hash, _) = light.hash(&job.header, nonce, 0);
        job.target.is_met_by(&Hash256::from_be_bytes(hash))
    };
    (start..=u64::MAX).find(|nonce| !is_met(*nonce)).unwrap()
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "needs a second address on loopback")]
fn wrong_proofs_are_refused_and_in_the_end_banned() {
    let dir = tempfile::tempdir().unwrap();
    let (node, mut light) = (Geth::start(), Light::new(Algorithm::ETCHASH));
    let setup = setup(dir.path(), &node);
    let pool = Pool::start(dir.path(), &setup);
    let source = "127.0.0.2".parse().unwrap();
    let login = || EthMiner::login_from(source, pool.stratum(), Proxy, ALICE);
    let mut miner = login().unwrap();
    let job = miner.job();
    let mut refused = 0;
    let mut nonce = 0;
    loop {
        // Another one each time, as the same would be a duplicate.
        nonce = worthless(&job, nonce + 1, &mut light);
        match miner.submit(&with_wrong_mix(&job, nonce)) {
            Ok(verdict) => {
                let (code, message) = verdict.unwrap_err();
                assert_eq!(code, -1);
                assert!(message.contains("proof of work is not"), "{message}");
                refused += 1;
            }
            Err(_) => break,
        }
        assert!(refused < 10, "nobody is banned");
    }
    assert!(refused >= 2, "a single one may be an accident");
    let again = login().and_then(|mut miner| miner.wait(|session| !session.jobs.is_empty()));
    assert!(again.is_err(), "who is banned can't come back");
    // Others mine on.
    let mut other = EthMiner::login(pool.stratum(), V1, BOB).unwrap();
    let target = other.job().target;
    let share = other.find(target, &mut light);
    assert_eq!(other.submit(&share).unwrap(), Ok(()));
    let listening = Listening::of(dir.path());
    wait_until("the share to be counted", Duration::from_secs(10), || {
        listening.chain(0)["shares"]["accepted"] == 1
    });
    pool.stop();
    assert!(
        Journal::open(&setup.database)
            .shares()
            .iter()
            .all(|share| share.account == BOB)
    );
    assert!(node.seals().iter().all(|seal| matches!(seal, Seal::Accepted(_))));
}

#[test]
fn shares_that_are_none_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (node, mut light) = (Geth::start(), Light::new(Algorithm::ETCHASH));
    let setup = setup(dir.path(), &node);
    let pool = Pool::start(dir.path(), &setup);
    let mut taken = Taken::default();
    for (protocol, account, codes) in [
        (V1, ALICE, [20, 21, 22]),
        (V2, BOB, [400, 404, 409]),
        (Proxy, CAROL, [-1, 21, 22]),
    ] {
        let mut miner = EthMiner::login(pool.stratum(), protocol, account).unwrap();
        let [other, unknown, duplicate] = codes;
        let job = miner.job();
        // A share that is no block, or the job would be over.
        let share = loop {
            let share = miner.find(job.target, &mut light);
            if !network_target().is_met_by(&share.hash) {
                break share;
            }
        };
        if protocol != Proxy {
            // All digits of the nonce, and so one that need not lie in the session's range.
            let foreign = MinerNonce::behind(0, !share.nonce).unwrap();
            let (code, message) = miner.submit_digits(&job.id, foreign).unwrap().unwrap_err();
            assert_eq!((code, message.contains("range of this session")), (other, true));
        }
        let mut elsewhere = share.clone();
        elsewhere.job.id = format!(
            "{:x}",
            u32::from_str_radix(&job.id, 16).unwrap_or(0) ^ 0x4000_0000
        );
        elsewhere.job.header[7] ^= 1;
        assert_eq!(miner.submit(&elsewhere).unwrap().unwrap_err().0, unknown);
        assert_eq!(miner.submit(&share).unwrap(), Ok(()));
        assert_eq!(miner.submit(&share).unwrap().unwrap_err().0, duplicate);
        taken.add(account, share);
    }
    pool.stop();
    taken.check(&setup.database);
}

/// A share that is no block.
fn plain_share(miner: &mut EthMiner, light: &mut Light) -> Share {
    let target = miner.job().target;
    std::iter::repeat_with(|| miner.find(target, light))
        .find(|share| !network_target().is_met_by(&share.hash))
        .unwrap()
}

#[test]
fn all_sessions_together_are_credited_once_for_a_nonce() {
    let dir = tempfile::tempdir().unwrap();
    let (node, mut light) = (Geth::start(), Light::new(Algorithm::ETCHASH));
    let setup = setup(dir.path(), &node);
    let pool = Pool::start(dir.path(), &setup);
    let login = |protocol: Protocol| EthMiner::login(pool.stratum(), protocol, ALICE).unwrap();
    let mut taken = Taken::default();
    // Whoever speaks eth-proxy chooses the whole nonce, but those of the other sessions are theirs: to it they are stale.
    for (protocol, refusal) in [(V1, 21), (V2, 21), (Proxy, 22)] {
        let mut first = login(protocol);
        let share = plain_share(&mut first, &mut light);
        assert_eq!(first.submit(&share).unwrap(), Ok(()));
        taken.add(ALICE, share.clone());
        for number in 0..6 {
            let (code, message) = login(Proxy).submit(&share).unwrap().unwrap_err();
            assert_eq!(code, refusal, "{protocol:?}, session {number}: {message}");
        }
    }
    pool.stop();
    taken.check(&setup.database);
}

#[test]
fn work_that_comes_back_brings_no_second_credit() {
    let dir = tempfile::tempdir().unwrap();
    let (node, mut light) = (Geth::start(), Light::new(Algorithm::ETCHASH));
    let setup = setup(dir.path(), &node);
    let pool = Pool::start(dir.path(), &setup);
    node.notify(Listening::of(dir.path()).notify(0), Notify::Strings);
    let mut miners =
        [V1, V2, Proxy].map(|protocol| EthMiner::login(pool.stratum(), protocol, ALICE).unwrap());
    let mut taken = Taken::default();
    let mut shares = Vec::new();
    let first = node.work();
    for miner in &mut miners {
        let share = plain_share(miner, &mut light);
        assert_eq!(share.job.header, first.seal_hash());
        assert_eq!(miner.submit(&share).unwrap(), Ok(()));
        taken.add(ALICE, share.clone());
        shares.push(share);
    }
    let second = node.refresh();
    for miner in &mut miners {
        wait_for(miner, second.seal_hash());
    }
    node.go_back_to(&first);
    for (miner, share) in miners.iter_mut().zip(&shares) {
        wait_for(miner, first.seal_hash());
        let job = miner.job();
        let again = Share { job, ..share.clone() };
        let (code, message) = miner.submit(&again).unwrap().unwrap_err();
        assert!([22, 409].contains(&code), "{code}: {message}");
        // Work on it goes on.
        let share = plain_share(miner, &mut light);
        assert_eq!(miner.submit(&share).unwrap(), Ok(()));
        taken.add(ALICE, share);
    }
    pool.stop();
    taken.check(&setup.database);
}

#[test]
fn a_seal_that_a_busy_node_refuses_is_handed_over_again() {
    let (dir, node) = (tempfile::tempdir().unwrap(), Geth::start());
    let (setup, mut light) = (setup(dir.path(), &node), Light::new(Algorithm::ETCHASH));
    let pool = Pool::start(dir.path(), &setup);
    let mut miner = EthMiner::login(pool.stratum(), V2, ALICE).unwrap();
    let mut taken = Taken::default();
    for _ in 0..2 {
        node.be_busy_for(2);
        mine_block(&mut miner, ALICE, &node, &mut light, &mut taken);
    }
    assert_eq!(node.calls("eth_submitWork").len(), 6);
    wait_until("the blocks to count", Duration::from_secs(20), || {
        let blocks = Journal::open(&setup.database).blocks();
        blocks.values().filter(|block| block.status == "accepted").count() == 2
    });
    let log = || std::fs::read_to_string(dir.path().join("serve.log")).unwrap();
    wait_until("the wrong payee to be named", Duration::from_secs(20), || {
        log().contains("do not pay payout_address")
    });
    pool.stop();
    assert_eq!(log().matches("do not pay payout_address").count(), 1, "said once");
    taken.check(&setup.database);
}

#[test]
fn who_is_told_of_work_asks_for_it_at_once() {
    // How often a node is asked that posts nothing.
    const POLL: Duration = Duration::from_millis(500);
    let dir = tempfile::tempdir().unwrap();
    let node = Geth::start();
    let mut setup = setup(dir.path(), &node);
    setup.chain.push_str("template_refresh: 10m\n");
    let pool = Pool::start(dir.path(), &setup);
    let mut miner = EthMiner::login(pool.stratum(), V2, ALICE).unwrap();
    miner.job();
    node.notify(Listening::of(dir.path()).notify(0), Notify::Strings);
    let gaps = || -> Vec<_> {
        let calls = node.calls("eth_getWork");
        calls.windows(2).map(|pair| pair[1] - pair[0]).collect()
    };
    wait_until("the first poll", Duration::from_secs(20), || {
        gaps().iter().any(|gap| *gap >= POLL)
    });
    // The work stays the same, so that without the posts two calls were never closer than that. How quick the pool is
    // doesn't matter: one that came earlier is enough.
    wait_until("work that is asked for early", Duration::from_secs(60), || {
        let before = gaps().len();
        node.post_again();
        wait_until("the next call", Duration::from_secs(20), || gaps().len() > before);
        gaps()[before] < POLL
    });
    let work = node.refresh();
    wait_for(&mut miner, work.seal_hash());
    pool.stop();
}
