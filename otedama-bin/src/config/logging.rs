//! `logging`: what is logged, and where to.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::choice::choice;

choice! {
    /// When a new log file is begun.
    pub enum Rotation {
        /// Every day at midnight UTC.
        Daily = "daily",
        /// Every hour.
        Hourly = "hourly",
        /// Never.
        Never = "never",
    }
}

/// What is logged, and where to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Logging {
    /// `error`, `warn`, `info`, `debug` or `trace`, or directives such as `info,otedama_pool=debug`.
    pub level: String,
    /// The newest log file; older ones lie beside it with a date in their name. Nothing turns it off.
    pub file: Option<PathBuf>,
    /// When a new file is begun.
    pub rotation: Rotation,
    /// How many files are kept.
    pub max_files: usize,
}

impl Default for Logging {
    fn default() -> Self {
        Self {
            level: "info".to_owned(),
            file: Some("logs/otedama.log".into()),
            rotation: Rotation::Daily,
            max_files: 14,
        }
    }
}
