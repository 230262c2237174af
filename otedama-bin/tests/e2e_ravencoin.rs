//! A Ravencoin pool on a node that judges every block by itself.
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

use bitcoin::base58;
use loopback::listening::Listening;
use loopback::raven_block::sha256d;
use loopback::ravend::{BITS, Mined, Ravend};
use loopback::{Light, raven_block};
use miners::kawpow::KawMiner;
use miners::{Job, Miner, Share};
use otedama_hash::{Algorithm, Hash256, PowInput, Registry, Target};
use support::journal::Journal;
use support::program::{Pool, Setup};
use support::wait_until;

/// Hashes of a share: 4 on average.
const SHARE: f64 = 4.0 / 4_294_967_296.0;

/// Somebody with an address of the regression test network.
#[derive(Clone, Debug)]
struct Payee {
    address: String,
    /// In hex.
    script: String,
}

impl Payee {
    /// Pays to a key's hash.
    fn key(fill: u8) -> Self {
        Self {
            address: base58::encode_check(&[&[111][..], &[fill; 20]].concat()),
            script: const_hex::encode([&[0x76, 0xa9, 0x14][..], &[fill; 20], &[0x88, 0xac]].concat()),
        }
    }

    /// Pays to a script's hash.
    fn script(fill: u8) -> Self {
        Self {
            address: base58::encode_check(&[&[196][..], &[fill; 20]].concat()),
            script: const_hex::encode([&[0xa9, 0x14][..], &[fill; 20], &[0x87]].concat()),
        }
    }
}

fn setup(dir: &Path, node: &Ravend) -> Setup {
    let chain = format!(
        "coin: RVN\nnetwork: regtest\npayout_address: {}\nhealth_check: 1s\nnodes: [{}]\n\
         vardiff: {{ start: {SHARE:?}, min: {SHARE:?}, max: {SHARE:?} }}\n",
        pool_payee().address,
        node.config()
    );
    Setup {
        chain,
        pool: "shards: 2\n".to_owned(),
        ..Setup::development(dir.join("pool.db"))
    }
}

fn pool_payee() -> Payee {
    Payee::key(0xf0)
}

fn network_target() -> Target {
    Target::from_be_hex(&const_hex::encode(raven_block::target(BITS))).unwrap()
}

/// Mines shares until the node has one block more. Returns all of them.
fn mine_block(miner: &mut KawMiner, node: &Ravend, light: &mut Light) -> Vec<Share> {
    let height = node.height() + 1;
    miner
        .wait(|session| session.jobs.last().is_some_and(|job| job.height == height))
        .unwrap();
    let mut shares = Vec::new();
    loop {
        let job = miner.job();
        // A new template on the same block brings another job with another header.
        let share = miner.find(job.target, light);
        let verdict = miner.submit(&share).unwrap();
        assert_eq!(verdict, Ok(()));
        let is_block = network_target().is_met_by(&share.hash);
        shares.push(share);
        if is_block {
            wait_until("the node to have the block", Duration::from_secs(20), || {
                node.height() == height
            });
            return shares;
        }
    }
}

/// The journal holds exactly these shares, at what they were worth.
fn check_credits(database: &Path, taken: &BTreeMap<String, Vec<Share>>) {
    let journal = Journal::open(database);
    let credits = journal.credits();
    assert_eq!(credits.len(), taken.len());
    for (account, shares) in taken {
        let proven: u128 = shares.iter().map(|share| share.job.target.work().get()).sum();
        assert_eq!(credits[account], (proven, shares.len()), "{account}");
        let rows = journal.shares().into_iter().filter(|row| row.account == *account);
        let rows: BTreeSet<_> = rows.map(|row| row.hash).collect();
        let hashes: BTreeSet<_> = shares.iter().map(|share| share.hash.to_string()).collect();
        assert_eq!(rows, hashes, "{account}");
    }
}

/// Every block that the node took is in the pool's own account, with what it pays.
fn check_blocks(database: &Path, mined: &[Mined]) {
    let journal = Journal::open(database);
    let rows = journal.blocks();
    assert_eq!(rows.len(), mined.len());
    for block in mined {
        let (row, paid) = (&rows[&block.hash], block.paid());
        assert_eq!(row.outputs, paid, "what {} pays", block.hash);
        assert_eq!(row.reward.unsigned_abs(), paid.values().sum::<u64>());
        assert_eq!(row.status, "accepted");
        assert_eq!(
            paid.values().sum::<u64>(),
            block.subsidy + block.fees,
            "no coin is given away"
        );
        let script = &block.block.transactions[0].input[0].script_sig;
        assert!(script.to_hex_string().contains(&const_hex::encode("/Otedama/")));
        assert_eq!(block.block.transactions.len(), 4, "all that the node offered");
    }
    let solved = journal.shares().iter().filter(|share| share.is_block).count();
    assert_eq!(solved, mined.len(), "every block has its share");
}

#[test]
fn ten_blocks_pay_exactly() {
    let dir = tempfile::tempdir().unwrap();
    // From a height that one opcode pushes to one that takes a byte.
    let (node, mut light) = (Ravend::start(11), Light::new(Algorithm::KAWPOW));
    let setup = setup(dir.path(), &node);
    let pool = Pool::start(dir.path(), &setup);
    let listening = Listening::of(dir.path());
    let payee = Payee::key(0xa1);
    let mut miner = KawMiner::login(pool.stratum(), &format!("{}.rig", payee.address)).unwrap();
    let mut shares = Vec::new();
    for _ in 0..10 {
        shares.extend(mine_block(&mut miner, &node, &mut light));
    }
    let job = miner.job();
    assert_eq!((job.seed, miner.bits), (Some([0; 32]), BITS));
    assert_eq!(miner.set_target, Some(job.target));

    assert_eq!(node.words(), [""; 10], "the node took all that it was given");
    let mined = node.mined();
    for block in &mined {
        let total = block.subsidy + block.fees;
        let fee = total / 100;
        let expected = BTreeMap::from([(pool_payee().script, fee), (payee.script.clone(), total - fee)]);
        assert_eq!(block.paid(), expected, "block {}", block.block.height);
        assert!(block.fees > 0 && block.subsidy == 5000 * 100_000_000);
    }
    let expected: Vec<_> = mined
        .iter()
        .map(|block| (u64::from(block.block.height), block.hash.clone()))
        .collect();
    wait_until("the API to list the blocks", Duration::from_secs(10), || {
        listening.blocks(0, "accepted") == expected
    });
    wait_until("the last tip", Duration::from_secs(10), || {
        listening.chain(0)["tip"] == mined[9].hash
    });
    // The pool looks for its blocks at every new tip. When it looks again, it has judged what it saw before.
    for _ in 0..2 {
        let calls = node.header_calls(&mined[9].hash);
        node.grow();
        wait_until("the pool to look for its blocks", Duration::from_secs(10), || {
            node.header_calls(&mined[9].hash) > calls
        });
    }
    assert_eq!(listening.blocks(0, "accepted"), expected);
    pool.stop();
    check_credits(&setup.database, &BTreeMap::from([(payee.address, shares)]));
    check_blocks(&setup.database, &mined);
}

#[test]
fn two_miners_share_blocks_across_a_halving() {
    let dir = tempfile::tempdir().unwrap();
    // The subsidy halves at 150; the height takes two bytes from 128 on.
    let (node, mut light) = (Ravend::start(144), Light::new(Algorithm::KAWPOW));
    let setup = setup(dir.path(), &node);
    let pool = Pool::start(dir.path(), &setup);
    let payees = [Payee::key(0xa1), Payee::script(0xb2)];
    let mut miners = payees
        .each_ref()
        .map(|payee| KawMiner::login(pool.stratum(), &payee.address).unwrap());
    assert_eq!(miners[0].prefix().len(), 2);
    let mut taken = BTreeMap::<String, Vec<Share>>::new();
    for _ in 0..5 {
        for (miner, payee) in miners.iter_mut().zip(&payees) {
            let shares = mine_block(miner, &node, &mut light);
            taken.entry(payee.address.clone()).or_default().extend(shares);
        }
    }
    assert_eq!(node.words(), [""; 10]);
    let mined = node.mined();
    let subsidies: BTreeSet<_> = mined.iter().map(|block| block.subsidy).collect();
    assert_eq!(
        subsidies,
        BTreeSet::from([2500 * 100_000_000, 5000 * 100_000_000])
    );
    wait_until("the verdicts", Duration::from_secs(10), || {
        let blocks = Journal::open(&setup.database).blocks();
        blocks.len() == 10 && blocks.values().all(|block| block.status == "accepted")
    });
    pool.stop();
    check_credits(&setup.database, &taken);
    check_blocks(&setup.database, &mined);
    let last = mined.last().unwrap();
    let paid = last.paid();
    // Both worked for it, and the pool has one percent, to a rest that can't be divided.
    let total = last.subsidy + last.fees;
    assert!(
        payees.iter().all(|payee| paid[&payee.script] > total / 50),
        "{paid:?}"
    );
    assert!(paid[&pool_payee().script].abs_diff(total / 100) <= 2, "{paid:?}");
}

#[test]
fn a_block_beside_another_is_orphaned() {
    let dir = tempfile::tempdir().unwrap();
    let (node, mut light) = (Ravend::start(200), Light::new(Algorithm::KAWPOW));
    let setup = setup(dir.path(), &node);
    let pool = Pool::start(dir.path(), &setup);
    let payee = Payee::key(0xa1);
    let mut miner = KawMiner::login(pool.stratum(), &payee.address).unwrap();
    let solutions: Vec<_> = std::iter::repeat_with(|| miner.find(network_target(), &mut light))
        .take(2)
        .collect();
    assert_eq!(miner.submit_together(&solutions).unwrap(), [Ok(()), Ok(())]);
    wait_until("both to be judged", Duration::from_secs(10), || {
        let mut words = node.words();
        words.sort_unstable();
        words == ["", "inconclusive"]
    });
    let listening = Listening::of(dir.path());
    let won = node.mined().remove(0).hash;
    let lost: Vec<_> = solutions
        .iter()
        .map(|share| share.hash.to_string())
        .filter(|hash| *hash != won)
        .map(|hash| (201, hash))
        .collect();
    wait_until("the other one to be orphaned", Duration::from_secs(10), || {
        listening.blocks(0, "accepted") == [(201, won.clone())] && listening.blocks(0, "orphaned") == lost
    });
    pool.stop();
    check_credits(&setup.database, &BTreeMap::from([(payee.address, solutions)]));
}

/// A proof whose claim meets the target, but whose mix is none of the dataset's.
fn with_wrong_mix(job: &Job, nonce: u64) -> Share {
    let registry = Registry::with_builtin();
    let backend = registry.get(Algorithm::KAWPOW).unwrap();
    let input = PowInput {
        blob: &job.header,
        nonce,
        height: job.height,
    };
    let mut mixes = (0_u64..).map(|number| sha256d(&number.to_be_bytes()));
    let (mix, hash) = mixes
        .find_map(|mix| {
            let hash = backend.claimed(&input, &mix).unwrap();
            job.target.is_met_by(&hash).then_some((mix, hash))
        })
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
        let (hash, _) = light.hash(&job.header, nonce, job.height);
        job.target.is_met_by(&Hash256::from_be_bytes(hash))
    };
    (start..=u64::MAX).find(|nonce| !is_met(*nonce)).unwrap()
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "needs a second address on loopback")]
fn wrong_proofs_are_refused_and_in_the_end_banned() {
    let dir = tempfile::tempdir().unwrap();
    let (node, mut light) = (Ravend::start(200), Light::new(Algorithm::KAWPOW));
    let setup = setup(dir.path(), &node);
    let pool = Pool::start(dir.path(), &setup);
    let source = "127.0.0.2".parse().unwrap();
    let payee = Payee::key(0xa1);
    let login = || KawMiner::login_from(source, pool.stratum(), &payee.address);
    let mut miner = login().unwrap();
    let job = miner.job();
    let first = miner.find(job.target, &mut light).nonce;
    let (mut nonce, mut refused) = (first, 0);
    loop {
        nonce = worthless(&job, nonce + 1, &mut light);
        match miner.submit(&with_wrong_mix(&job, nonce)) {
            Ok(verdict) => {
                let (code, message) = verdict.unwrap_err();
                assert_eq!(code, 20);
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
    pool.stop();
    assert_eq!(Journal::open(&setup.database).shares(), []);
    assert_eq!(node.words(), [""; 0]);
}

#[test]
fn shares_that_are_none_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (node, mut light) = (Ravend::start(200), Light::new(Algorithm::KAWPOW));
    let setup = Setup {
        // Sessions of one thread have nonces of their own.
        pool: "shards: 1\n".to_owned(),
        ..setup(dir.path(), &node)
    };
    let pool = Pool::start(dir.path(), &setup);
    let payees = [Payee::key(0xa1), Payee::key(0xb2)];
    let mut miners = payees
        .each_ref()
        .map(|payee| KawMiner::login(pool.stratum(), &payee.address).unwrap());
    let headers = miners.each_mut().map(|miner| miner.job().header);
    assert_ne!(headers[0], headers[1], "every session has a header of its own");
    assert_ne!(miners[0].prefix(), miners[1].prefix());

    let [miner, other] = &mut miners;
    let job = miner.job();
    // A share that is no block, or the job would be over.
    let share = loop {
        let share = miner.find(job.target, &mut light);
        if !network_target().is_met_by(&share.hash) {
            break share;
        }
    };
    let refusal = |miner: &mut KawMiner, share: &Share| miner.submit(share).unwrap().unwrap_err();

    // The same job with a nonce of the other session's: a real proof, but not where this one may look.
    let foreign = Share::find(&job, job.target, u64::from(other.prefix()[1]) << 48, &mut light);
    let (code, message) = refusal(miner, &foreign);
    assert_eq!(
        (code, message.contains("range of this session")),
        (20, true),
        "{message}"
    );
    // The other session's header, and somebody else's share.
    assert_eq!(refusal(other, &share).0, 20);
    let mut stolen = share.clone();
    stolen.nonce = stolen.nonce & (u64::MAX >> 16) | u64::from(other.prefix()[1]) << 48;
    assert_eq!(refusal(other, &stolen).0, 21);
    let mut unknown = share.clone();
    unknown.job.id = format!("{:x}", u32::from_str_radix(&job.id, 16).unwrap() ^ 0x4000_0000);
    assert_eq!(refusal(miner, &unknown).0, 21);
    // A mix that doesn't even lead to a good hash.
    let mut low = share.clone();
    low.nonce = worthless(&job, share.nonce + 1, &mut light);
    (_, low.mix) = light.hash(&job.header, low.nonce, job.height);
    assert_eq!(refusal(miner, &low).0, 23);

    assert_eq!(miner.submit(&share).unwrap(), Ok(()));
    assert_eq!(refusal(miner, &share).0, 22);
    pool.stop();
    check_credits(
        &setup.database,
        &BTreeMap::from([(payees[0].address.clone(), vec![share])]),
    );
}
