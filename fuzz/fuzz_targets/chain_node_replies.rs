//! Every reply of a node that is read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use otedama_chain::coins;
use otedama_chain::family::ethereum::Work;
use otedama_chain::node::{bitcoind, check_genesis, check_network, geth, monerod};
use otedama_hash::ethash::Schedule;

// Two bytes of HTTP status, then the body.
fuzz_target!(|data: &[u8]| {
    let Some((status, body)) = data.split_first_chunk::<2>() else {
        return;
    };
    let status = u16::from_le_bytes(*status);
    let status = if status % 2 == 0 { 200 } else { status };
    let _ = bitcoind::block_template(status, body);
    let _ = bitcoind::block_hash(status, body);
    let _ = bitcoind::submit_outcome(status, body);
    if let Ok(header) = bitcoind::block_header(status, body) {
        let _ = (header.is_orphaned(), header.tip());
    }
    let _ = monerod::block_template(status, body);
    let _ = bitcoind::pprpc_work(body);
    let _ = bitcoind::pprpc_outcome(status, body);
    let _ = monerod::miner_data(status, body);
    let _ = monerod::node_info(status, body);
    let _ = monerod::block_header(status, body);
    let _ = monerod::submit_outcome(status, body);
    if let Ok(json) = geth::work(status, body) {
        let _ = Work::parse(json, Schedule::CLASSIC);
    }
    let _ = geth::block(status, body);
    let _ = geth::chain_id(status, body);
    let _ = geth::syncing(status, body);
    let _ = geth::submit_outcome(status, body);
    if let Ok(info) = bitcoind::blockchain_info(status, body) {
        for spec in coins::all() {
            let _ = check_network(spec, &info.chain);
            let _ = check_genesis(spec, &info.best_block_hash);
        }
    }
});
