//! What an operator reads when a config is wrong, and what is taken when it is right.
#![allow(clippy::unwrap_used, reason = "a test gives up loudly")]

use std::path::Path;
use std::time::Duration;

use otedama_bin::config::{Config, Mode, System, Window};

/// The config that the first version was specified with.
const FIRST: &str = r#"
app: { name: "Otedama", mode: "production" }
mining:
  algorithm: "sha256d"
  enable_cpu: true
  enable_gpu: true
  enable_asic: true
  cpu: { threads: 0, priority: "normal" }
  gpu: { devices: [], intensity: 20, temperature_limit: 85 }
  asic: { devices: [], poll_interval: 5s }
pool:
  enable: true
  address: "0.0.0.0:3333"
  max_connections: 10000
  fee_percentage: 1.0
  rewards: { system: "PPLNS", window: 2h }
api:
  enable: true
  address: "0.0.0.0:8080"
  auth: { enabled: true, token_expiry: 24h }
monitoring:
  metrics: { enabled: true, address: "0.0.0.0:9090" }
  health: { enabled: true, address: "0.0.0.0:8081" }
"#;

const REGTEST: &str = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";

fn load(yaml: &str) -> Config {
    load_with(yaml, &[]).expect("a good config")
}

fn load_with(yaml: &str, variables: &[(&str, &str)]) -> Result<Config, String> {
    let variables: Vec<(String, String)> = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    Config::from_yaml(yaml, Path::new("config.yaml"), &variables).map_err(|error| error.to_string())
}

fn error(yaml: &str) -> String {
    load_with(yaml, &[]).expect_err("a bad config")
}

fn variable_error(name: &str, value: &str) -> String {
    load_with("", &[(name, value)]).expect_err("a bad variable")
}

#[test]
fn the_first_config_loads_as_it_stands() {
    let config = load(FIRST);
    assert_eq!(config.app.mode, Mode::Production);
    assert!(config.mining.enable_cpu && config.mining.enable_gpu && config.mining.enable_asic);
    assert_eq!(config.mining.asic.poll_interval, Duration::from_secs(5));
    assert_eq!(config.pool.rewards.system, System::Pplns);
    assert_eq!(
        config.pool.rewards.window,
        Window::Time(Duration::from_secs(7200))
    );
    assert_eq!(config.api.auth.token_expiry, Duration::from_secs(86_400));
    assert!(config.hardware_warning().is_some());
    assert!(config.require_chains().is_err());
}

#[test]
fn a_window_is_a_time_or_a_multiple_of_the_work() {
    let window = |text: &str| {
        load(&format!("pool: {{ rewards: {{ window: {text} }} }}"))
            .pool
            .rewards
            .window
    };
    assert_eq!(window("90m"), Window::Time(Duration::from_secs(5400)));
    assert_eq!(window("2.0"), Window::Work(2.0));
    assert_eq!(window("3"), Window::Work(3.0));
}

#[test]
fn a_reward_system_is_read_whatever_its_case() {
    for word in ["solo", "SOLO", "Solo"] {
        let config = load(&format!("pool: {{ rewards: {{ system: {word} }} }}"));
        assert_eq!(config.pool.rewards.system, System::Solo);
    }
}

#[test]
fn a_password_of_digits_keeps_its_zeros() {
    let yaml = format!(
        "chains:\n  - {{ coin: BTC, network: regtest, payout_address: {REGTEST}, nodes: [{{ url: 'http://a:1', \
         user: u, password: 007 }}] }}"
    );
    assert_eq!(load(&yaml).chains[0].nodes[0].password.expose(), "007");
    let variables = [("OTEDAMA_CHAINS__0__NODES__0__PASSWORD", "00123")];
    assert_eq!(
        load_with(&yaml, &variables).unwrap().chains[0].nodes[0]
            .password
            .expose(),
        "00123"
    );
}

#[test]
fn the_environment_wins_over_the_file() {
    let variables = [
        ("OTEDAMA_POOL__FEE_PERCENTAGE", "1.5"),
        ("OTEDAMA_POOL__VARDIFF__START", "64"),
        ("OTEDAMA_APP__NAME", "Ours"),
        ("OTEDAMA_CHAINS__0__COIN", "DEV"),
        ("OTEDAMA_CHAINS__0__NETWORK", "regtest"),
        ("OTEDAMA_LOG", "debug"),
        ("OTEDAMA_REQUIRE_NODES", "1"),
    ];
    let config = load_with("pool: { fee_percentage: 3, shards: 2 }", &variables).unwrap();
    assert_eq!(config.pool.fee_ppm(), 15_000);
    assert_eq!(config.pool.shards, 2);
    assert!((config.pool.vardiff.start - 64.0).abs() < f64::EPSILON);
    assert_eq!(config.app.name, "Ours");
    assert!(config.chains[0].is_development());
}

#[test]
fn a_wrong_key_is_named_with_its_place_and_its_neighbour() {
    assert_eq!(
        error("app:\n  name: x\npool:\n  fee_percentag: 1.0\n"),
        "config.yaml:4:3: pool.fee_percentag: unknown key; did you mean fee_percentage?\n  allowed: enable, address, \
         max_connections, fee_percentage, rewards, shards, verification_threads, job_grace, tls, vardiff, limits, ban"
    );
    assert_eq!(
        error("chains:\n  - coin: BTC\n    nodes:\n      - url: http://a:1\n        passwrd: x\n"),
        "config.yaml:5:9: chains[0].nodes[0].passwrd: unknown key; did you mean password?\n  allowed: url, user, \
         password, cookie_file, zmq_block, timeout"
    );
    assert_eq!(
        error("colour: red\n"),
        "config.yaml:1:1: colour: unknown key\n  allowed: app, mining, pool, chains, storage, logging, api, monitoring"
    );
}

#[test]
fn a_wrong_value_is_named_with_what_is_allowed() {
    for (yaml, expected) in [
        (
            "pool:\n  max_connections: many\n",
            "config.yaml:2:20: pool.max_connections: found \"many\"\n  allowed: a whole number, 0 or more",
        ),
        (
            "pool:\n  enable: maybe\n",
            "config.yaml:2:11: pool.enable: found \"maybe\"\n  allowed: true or false",
        ),
        (
            "pool:\n  address: here\n",
            "config.yaml:2:12: pool.address: found \"here\"\n  allowed: an IP address and a port, such as 0.0.0.0:3333 \
             or [::1]:3333",
        ),
        (
            "pool:\n  address: \"0.0.0.0:99999\"\n",
            "config.yaml:2:12: pool.address: found \"0.0.0.0:99999\"\n  allowed: an IP address and a port, such as \
             0.0.0.0:3333 or [::1]:3333",
        ),
        (
            "pool:\n  rewards: { system: PPS }\n",
            "config.yaml:2:22: pool.rewards.system: PPS is not supported yet\n  allowed: PPLNS, SOLO",
        ),
        (
            "pool:\n  rewards: { system: PPLSN }\n",
            "config.yaml:2:22: pool.rewards.system: found \"PPLSN\"; did you mean PPLNS?\n  allowed: PPLNS, SOLO",
        ),
        (
            "pool:\n  rewards: { window: soon }\n",
            "config.yaml:2:22: pool.rewards.window: found \"soon\"\n  allowed: a duration such as 2h (by time), or a \
             number such as 2.0 (times the network difficulty, by work)",
        ),
        (
            "mining:\n  asic: { poll_interval: 5 }\n",
            "config.yaml:2:26: mining.asic.poll_interval: found 5\n  allowed: a duration such as 250ms, 5s, 10m, 2h, \
             1h30m or 30d",
        ),
        (
            "pool: 3\n",
            "config.yaml:1:7: pool: found 3\n  allowed: a mapping of keys to values",
        ),
        (
            "pool: [1]\n",
            "config.yaml:1:7: pool: found a list\n  allowed: a mapping of keys to values",
        ),
        (
            "chains: { coin: BTC }\n",
            "config.yaml:1:9: chains: found a mapping\n  allowed: a list",
        ),
    ] {
        assert_eq!(error(yaml), expected, "{yaml}");
    }
}

#[test]
fn a_value_out_of_range_is_named_with_the_range() {
    for (yaml, expected) in [
        (
            "pool:\n  fee_percentage: 150\n",
            "config.yaml:2:19: pool.fee_percentage: 150 is out of range\n  allowed: 0 to 100",
        ),
        (
            "pool:\n  fee_percentage: -0.5\n",
            "config.yaml:2:19: pool.fee_percentage: -0.5 is out of range\n  allowed: 0 to 100",
        ),
        (
            "pool:\n  vardiff: { min: 0 }\n",
            "config.yaml:2:19: pool.vardiff.min: 0 is out of range\n  allowed: a number above 0",
        ),
        (
            "pool:\n  vardiff: { start: 5, max: 4 }\n",
            "config.yaml:2:21: pool.vardiff.start: 5 is out of range\n  allowed: 0.001 to 4",
        ),
        (
            "storage: { retention: 1h }\n",
            "config.yaml:1:23: storage.retention: 1h is shorter than the rewards window\n  allowed: at least the \
             window, 2h",
        ),
        (
            "logging: { level: inof }\n",
            "config.yaml:1:19: logging.level: \"inof\" is no level; did you mean info?\n  allowed: off, error, warn, \
             info, debug, trace; or directives such as info,otedama_pool=debug",
        ),
    ] {
        assert_eq!(error(yaml), expected, "{yaml}");
    }
}

#[test]
fn a_chain_needs_what_it_cannot_do_without() {
    let text = error("chains:\n  - coin: BTC\n  - coin: DOGE\n");
    assert_eq!(
        text,
        "config.yaml:2:5: chains[0].payout_address: missing\n  allowed: an address of Bitcoin mainnet, to which the \
         fee is paid\nconfig.yaml:2:5: chains[0].nodes: missing\n  allowed: one node or more, each with a url such as \
         http://127.0.0.1:8332\nconfig.yaml:3:5: chains[1].address: missing\n  allowed: an address and port of its \
         own, such as 0.0.0.0:3433 (only the first chain has a default)\nconfig.yaml:3:11: chains[1].coin: \"DOGE\" \
         is no coin of this build\n  allowed: BTC, LTC, ETC, RVN, XMR, DEV\nconfig.yaml:3:5: chains[1].nodes: missing\n  allowed: \
         one node or more, each with a url such as http://127.0.0.1:8332"
    );
}

#[test]
fn a_payout_address_is_one_of_its_chain() {
    let yaml = |network: &str| {
        format!(
            "chains:\n  - coin: BTC\n    network: {network}\n    nodes: [{{ url: 'http://a:1' }}]\n    \
             payout_address: {REGTEST}\n"
        )
    };
    assert!(load(&yaml("regtest")).chains[0].spec().is_some());
    let text = error(&yaml("mainnet"));
    assert!(
        text.starts_with(&format!(
            "config.yaml:5:21: chains[0].payout_address: \"{REGTEST}\": "
        )),
        "{text}"
    );
    assert!(
        text.ends_with("allowed: an address of Bitcoin mainnet, to which the fee is paid"),
        "{text}"
    );
}

#[test]
fn a_node_has_an_address_and_one_way_in() {
    let with = |node: &str| {
        format!(
            "chains:\n  - coin: BTC\n    network: regtest\n    payout_address: {REGTEST}\n    nodes: [{{ {node} }}]\n"
        )
    };
    for bad in ["https://a:1", "a:1", "http://a", "http://u:p@a:1", "http://a:0"] {
        let text = error(&with(&format!("url: '{bad}'")));
        assert!(
            text.contains("chains[0].nodes[0].url: not the address of a node"),
            "{bad}: {text}"
        );
        assert!(!text.contains("u:p"), "a password is not repeated");
    }
    let text = error(&with("url: 'http://a:1', user: u, cookie_file: c"));
    assert!(
        text.contains("either cookie_file, or user and password"),
        "{text}"
    );
    let text = error(&with("url: 'http://a:1', zmq_block: 'a:1'"));
    assert!(text.contains("tcp://host:port"), "{text}");
}

#[test]
fn two_sockets_do_not_share_an_address() {
    assert_eq!(
        error("pool: { address: \"0.0.0.0:8080\" }\n"),
        "config.yaml:1:1: api.address: 0.0.0.0:8080 is taken by pool.address\n  allowed: an address and port that \
         nothing else has"
    );
    assert!(error("api: { address: \"127.0.0.1:3333\" }\n").contains("is taken by pool.address"));
    let notify = |address: &str| {
        format!(
            "chains:\n  - coin: ETC\n    network: regtest\n    nodes: [{{ url: 'http://a:1' }}]\n    payout_address: \
             '0x00000000000000000000000000000000000000f0'\n    notify_address: '{address}'\n"
        )
    };
    assert!(
        error(&notify("127.0.0.1:8080"))
            .contains("api.address: 0.0.0.0:8080 is taken by chains[0].notify_address")
    );
    load(&notify("127.0.0.1:8550"));
    load("pool: { address: \"127.0.0.2:8080\" }\napi: { address: \"127.0.0.1:8080\" }\n");
    load("pool: { address: \"127.0.0.1:0\" }\napi: { address: \"127.0.0.1:0\" }\n");
    load("pool: { address: \"0.0.0.0:8080\" }\napi: { enable: false }\n");
}

#[test]
fn a_coin_and_network_is_configured_once() {
    let two = |network: &str| {
        let node = format!("payout_address: {REGTEST}, nodes: [{{ url: 'http://a:1' }}]");
        format!(
            "chains:\n  - {{ coin: BTC, network: regtest, {node} }}\n  - {{ coin: {network}, address: '0.0.0.0:4444', \
             {node} }}\n"
        )
    };
    assert_eq!(
        error(&two("btc, network: regtest")),
        "config.yaml:3:13: chains[1].coin: btc regtest is chains[0] already\n  allowed: another coin or network; \
         further nodes of this one belong into chains[0].nodes"
    );
    load(&two("DEV, network: regtest"));
}

#[test]
fn tls_needs_its_files() {
    let text = error("pool:\n  tls:\n    enable: true\n    key_file: /nowhere/key.pem\n");
    assert_eq!(
        text,
        "config.yaml:3:5: pool.tls.cert_file: missing, and pool.tls.enable is true\n  allowed: the path of a PEM \
         file\nconfig.yaml:4:15: pool.tls.key_file: no file /nowhere/key.pem\n  allowed: the path of a PEM file"
    );
}

#[test]
fn what_is_no_yaml_is_refused_with_its_place() {
    let text = error("pool:\n  enable: [true\n");
    assert!(text.starts_with("config.yaml:"), "{text}");
    assert!(text.contains("not valid YAML"), "{text}");
    let text = error("pool:\n  enable: true\n  enable: false\n");
    assert!(
        text.starts_with("config.yaml:3:3: not valid YAML: duplicate"),
        "{text}"
    );
    let text = error("just words\n");
    assert_eq!(
        text,
        "config.yaml:1:1: found \"just words\"\n  allowed: a mapping of keys to values"
    );
}

#[test]
fn a_wrong_variable_is_named() {
    assert_eq!(
        variable_error("OTEDAMA_POOL__FEE_PERCENTAG", "1"),
        "environment variable OTEDAMA_POOL__FEE_PERCENTAG: pool.fee_percentag: unknown key; did you mean \
         OTEDAMA_POOL__FEE_PERCENTAGE?\n  allowed: enable, address, max_connections, fee_percentage, rewards, shards, \
         verification_threads, job_grace, tls, vardiff, limits, ban"
    );
    assert_eq!(
        variable_error("OTEDAMA_POL__FEE_PERCENTAGE", "1"),
        "environment variable OTEDAMA_POL__FEE_PERCENTAGE: pol: unknown key; did you mean OTEDAMA_POOL?\n  allowed: \
         app, mining, pool, chains, storage, logging, api, monitoring"
    );
    assert_eq!(
        variable_error("OTEDAMA_POOL__FEE_PERCENTAGE", "150"),
        "environment variable OTEDAMA_POOL__FEE_PERCENTAGE: pool.fee_percentage: 150 is out of range\n  allowed: 0 \
         to 100"
    );
    assert_eq!(
        variable_error("OTEDAMA_POOL__ENABLE__DEEPER", "1"),
        "environment variable OTEDAMA_POOL__ENABLE__DEEPER: pool.enable: found a mapping\n  allowed: true or false"
    );
    assert!(variable_error("OTEDAMA_POOL_ADDRESS", "x").contains("pool_address: unknown key"));
    assert!(variable_error("OTEDAMA_POOL__", "x").contains("the name has an empty part"));
    assert!(variable_error("OTEDAMA_APP__NAME", "[").contains("not valid YAML"));
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = Config::load_file(Path::new("/nowhere/config.yaml"), &[])
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("/nowhere/config.yaml: cannot be read: "),
        "{error}"
    );
}
