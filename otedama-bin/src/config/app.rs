//! `app`: the program as a whole.

use serde::{Deserialize, Serialize};

use super::choice::choice;

choice! {
    /// How careful the program is about what is missing.
    pub enum Mode {
        /// A real pool: a config without chains is refused.
        Production = "production",
        /// Without chains the embedded development chain is served.
        Development = "development",
    }
}

/// The program as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct App {
    /// Name of the pool, as the API shows it.
    pub name: String,
    /// Production or development.
    pub mode: Mode,
}

impl Default for App {
    fn default() -> Self {
        Self {
            name: "Otedama".to_owned(),
            mode: Mode::Production,
        }
    }
}
