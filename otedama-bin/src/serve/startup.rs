//! What has to work before anything starts: ports, certificate, nodes' addresses, payout addresses.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use mio::net::TcpListener;
use otedama_chain::AddressError;
use otedama_chain::spec::FamilyRules;

use super::addresses::Addresses;
use super::clock::Clock;
use crate::config::{self, Config};
use crate::node::{BitcoindNode, DevNode, DevStartError, GethNode, MonerodNode, NodeHandle, Posts};
use crate::shard::acceptor::{Port, listen};
use crate::shard::tls::{self, TlsError};

/// Where the development chain's fee goes when the config names no address.
pub(super) const DEVELOPMENT_ADDRESS: &str = "bcrt1qy9thk2k9r88c7rj0f3qu9dyhvwp8kvrnez9jg3";

/// Why the program can't start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A port is taken or may not be used.
    #[error("{key}: can't listen on {address}: {error}{}", remedy(error))]
    Listen {
        /// The setting.
        key: String,
        /// Its value.
        address: SocketAddr,
        /// What the system says.
        error: io::Error,
    },
    /// A chain that this build doesn't know.
    #[error("this build does not know {0}")]
    UnknownCoin(String),
    /// A chain after the first has no port.
    #[error("chains[{0}] needs an address of its own: only the first chain uses pool.address")]
    NoAddress(usize),
    /// The pool's own address can't be paid to.
    #[error("payout_address of {chain}: {error}")]
    PayoutAddress {
        /// Which chain.
        chain: String,
        /// Why.
        error: AddressError,
    },
    /// A node's address is no URL.
    #[error("node address \"{url}\": {error}")]
    NodeUrl {
        /// As configured.
        url: String,
        /// Why.
        error: hyper::http::uri::InvalidUri,
    },
    /// The certificate can't be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The development chain can't be started.
    #[error("development chain: {0}")]
    Development(#[from] DevStartError),
    /// The proof of work isn't part of this build.
    #[error("this build lacks {0}")]
    Algorithm(String),
    /// No randomness.
    #[error("the system gives no random numbers")]
    Random,
}

fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => " (another program, perhaps another otedama, listens there)",
        io::ErrorKind::PermissionDenied => " (ports below 1024 need a privilege)",
        io::ErrorKind::AddrNotAvailable => " (this machine has no such address)",
        _ => "",
    }
}

/// Every listening socket.
pub(super) struct Sockets {
    /// Per chain.
    pub stratum: Vec<Vec<Port>>,
    /// Where nodes post their work, per chain.
    pub notify: Vec<Option<std::net::TcpListener>>,
    /// The certificate of the encrypted port.
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// API.
    pub api: Option<std::net::TcpListener>,
    /// Metrics.
    pub metrics: Option<std::net::TcpListener>,
    /// Health.
    pub health: Option<std::net::TcpListener>,
    /// Where they all are.
    pub addresses: Addresses,
}

/// Opens every port that the config names.
pub(super) fn open_ports(config: &Config, chains: &[config::Chain]) -> Result<Sockets, StartError> {
    let mut addresses = Addresses {
        pid: std::process::id(),
        ..Addresses::default()
    };
    let (mut stratum, mut tls) = (Vec::new(), None);
    for (index, chain) in chains.iter().enumerate() {
        if !config.pool.enable {
            stratum.push(Vec::new());
            continue;
        }
        let (key, address) = match (chain.address, index) {
            (Some(address), _) => (format!("chains[{index}].address"), address),
            (None, 0) => ("pool.address".to_owned(), config.pool.address),
            (None, _) => return Err(StartError::NoAddress(index)),
        };
        let (listener, bound) = bind(key, address)?;
        addresses.stratum.push(bound);
        let mut ports = vec![Port { listener, tls: false }];
        if index == 0
            && let Some((listener, bound, loaded)) = tls_port(&config.pool.tls)?
        {
            addresses.stratum_tls = Some(bound);
            tls = Some(loaded);
            ports.push(Port { listener, tls: true });
        }
        stratum.push(ports);
    }
    let notify = chains
        .iter()
        .enumerate()
        .map(|(index, chain)| {
            let open = |address| bind_std(&format!("chains[{index}].notify_address"), address);
            let bound = chain.notify_address.map(open).transpose()?;
            addresses.notify.push(bound.as_ref().map(|(_, at)| *at));
            Ok(bound.map(|(socket, _)| socket))
        })
        .collect::<Result<Vec<_>, StartError>>()?;
    let http = |enabled: bool, key: &str, address| -> Result<_, StartError> {
        enabled.then(|| bind_std(key, address)).transpose()
    };
    let monitoring = &config.monitoring;
    let api = http(config.api.enable, "api.address", config.api.address)?;
    let metrics = http(
        monitoring.metrics.enabled,
        "monitoring.metrics.address",
        monitoring.metrics.address,
    )?;
    let health = http(
        monitoring.health.enabled,
        "monitoring.health.address",
        monitoring.health.address,
    )?;
    addresses.api = api.as_ref().map(|(_, at)| *at);
    addresses.metrics = metrics.as_ref().map(|(_, at)| *at);
    addresses.health = health.as_ref().map(|(_, at)| *at);
    let socket = |pair: Option<(std::net::TcpListener, SocketAddr)>| pair.map(|(socket, _)| socket);
    Ok(Sockets {
        stratum,
        notify,
        tls,
        api: socket(api),
        metrics: socket(metrics),
        health: socket(health),
        addresses,
    })
}

type TlsPort = (TcpListener, SocketAddr, Arc<rustls::ServerConfig>);

fn tls_port(config: &config::Tls) -> Result<Option<TlsPort>, StartError> {
    let (true, Some(cert), Some(key)) = (config.enable, &config.cert_file, &config.key_file) else {
        return Ok(None);
    };
    let loaded = tls::load(cert, key)?;
    let (listener, bound) = bind("pool.tls.address".to_owned(), config.address)?;
    Ok(Some((listener, bound, loaded)))
}

fn bind(key: String, address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let open = || {
        let listener = listen(address)?;
        let bound = listener.local_addr()?;
        Ok((listener, bound))
    };
    open().map_err(|error| StartError::Listen { key, address, error })
}

fn bind_std(key: &str, address: SocketAddr) -> Result<(std::net::TcpListener, SocketAddr), StartError> {
    let open = || {
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let bound = listener.local_addr()?;
        Ok((listener, bound))
    };
    open().map_err(|error| StartError::Listen {
        key: key.to_owned(),
        address,
        error,
    })
}

/// The nodes of a chain; nobody has talked to them yet.
pub(super) fn nodes(
    chain: &config::Chain,
    spec: &'static otedama_chain::ChainSpec,
    clock: Clock,
    posts: &Arc<Posts>,
) -> Result<Vec<NodeHandle>, StartError> {
    if chain.is_development() {
        return Ok(vec![NodeHandle::Dev(Arc::new(DevNode::start(spec, clock)?))]);
    }
    chain
        .nodes
        .iter()
        .map(|node| {
            let handle = match spec.family {
                FamilyRules::CryptoNote(_) => MonerodNode::new(node, &chain.payout_address)
                    .map(|node| NodeHandle::Monerod(Arc::new(node))),
                FamilyRules::Ethereum(_) => {
                    let payout = otedama_chain::family(spec).payout_script(spec, &chain.payout_address);
                    let payout = payout.map_err(|error| StartError::PayoutAddress {
                        chain: spec.to_string(),
                        error,
                    })?;
                    GethNode::new(node, Arc::clone(posts), payout)
                        .map(|node| NodeHandle::Geth(Arc::new(node)))
                }
                _ => BitcoindNode::new(node).map(|node| NodeHandle::Bitcoind(Arc::new(node))),
            };
            handle.map_err(|error| StartError::NodeUrl {
                url: node.url.clone(),
                error,
            })
        })
        .collect()
}

/// Where a chain's pool part goes.
pub(super) fn payout_address(chain: &config::Chain) -> &str {
    if chain.payout_address.is_empty() && chain.is_development() {
        DEVELOPMENT_ADDRESS
    } else {
        &chain.payout_address
    }
}

/// 32 bytes that nobody can guess.
pub(super) fn random_seed() -> Result<[u8; 32], StartError> {
    let mut seed = [0; 32];
    rustls::crypto::ring::default_provider()
        .secure_random
        .fill(&mut seed)
        .map_err(|_| StartError::Random)?;
    Ok(seed)
}

/// A number that nobody can guess.
pub(super) fn random_number() -> Result<u64, StartError> {
    let seed = random_seed()?;
    Ok(seed
        .iter()
        .take(8)
        .fold(0, |number, byte| number << 8 | u64::from(*byte)))
}
