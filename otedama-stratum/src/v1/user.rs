//! The user name of `mining.authorize`: "address.worker", or "address+difficulty.worker".

use otedama_hash::Difficulty;

/// The payout address, and the worker's name after the first dot, empty if there is none. Spaces
/// around the name and a "+difficulty" after the address are taken off.
pub fn split(user: &str) -> (&str, &str) {
    let (account, worker) = account_and_worker(user);
    (
        account.split_once('+').map_or(account, |(address, _)| address),
        worker,
    )
}

/// The whole number between "+" and the dot, if there is one. A fraction would be mistaken for the
/// worker's name; it belongs into the [`password`](super::password).
pub fn difficulty(user: &str) -> Option<Difficulty> {
    let (_, suffix) = account_and_worker(user).0.split_once('+')?;
    let value: u64 = suffix.parse().ok()?;
    Difficulty::new(value as f64).ok()
}

fn account_and_worker(user: &str) -> (&str, &str) {
    let user = user.trim();
    user.split_once('.').unwrap_or((user, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_split_at_the_first_dot() {
        for (user, address, worker, wanted) in [
            ("bc1qaddress.rig1", "bc1qaddress", "rig1", None),
            (" bc1qaddress ", "bc1qaddress", "", None),
            ("bc1qaddress.", "bc1qaddress", "", None),
            ("bc1qaddress.rig.1", "bc1qaddress", "rig.1", None),
            ("bc1qaddress+1024.rig1", "bc1qaddress", "rig1", Some(1024.0)),
            ("bc1qaddress+8", "bc1qaddress", "", Some(8.0)),
            ("bc1qaddress+0.rig1", "bc1qaddress", "rig1", None),
            ("bc1qaddress+x.rig1", "bc1qaddress", "rig1", None),
            ("", "", "", None),
            (".rig1", "", "rig1", None),
        ] {
            assert_eq!(split(user), (address, worker), "{user}");
            assert_eq!(difficulty(user).map(Difficulty::get), wanted, "{user}");
        }
    }
}
