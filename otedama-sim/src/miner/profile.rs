//! Who mines: a population of unlike miners.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use otedama_hash::{Difficulty, Monotonic};

use super::{Miner, Session};
use crate::address;
use crate::random::Random;

const SLOWEST: f64 = 1e5;
const FASTEST: f64 = 1e18;
/// From this hashrate on a miner may be one of those that know whole difficulties only.
const INDUSTRIAL: f64 = 1e13;
const INDUSTRIAL_AGENTS: [&str; 6] = [
    "cgminer/4.12.1",
    "bmminer/2.0.0",
    "Antminer S21/Tue",
    "whatsminer/v1.1",
    "bosminer-plus-tuner/0.2",
    "PowerPlay-BM/0.1",
];
const SMALL_AGENTS: [&str; 4] = [
    "cpuminer/2.5.1",
    "bitaxe/BM1366/v2.4",
    "NerdMinerV2",
    "ccminer/2.3",
];

/// `honest` miners and, behind them, `cheats` who don't keep to the rules.
pub(crate) fn population(random: &mut Random, honest: usize, cheats: usize) -> Vec<Miner> {
    (0..honest + cheats)
        .map(|index| miner(random, index, honest))
        .collect()
}

fn miner(random: &mut Random, index: usize, honest: usize) -> Miner {
    let cheats = index >= honest;
    let hashrate = if cheats {
        1e12
    } else {
        random.log_uniform(SLOWEST, FASTEST)
    };
    // A few miners share an account, and a few an address of the network.
    let account: Arc<str> = address::of(random.below((honest as u64 / 2).max(1))).into();
    let worker = format!("rig{index}");
    let industrial = hashrate >= INDUSTRIAL && random.chance(0.7);
    let agents: &[&str] = if industrial {
        &INDUSTRIAL_AGENTS
    } else {
        &SMALL_AGENTS
    };
    let fixed = !cheats && random.chance(0.05);
    let suggests = !fixed && random.chance(0.2);
    let wanted = Difficulty::new(
        (hashrate * 5.0 / 4_294_967_296.0 * 2f64.powi(random.below(6) as i32 - 3)).max(0.0001),
    )
    .unwrap_or(Difficulty::ONE);
    Miner {
        index,
        ip: ip(index, cheats, random),
        user: format!("{account}.{worker}"),
        account,
        worker,
        password: if fixed { format!("d={wanted}") } else { "x".into() },
        agent: agents[random.index(agents.len())],
        hashrate,
        nominal: hashrate,
        steady: cheats || random.chance(0.7),
        is_vardiff: !fixed,
        suggests: suggests.then_some(wanted),
        rolls_version: random.chance(0.6),
        resumes: random.chance(0.5),
        cheats,
        conn: None,
        attempt: 0,
        backoff: Duration::from_millis(500),
        draw: 0,
        session: Session::new(),
        resume: None,
        unanswered: Vec::new(),
        silent_since: None,
        rates: (0.0, 0),
        last_accepted: Monotonic::ZERO,
        mining_since: Monotonic::ZERO,
    }
}

fn ip(index: usize, cheats: bool, random: &mut Random) -> IpAddr {
    let index = if random.chance(0.2) { index & !7 } else { index } as u32;
    let network: u32 = if cheats { 0xc633_6400 } else { 0x0a00_0000 };
    IpAddr::V4(Ipv4Addr::from(network + index))
}
