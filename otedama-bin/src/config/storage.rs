//! `storage`: the share journal and the statistics.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::duration;

/// The share journal and the statistics.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Storage {
    /// The database file; its folder is made if need be.
    pub path: PathBuf,
    /// How long single shares are kept; sums are kept for ever.
    #[serde(with = "duration")]
    pub retention: Duration,
    /// Shares that one commit takes at most.
    pub batch: usize,
    /// Longest time that a share waits for others to be committed with.
    #[serde(with = "duration")]
    pub commit_interval: Duration,
}

impl Default for Storage {
    fn default() -> Self {
        Self {
            path: "data/otedama.db".into(),
            retention: Duration::from_secs(30 * 86_400),
            batch: 1000,
            commit_interval: Duration::from_millis(5),
        }
    }
}
