//! Three chains of three families of hash functions in one process.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test of real processes in real time"
)]

mod loopback;
mod miners;
mod support;

use std::time::Duration;

use loopback::geth::{DIFFICULTY, Geth};
use loopback::listening::Listening;
use loopback::ravend::{BITS, Ravend};
use loopback::{Light, bytes, raven_block};
use miners::Miner;
use miners::ethereum::EthMiner;
use miners::kawpow::KawMiner;
use otedama_hash::{Algorithm, Target};
use otedama_stratum::v1::dialect::ethereum::Protocol;
use support::journal::Journal;
use support::program::{self, Pool, Setup};
use support::wait_until;

const BITCOIN: &str = "mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn";
const ETHEREUM: &str = "0xb85150eb365e7df0941f0cf08235f987ba91506a";
const RAVENCOIN: &str = "mvFaiHPVU5dYAnKcw4knKpZyzoW8UoaheA";

/// Submits shares until `blocks` of them were blocks, each on the one before.
fn mine(miner: &mut impl Miner, light: &mut Light, blocks: usize, network: [u8; 32]) {
    let network = Target::from_be_hex(&const_hex::encode(network)).unwrap();
    for _ in 0..blocks {
        let jobs = loop {
            let target = miner.job().target;
            let share = miner.find(target, light);
            let jobs = miner.session().jobs.len();
            assert_eq!(miner.submit(&share).unwrap(), Ok(()));
            if network.is_met_by(&share.hash) {
                break jobs;
            }
        };
        miner.wait(|session| session.jobs.len() > jobs).unwrap();
    }
}

#[test]
fn each_has_its_port_its_blocks_and_its_place_in_the_status() {
    let dir = tempfile::tempdir().unwrap();
    let (geth, ravend) = (Geth::start(), Ravend::start(20));
    let of = |coin: &str, address: &str, node: String, hashes: f64| {
        let share = hashes / 4_294_967_296.0;
        format!(
            "coin: {coin}\nnetwork: regtest\npayout_address: \"{address}\"\naddress: \"127.0.0.1:0\"\n\
             nodes: [{node}]\nvardiff: {{ start: {share:?}, min: {share:?}, max: {share:?} }}\n"
        )
    };
    let setup = Setup {
        more_chains: vec![
            of("ETC", ETHEREUM, geth.config(), 16.0),
            of("RVN", RAVENCOIN, ravend.config(), 4.0),
        ],
        difficulty: 0.0001,
        ..Setup::development(dir.path().join("pool.db"))
    };
    let pool = Pool::start(dir.path(), &setup);
    let listening = Listening::of(dir.path());

    let mut first = program::mine(dir.path(), pool.stratum(), &format!("{BITCOIN}.rig"), "sha256d");
    let mut etc = EthMiner::login(listening.stratum(1), Protocol::V1, ETHEREUM).unwrap();
    let mut rvn = KawMiner::login(listening.stratum(2), RAVENCOIN).unwrap();
    mine(
        &mut etc,
        &mut Light::new(Algorithm::ETCHASH),
        3,
        bytes::target(DIFFICULTY),
    );
    mine(
        &mut rvn,
        &mut Light::new(Algorithm::KAWPOW),
        3,
        raven_block::target(BITS),
    );
    wait_until("a block of the first chain", Duration::from_secs(60), || {
        !listening.blocks(0, "accepted").is_empty()
    });
    assert!(first.stop().is_some(), "mine did not stop within 5 s of SIGTERM");

    let names = [
        ("DEV", "sha256d", "embedded development chain".to_owned()),
        ("ETC", "etchash", geth.address.to_string()),
        ("RVN", "kawpow", ravend.address.to_string()),
    ];
    for (index, (coin, algorithm, node)) in names.iter().enumerate() {
        let chain = listening.chain(index);
        assert_eq!(chain["coin"], *coin);
        assert_eq!(chain["network"], "regtest");
        assert_eq!(chain["algorithm"], *algorithm);
        assert_eq!(chain["nodes"][0]["node"], *node);
        assert_eq!(chain["nodes"][0]["healthy"], true);
        wait_until("the shares to be counted", Duration::from_secs(10), || {
            listening.chain(index)["shares"]["accepted"].as_u64() > Some(0)
        });
    }
    let hashes: Vec<_> = geth
        .blocks()
        .iter()
        .map(|b| const_hex::encode(b.seal_hash()))
        .collect();
    let of_etc = (1..).zip(hashes).collect::<Vec<_>>();
    let of_rvn: Vec<_> = ravend
        .mined()
        .into_iter()
        .map(|b| (b.block.height.into(), b.hash))
        .collect();
    wait_until("all blocks in the status", Duration::from_secs(10), || {
        listening.blocks(1, "accepted") == of_etc && listening.blocks(2, "accepted") == of_rvn
    });
    assert_eq!((of_etc.len(), of_rvn.len()), (3, 3));
    pool.stop();
    let accounts: Vec<_> = Journal::open(&setup.database).credits().into_keys().collect();
    assert_eq!(accounts, [ETHEREUM, BITCOIN, RAVENCOIN]);
}
