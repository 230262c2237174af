//! What an operator may set: the types, their defaults, and how a file and the environment become one [`Config`].

pub mod app;
pub mod chain;
mod choice;
mod decode;
pub mod duration;
mod environment;
pub mod error;
mod load;
pub mod logging;
pub mod mining;
pub mod pool;
pub mod service;
mod sockets;
pub mod storage;
mod tree;
mod validate;
pub mod window;

use serde::{Deserialize, Serialize};

pub use app::{App, Mode};
pub use chain::{Chain, Network, Node, Secret};
pub use environment::{IGNORED_VARIABLES, PREFIX};
pub use error::{ConfigError, Place, Problem};
pub use load::Loaded;
pub use logging::{Logging, Rotation};
pub use mining::{Algorithm, Asic, Cpu, Gpu, Mining, Priority};
pub use pool::{Ban, Limits, Pool, Rewards, System, Tls, Vardiff};
pub use service::{Api, Auth, Health, Metrics, Monitoring};
pub use storage::Storage;
pub use window::Window;

/// Everything that can be set. `Config::default()` is what an empty file means.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The program as a whole.
    pub app: App,
    /// The miner inside `serve`.
    pub mining: Mining,
    /// The pool.
    pub pool: Pool,
    /// The coins that the pool mines, each on its own port.
    pub chains: Vec<Chain>,
    /// The share journal and the statistics.
    pub storage: Storage,
    /// Log file and level.
    pub logging: Logging,
    /// The HTTP API.
    pub api: Api,
    /// Metrics and health for machines.
    pub monitoring: Monitoring,
}

/// A production config names no chain, so there is nothing to mine.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "the config names no chain, so there is nothing to mine: add one under `chains:` with a node and a \
     payout_address (config.example.yaml shows how), or set `app.mode: development` for the embedded, worthless \
     development chain"
)]
pub struct NoChains;

impl Config {
    /// What `serve` does without a config: the development chain, mined on with the CPU, on loopback only.
    #[expect(clippy::missing_panics_doc, reason = "a test loads what is built in")]
    pub fn development() -> Self {
        load::development(&[])
            .expect("a test loads the built-in development config")
            .config
    }

    /// The chains to serve: those of the config, or the development chain in development mode.
    ///
    /// # Errors
    /// When the mode is production and no chain is named.
    pub fn require_chains(&self) -> Result<Vec<Chain>, NoChains> {
        match (self.chains.is_empty(), self.app.mode) {
            (false, _) => Ok(self.chains.clone()),
            (true, Mode::Development) => Ok(vec![Chain::development()]),
            (true, Mode::Production) => Err(NoChains),
        }
    }

    /// One line naming the hardware that the config asks for and this build cannot drive yet.
    pub fn hardware_warning(&self) -> Option<String> {
        let wanted: Vec<&str> = [(self.mining.enable_gpu, "GPU"), (self.mining.enable_asic, "ASIC")]
            .into_iter()
            .filter_map(|(on, name)| on.then_some(name))
            .collect();
        (!wanted.is_empty()).then(|| {
            format!(
                "this build cannot drive {} yet: going on without",
                wanted.join(" or ")
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn production_without_chains_is_refused() {
        assert_eq!(Config::default().require_chains(), Err(NoChains));
    }

    #[test]
    fn development_falls_back_to_the_development_chain() {
        let mut config = Config::default();
        config.app.mode = Mode::Development;
        assert_eq!(config.require_chains(), Ok(vec![Chain::development()]));
        assert_eq!(
            Config::development().require_chains(),
            Ok(vec![Chain::development()])
        );
    }

    #[test]
    fn hardware_is_named_once() {
        let mut config = Config::default();
        assert_eq!(config.hardware_warning(), None);
        config.mining.enable_gpu = true;
        config.mining.enable_asic = true;
        assert_eq!(
            config.hardware_warning().as_deref(),
            Some("this build cannot drive GPU or ASIC yet: going on without")
        );
    }
}
