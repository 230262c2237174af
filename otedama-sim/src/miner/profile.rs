//! Who mines: a population of unlike miners.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use otedama_hash::{Difficulty, Monotonic};
use otedama_stratum::v1::dialect::ethereum::Protocol;

use super::{Miner, Session};
use crate::coin::{Coin, Speech};
use crate::random::Random;

/// Miners that do nothing but flood, where a proof takes long to verify.
const FLOODERS: usize = 8;

/// `honest` miners and, behind them, `cheats` who don't keep to the rules.
pub(crate) fn population(
    random: &mut Random,
    coin: &'static Coin,
    honest: usize,
    cheats: usize,
) -> Vec<Miner> {
    let flooders = if cheats > 0 && coin.slow.is_some() {
        FLOODERS
    } else {
        0
    };
    (0..honest + cheats + flooders)
        .map(|index| Miner {
            floods: index >= honest + cheats,
            ..miner(random, coin, index, honest)
        })
        .map(arm)
        .collect()
}

/// A flood needs a dialect in which miners say what their proofs are, and the easiest shares.
fn arm(miner: Miner) -> Miner {
    if !miner.floods {
        return miner;
    }
    let speech = match miner.speech {
        Speech::Ethereum(_) => Speech::Ethereum(Protocol::Proxy),
        other => other,
    };
    Miner {
        speech,
        ip: flood_address(miner.index, 0),
        ..miner
    }
}

/// Where a flood comes from.
pub(crate) fn flood_address(index: usize, attempt: u64) -> IpAddr {
    let network: u32 = 0xc612_0000;
    IpAddr::V4(Ipv4Addr::from(
        network + (attempt as u32 % 8192) * 16 + index as u32 % 16,
    ))
}

fn miner(random: &mut Random, coin: &'static Coin, index: usize, honest: usize) -> Miner {
    let cheats = index >= honest;
    let (slowest, fastest) = coin.hashrates;
    let hashrate = if cheats {
        coin.cheat_hashrate
    } else {
        random.log_uniform(slowest, fastest)
    };
    // A few miners share an account, and a few an address of the network.
    let account: Arc<str> = coin.address(random.below((honest as u64 / 2).max(1))).into();
    let worker = format!("rig{index}");
    let agents = match coin.industrial {
        Some((from, agents)) if hashrate >= from && random.chance(0.7) => agents,
        _ => coin.agents,
    };
    let fixed = !cheats && random.chance(0.05);
    let suggests = !fixed && random.chance(0.2);
    let wanted = Difficulty::new(
        (hashrate * 5.0 / coin.hashes_per_difficulty() * 2f64.powi(random.below(6) as i32 - 3))
            .max(coin.vardiff().min.get()),
    )
    .unwrap_or(Difficulty::ONE);
    let ip = ip(index, cheats, random);
    let (agent, speech) = if cheats && coin.slow.is_some() {
        agents[index % agents.len()]
    } else {
        agents[random.index(agents.len())]
    };
    Miner {
        index,
        coin,
        speech,
        floods: false,
        ip,
        user: format!("{account}.{worker}"),
        account,
        worker,
        password: if fixed { format!("d={wanted}") } else { "x".into() },
        agent,
        hashrate,
        nominal: hashrate,
        steady: cheats || random.chance(0.7),
        // Without nonces of its own it has everybody's difficulty.
        is_vardiff: !fixed && speech != Speech::Ethereum(Protocol::Proxy),
        suggests: suggests.then_some(wanted),
        rolls_version: random.chance(0.6),
        resumes: speech == Speech::Bitcoin && random.chance(0.5),
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
