//! What a type alone cannot say: ranges, and settings that contradict each other.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::time::Duration;

use otedama_chain::spec::FamilyRules;

use super::duration::format;
use super::{Chain, Config, Node, Rewards, Vardiff, Window};

/// Something that is wrong with a value.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) key: String,
    pub(super) what: String,
    pub(super) allowed: Option<String>,
    pub(super) suggestion: Option<String>,
}

/// Longest text that fits a coinbase beside the height and the extranonce.
const MAX_TAG: usize = 40;

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);

/// Everything that is wrong with `config`, in the order of its sections.
pub(super) fn validate(config: &Config) -> Vec<Finding> {
    let mut check = Check::default();
    check.text("app.name", &config.app.name, 64);
    mining(&mut check, config);
    pool(&mut check, config);
    for (index, chain) in config.chains.iter().enumerate() {
        self::chain(&mut check, &format!("chains[{index}]"), index, chain);
        once(&mut check, &config.chains[..index], index, chain);
    }
    storage(&mut check, config);
    logging(&mut check, config);
    check.time(
        "api.auth.token_expiry",
        config.api.auth.token_expiry,
        MINUTE..=365 * DAY,
    );
    super::sockets::check(&mut check, config);
    check.findings
}

/// Collects what is wrong.
#[derive(Default)]
pub(super) struct Check {
    findings: Vec<Finding>,
}

impl Check {
    pub(super) fn add(
        &mut self,
        key: impl Into<String>,
        what: impl Into<String>,
        allowed: impl Into<String>,
    ) {
        let finding = Finding {
            key: key.into(),
            what: what.into(),
            allowed: Some(allowed.into()),
            suggestion: None,
        };
        self.findings.push(finding);
    }

    fn range<T: PartialOrd + Display + Copy>(&mut self, key: &str, value: T, allowed: RangeInclusive<T>) {
        if !allowed.contains(&value) {
            self.add(
                key,
                format!("{value} is out of range"),
                format!("{} to {}", allowed.start(), allowed.end()),
            );
        }
    }

    fn positive(&mut self, key: &str, value: f64) {
        if !(value.is_normal() && value > 0.0) {
            self.add(key, format!("{value} is out of range"), "a number above 0");
        }
    }

    fn time(&mut self, key: &str, value: Duration, allowed: RangeInclusive<Duration>) {
        if !allowed.contains(&value) {
            let limits = format!("{} to {}", format(*allowed.start()), format(*allowed.end()));
            self.add(key, format!("{} is out of range", format(value)), limits);
        }
    }

    fn text(&mut self, key: &str, value: &str, max_bytes: usize) {
        if value.is_empty() || value.len() > max_bytes || value.chars().any(char::is_control) {
            self.add(
                key,
                "not usable",
                format!("1 to {max_bytes} bytes of text without control characters"),
            );
        }
    }
}

fn mining(check: &mut Check, config: &Config) {
    let mining = &config.mining;
    check.range("mining.cpu.threads", mining.cpu.threads, 0..=1024);
    check.range("mining.gpu.intensity", mining.gpu.intensity, 1..=31);
    check.range(
        "mining.gpu.temperature_limit",
        mining.gpu.temperature_limit,
        30..=110,
    );
    check.time(
        "mining.asic.poll_interval",
        mining.asic.poll_interval,
        Duration::from_millis(100)..=HOUR,
    );
}

fn pool(check: &mut Check, config: &Config) {
    let pool = &config.pool;
    check.range("pool.max_connections", pool.max_connections, 1..=10_000_000);
    check.range("pool.fee_percentage", pool.fee_percentage, 0.0..=100.0);
    rewards(check, "pool.rewards", &pool.rewards);
    check.range("pool.shards", pool.shards, 0..=1024);
    check.range("pool.verification_threads", pool.verification_threads, 0..=1024);
    check.time("pool.job_grace", pool.job_grace, Duration::ZERO..=HOUR);
    if pool.tls.enable {
        for (key, file) in [
            ("pool.tls.cert_file", &pool.tls.cert_file),
            ("pool.tls.key_file", &pool.tls.key_file),
        ] {
            match file {
                None => check.add(
                    key,
                    "missing, and pool.tls.enable is true",
                    "the path of a PEM file",
                ),
                Some(path) if !path.is_file() => {
                    check.add(
                        key,
                        format!("no file {}", path.display()),
                        "the path of a PEM file",
                    );
                }
                Some(_) => {}
            }
        }
    }
    vardiff(check, "pool.vardiff", &pool.vardiff);
    let limits = &pool.limits;
    check.range(
        "pool.limits.connections_per_address",
        limits.connections_per_address,
        1..=10_000_000,
    );
    check.positive(
        "pool.limits.connects_per_second_per_address",
        limits.connects_per_second_per_address,
    );
    check.range("pool.limits.max_line_bytes", limits.max_line_bytes, 512..=1 << 20);
    check.time("pool.limits.login_timeout", limits.login_timeout, SECOND..=HOUR);
    check.time(
        "pool.limits.idle_timeout",
        limits.idle_timeout,
        10 * SECOND..=7 * DAY,
    );
    check.range(
        "pool.limits.shares_in_flight",
        limits.shares_in_flight,
        1..=65_536,
    );
    check.range("pool.ban.threshold", pool.ban.threshold, 1..=1_000_000);
    check.time("pool.ban.duration", pool.ban.duration, SECOND..=30 * DAY);
}

fn vardiff(check: &mut Check, key: &str, vardiff: &Vardiff) {
    let name = |field| format!("{key}.{field}");
    let before = check.findings.len();
    check.positive(&name("start"), vardiff.start);
    check.positive(&name("min"), vardiff.min);
    check.positive(&name("max"), vardiff.max);
    if check.findings.len() == before {
        if vardiff.min > vardiff.max {
            let what = format!("{} is above {key}.max, {}", vardiff.min, vardiff.max);
            check.add(name("min"), what, format!("a number up to {key}.max"));
        } else {
            check.range(&name("start"), vardiff.start, vardiff.min..=vardiff.max);
        }
    }
    check.range(
        &name("shares_per_minute"),
        vardiff.shares_per_minute,
        0.1..=6000.0,
    );
}

fn rewards(check: &mut Check, key: &str, rewards: &Rewards) {
    let key = format!("{key}.window");
    match rewards.window {
        Window::Time(time) => check.time(&key, time, MINUTE..=365 * DAY),
        Window::Work(multiple) => check.range(&key, multiple, 0.01..=1000.0),
    }
}

/// Shares, blocks and debts are kept by coin and network, so two entries would each take the other's for their own.
fn once(check: &mut Check, before: &[Chain], index: usize, chain: &Chain) {
    let is_same =
        |other: &Chain| other.coin.eq_ignore_ascii_case(&chain.coin) && other.network == chain.network;
    if let Some(first) = before.iter().position(is_same) {
        check.add(
            format!("chains[{index}].coin"),
            format!("{} {} is chains[{first}] already", chain.coin, chain.network),
            format!("another coin or network; further nodes of this one belong into chains[{first}].nodes"),
        );
    }
}

fn chain(check: &mut Check, key: &str, index: usize, chain: &Chain) {
    let at = |name: &str| format!("{key}.{name}");
    if let Some(rewards) = &chain.rewards {
        self::rewards(check, &at("rewards"), rewards);
    }
    if let Some(vardiff) = &chain.vardiff {
        self::vardiff(check, &at("vardiff"), vardiff);
    }
    if chain.coinbase_tag.len() > MAX_TAG {
        let what = format!("{} bytes are too many", chain.coinbase_tag.len());
        check.add(at("coinbase_tag"), what, format!("up to {MAX_TAG} bytes of text"));
    }
    check.range(
        &at("max_coinbase_outputs"),
        chain.max_coinbase_outputs,
        1..=10_000,
    );
    check.range(&at("dust"), chain.dust, 1..=100_000_000);
    check.time(
        &at("template_refresh"),
        chain.template_refresh,
        SECOND..=10 * MINUTE,
    );
    check.time(&at("health_check"), chain.health_check, SECOND..=HOUR);
    if index > 0 && chain.address.is_none() {
        let allowed =
            "an address and port of its own, such as 0.0.0.0:3433 (only the first chain has a default)";
        check.add(at("address"), "missing", allowed);
    }
    coin_and_payout(check, key, chain);
    let posts_work = chain
        .spec()
        .is_none_or(|spec| matches!(spec.family, FamilyRules::Ethereum(_)));
    if chain.notify_address.is_some() && !posts_work {
        let what = format!("nodes of {} post no work", chain.coin);
        check.add(at("notify_address"), what, "leave it out");
    }
    if chain.nodes.is_empty() && !chain.is_development() {
        check.add(
            at("nodes"),
            "missing",
            "one node or more, each with a url such as http://127.0.0.1:8332",
        );
    }
    for (index, node) in chain.nodes.iter().enumerate() {
        let key = format!("{key}.nodes[{index}]");
        self::node(check, &key, node);
        let has_login = node.cookie_file.is_some() || !node.user.is_empty();
        if has_login && chain.spec().is_some_and(|spec| spec.bitcoin().is_none()) {
            let what = "this coin's node takes no such login";
            check.add(
                key,
                what,
                "none; bind the node's RPC to a private address instead",
            );
        }
    }
}

fn node(check: &mut Check, key: &str, node: &Node) {
    let host = node
        .url
        .strip_prefix("http://")
        .map(|rest| rest.trim_end_matches('/'));
    if !host.is_some_and(is_host_and_port) {
        let allowed =
            "http://host:port, with user and password in their own keys; for TLS put a proxy in front";
        check.add(format!("{key}.url"), "not the address of a node", allowed);
    }
    if let Some(zmq) = &node.zmq_block
        && !zmq.strip_prefix("tcp://").is_some_and(is_host_and_port)
    {
        check.add(
            format!("{key}.zmq_block"),
            format!("\"{zmq}\" is no ZMQ address"),
            "tcp://host:port",
        );
    }
    if node.cookie_file.is_some() && !(node.user.is_empty() && node.password.expose().is_empty()) {
        check.add(
            format!("{key}.cookie_file"),
            "given beside user or password",
            "either cookie_file, or user and password",
        );
    }
    check.time(
        &format!("{key}.timeout"),
        node.timeout,
        Duration::from_millis(100)..=5 * MINUTE,
    );
}

fn is_host_and_port(text: &str) -> bool {
    text.rsplit_once(':').is_some_and(|(host, port)| {
        !host.is_empty() && !host.contains(['/', '@', ' ']) && port.parse::<u16>().is_ok_and(|port| port > 0)
    })
}

fn storage(check: &mut Check, config: &Config) {
    let storage = &config.storage;
    if storage.path.as_os_str().is_empty() {
        check.add("storage.path", "empty", "the path of a file");
    }
    check.time("storage.retention", storage.retention, HOUR..=3650 * DAY);
    check.range("storage.batch", storage.batch, 1..=100_000);
    check.time(
        "storage.commit_interval",
        storage.commit_interval,
        Duration::ZERO..=SECOND,
    );
    let windows = std::iter::once(&config.pool.rewards)
        .chain(config.chains.iter().filter_map(|chain| chain.rewards.as_ref()))
        .filter_map(|rewards| match rewards.window {
            Window::Time(time) => Some(time),
            Window::Work(_) => None,
        });
    if let Some(longest) = windows.max().filter(|longest| *longest > storage.retention) {
        let what = format!("{} is shorter than the rewards window", format(storage.retention));
        check.add(
            "storage.retention",
            what,
            format!("at least the window, {}", format(longest)),
        );
    }
}

fn logging(check: &mut Check, config: &Config) {
    for directive in config.logging.level.split(',') {
        let level = directive.rsplit('=').next().unwrap_or_default().trim();
        if !LEVELS.iter().any(|known| level.eq_ignore_ascii_case(known)) {
            check.findings.push(Finding {
                key: "logging.level".to_owned(),
                what: format!("\"{level}\" is no level"),
                allowed: Some(format!(
                    "{}; or directives such as info,otedama_pool=debug",
                    LEVELS.join(", ")
                )),
                suggestion: super::error::nearest(level, LEVELS).map(ToOwned::to_owned),
            });
        }
    }
    check.range("logging.max_files", config.logging.max_files, 1..=10_000);
}

/// The coin, its network, and an address on it.
fn coin_and_payout(check: &mut Check, key: &str, chain: &Chain) {
    let Some(spec) = chain.spec() else {
        return unknown_coin(check, key, chain);
    };
    let key = format!("{key}.payout_address");
    let allowed = || {
        format!(
            "an address of {} {}, to which the fee is paid",
            spec.name, spec.network
        )
    };
    if chain.payout_address.is_empty() {
        if !chain.is_development() {
            check.add(key, "missing", allowed());
        }
        return;
    }
    match (
        otedama_chain::family(spec).payout_script(spec, &chain.payout_address),
        &spec.family,
    ) {
        (Err(error), _) => check.add(key, format!("\"{}\": {error}", chain.payout_address), allowed()),
        (Ok(decoded), FamilyRules::CryptoNote(rules)) if decoded.first() == Some(&rules.subaddress_tag) => {
            check.add(
                key,
                "a subaddress, which a block can't pay",
                "the wallet's main address",
            );
        }
        (Ok(_), _) => {}
    }
}

fn unknown_coin(check: &mut Check, key: &str, chain: &Chain) {
    let all = otedama_chain::coins::all();
    let networks: Vec<&str> = all
        .iter()
        .filter(|spec| spec.symbol.eq_ignore_ascii_case(&chain.coin))
        .map(|spec| spec.network.as_str())
        .collect();
    if !networks.is_empty() {
        let what = format!("{} has no {}", chain.coin, chain.network);
        return check.add(format!("{key}.network"), what, networks.join(", "));
    }
    let mut symbols: Vec<&str> = all.iter().map(|spec| spec.symbol).collect();
    symbols.dedup();
    check.findings.push(Finding {
        key: format!("{key}.coin"),
        what: format!("\"{}\" is no coin of this build", chain.coin),
        allowed: Some(symbols.join(", ")),
        suggestion: super::error::nearest(&chain.coin, symbols.iter().copied()).map(ToOwned::to_owned),
    });
}
