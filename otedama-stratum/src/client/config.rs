use core::time::Duration;

use otedama_hash::{Algorithm, Difficulty, Target};

use crate::v1::dialect::ethereum::Protocol;

/// What a pool speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Language {
    /// Bitcoin's stratum, version 1, with version rolling (BIP 310).
    #[default]
    Bitcoin,
    /// The language of Monero's pools: `login`, `job`, `submit`, `keepalived`.
    CryptoNote,
    /// The language of Ravencoin's pools: Bitcoin's methods around a header's hash.
    KawPow,
    /// One of the languages of Ethash's pools.
    Ethereum(Protocol),
}

/// What a client asks of its pool.
#[derive(Clone, Debug, PartialEq)]
pub struct ClientConfig {
    /// What the pool speaks.
    pub language: Language,
    /// Usually "address.worker".
    pub user: String,
    /// Often "x", or options such as "d=1024".
    pub password: String,
    /// The server as the owner named it, for languages in which it is greeted by name.
    pub host: String,
    /// The server's port, likewise.
    pub port: u16,
    /// The user agent.
    pub agent: String,
    /// Name of the rig, for languages that send it beside the user.
    pub rig: Option<String>,
    /// The algorithms that the miner can do, by their names on the wire (`rx/0`), for languages that name
    /// them. A job for another one ends the connection; with an empty list every job is taken.
    pub algorithms: Vec<String>,
    /// The target of difficulty 1, for languages that state difficulties and for showing them; see
    /// [`Algorithm::diff1`].
    pub diff1: Target,
    /// Header version bits that the miner could roll; 0 to not ask (BIP 310).
    pub want_version_mask: u32,
    /// A difficulty to suggest once subscribed.
    pub suggest_difficulty: Option<Difficulty>,
    /// How long the server may take to answer a request.
    pub reply_timeout: Duration,
    /// How long the server may take to answer `mining.configure`, which old ones ignore; the client
    /// then goes on without version rolling.
    pub configure_timeout: Duration,
    /// How long the server may say nothing at all.
    pub silence_timeout: Duration,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            language: Language::default(),
            user: String::new(),
            password: "x".to_owned(),
            host: String::new(),
            port: 0,
            agent: concat!("otedama/", env!("CARGO_PKG_VERSION")).to_owned(),
            rig: None,
            algorithms: Vec::new(),
            diff1: Algorithm::SHA256D.diff1(),
            want_version_mask: 0x1fff_e000,
            suggest_difficulty: None,
            reply_timeout: Duration::from_secs(20),
            configure_timeout: Duration::from_secs(5),
            silence_timeout: Duration::from_secs(300),
        }
    }
}

impl ClientConfig {
    /// Whether the miner can do an algorithm of that name.
    pub(super) fn knows(&self, algorithm: &str) -> bool {
        self.algorithms.is_empty()
            || self
                .algorithms
                .iter()
                .any(|known| known.eq_ignore_ascii_case(algorithm))
    }
}
