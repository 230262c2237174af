//! `api` and `monitoring`: what is served over HTTP.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::duration;

const fn everywhere(port: u16) -> SocketAddr {
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::UNSPECIFIED), port)
}

/// The HTTP API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Api {
    /// Whether it is served.
    pub enable: bool,
    /// Where it listens.
    pub address: SocketAddr,
    /// Who may change things through it.
    pub auth: Auth,
}

impl Default for Api {
    fn default() -> Self {
        Self {
            enable: true,
            address: everywhere(8080),
            auth: Auth::default(),
        }
    }
}

/// Who may change things through the API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Auth {
    /// Whether a token is needed.
    pub enabled: bool,
    /// How long a token is valid.
    #[serde(with = "duration")]
    pub token_expiry: Duration,
}

impl Default for Auth {
    fn default() -> Self {
        Self {
            enabled: true,
            token_expiry: Duration::from_secs(24 * 3600),
        }
    }
}

/// Metrics and health for machines.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Monitoring {
    /// Metrics in Prometheus' text format.
    pub metrics: Metrics,
    /// Health for load balancers and supervisors.
    pub health: Health,
}

/// Metrics in Prometheus' text format.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Metrics {
    /// Whether they are served.
    pub enabled: bool,
    /// Where they listen.
    pub address: SocketAddr,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            enabled: true,
            address: everywhere(9090),
        }
    }
}

/// Health for load balancers and supervisors.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Health {
    /// Whether it is served.
    pub enabled: bool,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            enabled: true,
            address: everywhere(8081),
        }
    }
}
