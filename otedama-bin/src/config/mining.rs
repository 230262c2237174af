//! `mining`: the miner that runs inside `serve`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::choice::choice;
use super::duration;

choice! {
    /// A proof-of-work algorithm of this build.
    pub enum Algorithm {
        /// Bitcoin's.
        Sha256d = "sha256d",
        /// Litecoin's, N = 1024, r = p = 1.
        Scrypt = "scrypt",
        /// Monero's.
        RandomX = "randomx",
        /// Ethereum Classic's.
        Etchash = "etchash",
        /// Ethereum's, as it was.
        Ethash = "ethash",
        /// Ravencoin's.
        KawPow = "kawpow",
    }
}

impl Algorithm {
    /// The same algorithm as the hash crate names it.
    pub const fn to_hash(self) -> otedama_hash::Algorithm {
        match self {
            Self::Sha256d => otedama_hash::Algorithm::SHA256D,
            Self::Scrypt => otedama_hash::Algorithm::SCRYPT,
            Self::RandomX => otedama_hash::Algorithm::RANDOMX,
            Self::Etchash => otedama_hash::Algorithm::ETCHASH,
            Self::Ethash => otedama_hash::Algorithm::ETHASH,
            Self::KawPow => otedama_hash::Algorithm::KAWPOW,
        }
    }
}

choice! {
    /// How the system schedules mining threads against everything else.
    pub enum Priority {
        /// After everything else.
        Low = "low",
        /// Like any program.
        Normal = "normal",
    }
}

/// The miner that runs inside `serve`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mining {
    /// The algorithm it mines; a chain with another one is left to outside miners.
    pub algorithm: Algorithm,
    /// Mine with the CPU.
    pub enable_cpu: bool,
    /// Mine with GPUs.
    pub enable_gpu: bool,
    /// Mine with ASICs.
    pub enable_asic: bool,
    /// CPU settings.
    pub cpu: Cpu,
    /// GPU settings.
    pub gpu: Gpu,
    /// ASIC settings.
    pub asic: Asic,
}

impl Default for Mining {
    fn default() -> Self {
        Self {
            algorithm: Algorithm::Sha256d,
            enable_cpu: false,
            enable_gpu: false,
            enable_asic: false,
            cpu: Cpu::default(),
            gpu: Gpu::default(),
            asic: Asic::default(),
        }
    }
}

/// CPU mining.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cpu {
    /// Mining threads; 0 is one per core.
    pub threads: usize,
    /// Do without the datasets of RandomX, Ethash and `KawPow`: many times slower, but without the gigabytes.
    pub light: bool,
    /// Name of the backend, such as `avx2`; the fastest without one.
    pub backend: Option<String>,
    /// Scheduling priority.
    pub priority: Priority,
}

impl Default for Cpu {
    fn default() -> Self {
        Self {
            threads: 0,
            light: false,
            backend: None,
            priority: Priority::Normal,
        }
    }
}

/// GPU mining.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Gpu {
    /// Indices of the devices to use; none is all.
    pub devices: Vec<u32>,
    /// Work per launch, as a power of two.
    pub intensity: u8,
    /// Degrees Celsius at which a device is stopped.
    pub temperature_limit: u8,
}

impl Default for Gpu {
    fn default() -> Self {
        Self {
            devices: Vec::new(),
            intensity: 20,
            temperature_limit: 85,
        }
    }
}

/// ASIC mining.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Asic {
    /// Addresses or serial ports of the devices.
    pub devices: Vec<String>,
    /// How often a device is asked for its state.
    #[serde(with = "duration")]
    pub poll_interval: Duration,
}

impl Default for Asic {
    fn default() -> Self {
        Self {
            devices: Vec::new(),
            poll_interval: Duration::from_secs(5),
        }
    }
}
