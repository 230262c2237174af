//! Whether a `client.reconnect` is followed.

use std::net::IpAddr;

/// Whether `to` belongs to whoever runs `from`: the same host, one below it, or its sibling under the same domain.
///
/// A pool that was broken into, or somebody on the way to it, must not be able to send miners elsewhere.
pub(super) fn same_domain(from: &str, to: &str) -> bool {
    let (from, to) = (from.to_ascii_lowercase(), to.to_ascii_lowercase());
    let (from, to) = (from.trim_end_matches('.'), to.trim_end_matches('.'));
    if from == to {
        return true;
    }
    if from.parse::<IpAddr>().is_ok() || to.parse::<IpAddr>().is_ok() {
        return false;
    }
    let Some((_, domain)) = from.split_once('.') else {
        return false;
    };
    let below = |domain: &str| {
        to.strip_suffix(domain)
            .is_some_and(|host| host.len() > 1 && host.ends_with('.'))
    };
    below(from) || (!is_public_suffix(domain) && (to == domain || below(domain)))
}

/// Whether anybody can have a name under `domain`: a single label, or the likes of `co.uk` and `com.au`.
fn is_public_suffix(domain: &str) -> bool {
    match domain.split_once('.') {
        None => true,
        Some((second, country)) => !country.contains('.') && country.len() == 2 && second.len() <= 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn siblings_and_children_are_the_same_domain() {
        for (from, to) in [
            ("pool.example.com", "pool.example.com"),
            ("pool.example.com", "POOL.example.com."),
            ("us.pool.example.com", "eu.pool.example.com"),
            ("us.example.com", "eu.example.com"),
            ("example.com", "eu.example.com"),
            ("us.pool.co.uk", "eu.pool.co.uk"),
            ("us.example.com", "example.com"),
            ("127.0.0.1", "127.0.0.1"),
        ] {
            assert!(same_domain(from, to), "{from} {to}");
        }
    }

    #[test]
    fn strangers_are_not() {
        for (from, to) in [
            ("pool.example.com", "evil.com"),
            ("example.com", "evil.com"),
            ("example.com", "evilexample.com"),
            ("pool.example.com", "evilexample.com"),
            ("pool.co.uk", "evil.co.uk"),
            ("pool.com.au", "evil.com.au"),
            ("example.com", ".example.com"),
            ("pool", "evil"),
            ("pool.example.com", "10.0.0.1"),
            ("10.0.0.1", "10.0.0.2"),
            ("10.0.0.1", "5.10.0.0.1"),
        ] {
            assert!(!same_domain(from, to), "{from} {to}");
        }
    }
}
