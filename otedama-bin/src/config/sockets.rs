//! Which sockets a config opens, and that no two of them meet.

use std::net::SocketAddr;

use super::Config;
use super::validate::Check;

/// Every socket that would be opened, with its key; two that would meet are refused.
pub(super) fn check(check: &mut Check, config: &Config) {
    let mut open: Vec<(String, SocketAddr)> = Vec::new();
    if config.pool.enable {
        let first = config.chains.first().and_then(|chain| chain.address);
        match first {
            Some(address) => open.push(("chains[0].address".to_owned(), address)),
            None => open.push(("pool.address".to_owned(), config.pool.address)),
        }
        for (index, chain) in config.chains.iter().enumerate().skip(1) {
            open.extend(
                chain
                    .address
                    .map(|address| (format!("chains[{index}].address"), address)),
            );
        }
        if config.pool.tls.enable {
            open.push(("pool.tls.address".to_owned(), config.pool.tls.address));
        }
    }
    // Nodes may post there whether miners may connect or not.
    for (index, chain) in config.chains.iter().enumerate() {
        let key = format!("chains[{index}].notify_address");
        open.extend(chain.notify_address.map(|address| (key, address)));
    }
    let http = [
        ("api.address", config.api.enable, config.api.address),
        (
            "monitoring.metrics.address",
            config.monitoring.metrics.enabled,
            config.monitoring.metrics.address,
        ),
        (
            "monitoring.health.address",
            config.monitoring.health.enabled,
            config.monitoring.health.address,
        ),
    ];
    open.extend(
        http.into_iter()
            .filter(|(_, on, _)| *on)
            .map(|(key, _, address)| (key.to_owned(), address)),
    );
    for (index, (key, address)) in open.iter().enumerate() {
        if let Some((other, _)) = open[..index].iter().find(|(_, earlier)| meet(*earlier, *address)) {
            check.add(
                key,
                format!("{address} is taken by {other}"),
                "an address and port that nothing else has",
            );
        }
    }
}

/// Port 0 is any free port, so it meets nothing.
fn meet(a: SocketAddr, b: SocketAddr) -> bool {
    a.port() == b.port()
        && a.port() != 0
        && (a.ip() == b.ip() || a.ip().is_unspecified() || b.ip().is_unspecified())
}
