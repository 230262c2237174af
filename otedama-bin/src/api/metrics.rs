//! The same numbers in Prometheus' text format. No label names a worker or an address.

use std::fmt::{Display, Write as _};

use super::Service;
use super::status::{ChainStatus, ShardStatus, Status};

/// Writes every metric.
pub(super) fn text(status: &Status, service: &Service) -> String {
    let mut out = Text::default();
    program(&mut out, status);
    chains(&mut out, status);
    shares(&mut out, status);
    blocks(&mut out, status);
    nodes(&mut out, status);
    out.head(
        "otedama_owed",
        "gauge",
        "Owed to miners beside coinbases, in the smallest unit.",
    );
    for chain in &service.chains {
        let labels = [
            ("coin", chain.spec.symbol),
            ("network", chain.spec.network.as_str()),
        ];
        out.line("otedama_owed", &labels, chain.rewards().owed());
    }
    out.0
}

fn program(out: &mut Text, status: &Status) {
    out.head("otedama_info", "gauge", "What runs.");
    out.line("otedama_info", &[("version", status.version)], 1);
    let (s, store) = (status, &status.store);
    let rows: [(&str, &str, &str, u64); 7] = [
        (
            "otedama_uptime_seconds",
            "gauge",
            "Seconds since the start.",
            s.uptime_s,
        ),
        (
            "otedama_healthy",
            "gauge",
            "1 while /health answers 200.",
            u64::from(s.healthy),
        ),
        (
            "otedama_connections_admitted_total",
            "counter",
            "Sockets let in.",
            s.connections_admitted,
        ),
        (
            "otedama_connections_refused_total",
            "counter",
            "Sockets closed at the door.",
            s.connections_refused,
        ),
        (
            "otedama_store_rows_total",
            "counter",
            "Shares made durable.",
            store.rows,
        ),
        (
            "otedama_store_commits_total",
            "counter",
            "Transactions for them.",
            store.commits,
        ),
        (
            "otedama_store_given_up_total",
            "counter",
            "Shares that could not be stored.",
            store.given_up,
        ),
    ];
    for (name, kind, help, value) in rows {
        out.head(name, kind, help);
        out.line(name, &[], value);
    }
}

type PerChain = (
    &'static str,
    &'static str,
    &'static str,
    fn(&ChainStatus) -> Option<f64>,
);

const PER_CHAIN: [PerChain; 9] = [
    ("otedama_height", "gauge", "Height of the tip.", |c| {
        c.height.map(|h| h as f64)
    }),
    (
        "otedama_network_difficulty",
        "gauge",
        "Difficulty of a block.",
        |c| c.network_difficulty,
    ),
    (
        "otedama_template_age_seconds",
        "gauge",
        "Age of the newest template.",
        |c| c.template_age_s.map(|s| s as f64),
    ),
    (
        "otedama_hashrate",
        "gauge",
        "Hashes per second, from ten minutes of accepted shares.",
        |c| Some(c.hashrate),
    ),
    ("otedama_connections", "gauge", "Connected miners.", |c| {
        Some(c.connections as f64)
    }),
    ("otedama_workers", "gauge", "Connections that mine.", |c| {
        Some(c.workers as f64)
    }),
    (
        "otedama_unverified",
        "gauge",
        "Shares that wait for the threads that verify them.",
        |c| Some(c.unverified as f64),
    ),
    (
        "otedama_unpersisted",
        "gauge",
        "Shares on their way to storage.",
        |c| Some(sum(c, |s| s.unpersisted) as f64),
    ),
    ("otedama_bans_total", "counter", "Addresses banned.", |c| {
        Some(sum(c, |s| s.bans) as f64)
    }),
];

fn chains(out: &mut Text, status: &Status) {
    for (name, kind, help, value) in PER_CHAIN {
        out.head(name, kind, help);
        for chain in &status.chains {
            if let Some(value) = value(chain) {
                out.line(name, &[("coin", chain.coin), ("network", chain.network)], value);
            }
        }
    }
}

fn sum(chain: &ChainStatus, field: fn(&ShardStatus) -> u64) -> u64 {
    chain.shards.iter().map(field).sum()
}

fn shares(out: &mut Text, status: &Status) {
    let name = "otedama_shares_total";
    out.head(name, "counter", "Shares by what became of them.");
    for chain in &status.chains {
        let s = &chain.shares;
        let results = [
            ("accepted", s.accepted),
            ("stale", s.stale),
            ("duplicate", s.duplicate),
            ("low_difficulty", s.low_difficulty),
            ("invalid", s.invalid),
            ("unauthorized", s.unauthorized),
            ("not_stored", s.not_stored),
        ];
        for (result, count) in results {
            out.line(
                name,
                &[
                    ("coin", chain.coin),
                    ("network", chain.network),
                    ("result", result),
                ],
                count,
            );
        }
    }
}

fn blocks(out: &mut Text, status: &Status) {
    let name = "otedama_blocks_total";
    out.head(name, "counter", "Found blocks by what the nodes said.");
    for chain in &status.chains {
        let accepted = sum(chain, |s| s.blocks_accepted);
        let rejected = sum(chain, |s| s.blocks_rejected);
        for (result, count) in [("accepted", accepted), ("rejected", rejected)] {
            out.line(
                name,
                &[
                    ("coin", chain.coin),
                    ("network", chain.network),
                    ("result", result),
                ],
                count,
            );
        }
    }
}

fn nodes(out: &mut Text, status: &Status) {
    let name = "otedama_node_healthy";
    out.head(name, "gauge", "1 if templates may come from the node.");
    for chain in &status.chains {
        for (index, node) in chain.nodes.iter().enumerate() {
            let index = index.to_string();
            let labels = [
                ("coin", chain.coin),
                ("network", chain.network),
                ("node", index.as_str()),
            ];
            out.line(name, &labels, u8::from(node.healthy));
        }
    }
}

#[derive(Default)]
struct Text(String);

impl Text {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a string can't fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn line(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let labels: Vec<String> = labels
            .iter()
            .map(|(key, text)| format!("{key}=\"{text}\""))
            .collect();
        let labels = if labels.is_empty() {
            String::new()
        } else {
            format!("{{{}}}", labels.join(","))
        };
        let _ = writeln!(self.0, "{name}{labels} {value}");
    }
}
