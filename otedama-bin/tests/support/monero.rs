//! A pool of Monero nodes for tests.

use std::path::Path;

use super::program::Setup;

/// Whom blocks pay.
pub(crate) const POOL: &str =
    "44AFFq5kSiGBoZ4NMDwYtN18obc8AemS33DBLWs3H7otXft3XjrpDtQGv7SqSsaBYBb98uNbr2VBBEt7f2wfn3RVGQBEP3A";
/// A miner.
pub(crate) const ALICE: &str =
    "888tNkZrPN6JsEgekjMnABU4TBzc2Dt29EPAvkRxbANsAnjyPbb3iQ1YBRk1UXcdRsiKc9dhwMVgN5S9cQUiyoogDavup3H";
/// Another one.
pub(crate) const BOB: &str =
    "42ey1afDFnn4886T7196doS9GPMzexD9gXpsZJDwVjeRVdFCSoHnv7KPbBeGpzJBzHRCAs9UxqeoyFQMYbqSWYTfJJQAWDm";

/// What the pool says to a share on a block that is not the newest any more: the one refusal that an honest miner gets.
pub(crate) const STALE: &str = "Stale share";

/// A pool of these nodes whose shares have `difficulty`, but where a miner asks for a higher one. Nobody comes near the
/// rate at which it would rise.
pub(crate) fn setup(dir: &Path, nodes: &[String], difficulty: f64) -> Setup {
    std::fs::create_dir_all(dir).unwrap();
    let chain = format!(
        "coin: XMR\nnetwork: regtest\npayout_address: {POOL}\nhealth_check: 1s\nnodes: [{}]\n\
         vardiff: {{ start: {difficulty:?}, min: {difficulty:?}, max: 1e9, shares_per_minute: 6000.0 }}\n",
        nodes.join(", ")
    );
    Setup {
        chain,
        difficulty,
        ..Setup::development(dir.join("pool.db"))
    }
}
