//! Who may connect: caps and rates per address, and bans. For the thread that accepts.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use otedama_hash::Monotonic;

/// Limits at the door.
#[derive(Clone, Copy, Debug)]
pub struct GateConfig {
    /// Connections over all addresses.
    pub max_connections: usize,
    /// Connections of one address (an IPv6 /64 counts as one address).
    pub max_per_address: usize,
    /// Connects per second of one address, on average.
    pub connects_per_second: f64,
    /// Connects of one address at once.
    pub connect_burst: f64,
    /// Addresses remembered at once.
    pub max_addresses: usize,
}

impl Default for GateConfig {
    fn default() -> Self {
        Self {
            max_connections: 10_000,
            max_per_address: 2_500,
            connects_per_second: 50.0,
            connect_burst: 500.0,
            max_addresses: 1 << 17,
        }
    }
}

/// Why a connection was not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The pool has no room at all.
    #[error("the pool is full")]
    Full,
    /// The address is banned.
    #[error("the address is banned")]
    Banned,
    /// The address has as many connections as it may.
    #[error("too many connections from this address")]
    TooMany,
    /// The address connects too often.
    #[error("too many connects per second from this address")]
    TooFast,
}

#[derive(Debug)]
struct Entry {
    connections: u32,
    tokens: f64,
    refilled: Monotonic,
    banned_until: Monotonic,
}

/// Decides on each accepted socket. Feed it in the order in which things happen.
#[derive(Debug)]
pub struct Gate {
    config: GateConfig,
    connections: usize,
    by_address: HashMap<IpAddr, Entry, FixedState>,
}

impl Gate {
    /// An empty gate; `seed` keeps strangers from guessing how addresses collide in memory.
    pub fn new(config: GateConfig, seed: u64) -> Self {
        Self {
            config,
            connections: 0,
            by_address: HashMap::with_hasher(FixedState::with_seed(seed)),
        }
    }

    /// Lets a connection in and counts it, or says why not.
    ///
    /// # Errors
    /// The reason to close the socket at once. [`Gate::release`] must not follow then.
    pub fn admit(&mut self, now: Monotonic, ip: IpAddr) -> Result<(), Refusal> {
        if self.connections >= self.config.max_connections {
            return Err(Refusal::Full);
        }
        let key = group(ip);
        if self.by_address.len() >= self.config.max_addresses && !self.by_address.contains_key(&key) {
            self.forget(now);
            if self.by_address.len() >= self.config.max_addresses {
                return Err(Refusal::Full);
            }
        }
        let config = &self.config;
        let entry = self.by_address.entry(key).or_insert(Entry {
            connections: 0,
            tokens: config.connect_burst,
            refilled: now,
            banned_until: Monotonic::ZERO,
        });
        if entry.banned_until > now {
            return Err(Refusal::Banned);
        }
        entry.refill(config, now);
        if entry.connections as usize >= config.max_per_address {
            return Err(Refusal::TooMany);
        }
        if entry.tokens < 1.0 {
            return Err(Refusal::TooFast);
        }
        entry.tokens -= 1.0;
        entry.connections += 1;
        self.connections += 1;
        Ok(())
    }

    /// An admitted connection is gone.
    pub fn release(&mut self, ip: IpAddr) {
        if let Some(entry) = self.by_address.get_mut(&group(ip)) {
            entry.connections = entry.connections.saturating_sub(1);
            self.connections = self.connections.saturating_sub(1);
        }
    }

    /// Refuses an address for a while.
    pub fn ban(&mut self, now: Monotonic, ip: IpAddr, duration: Duration) {
        if self.by_address.len() >= self.config.max_addresses {
            self.forget(now);
        }
        let burst = self.config.connect_burst;
        let entry = self.by_address.entry(group(ip)).or_insert(Entry {
            connections: 0,
            tokens: burst,
            refilled: now,
            banned_until: now,
        });
        entry.banned_until = now + duration;
    }

    /// Connections that are in.
    pub fn connections(&self) -> usize {
        self.connections
    }

    /// Drops every entry that says no more than a fresh one would.
    fn forget(&mut self, now: Monotonic) {
        let config = self.config;
        self.by_address.retain(|_, entry| {
            entry.refill(&config, now);
            entry.connections > 0 || entry.banned_until > now || entry.tokens < config.connect_burst
        });
    }
}

impl Entry {
    fn refill(&mut self, config: &GateConfig, now: Monotonic) {
        let gained = now.since(self.refilled).as_secs_f64() * config.connects_per_second;
        self.tokens = (self.tokens + gained).min(config.connect_burst);
        self.refilled = now;
    }
}

/// Whoever has an IPv6 network has all 2^64 addresses of it.
fn group(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(v6) => {
            let network = u128::from(v6) & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from(network))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    fn gate() -> Gate {
        Gate::new(
            GateConfig {
                max_connections: 5,
                max_per_address: 3,
                connects_per_second: 1.0,
                connect_burst: 4.0,
                max_addresses: 2,
            },
            7,
        )
    }

    #[test]
    fn caps_hold_and_release_makes_room() {
        let mut gate = gate();
        let now = Monotonic::ZERO;
        for _ in 0..3 {
            gate.admit(now, ip(1)).unwrap();
        }
        assert_eq!(gate.admit(now, ip(1)), Err(Refusal::TooMany));
        gate.admit(now, ip(2)).unwrap();
        gate.admit(now, ip(2)).unwrap();
        assert_eq!(gate.admit(now, ip(2)), Err(Refusal::Full));
        gate.release(ip(1));
        gate.admit(now, ip(1)).unwrap();
        assert_eq!(gate.connections(), 5);
    }

    #[test]
    fn connect_rate_is_a_bucket() {
        let mut gate = gate();
        for _ in 0..4 {
            gate.admit(Monotonic::ZERO, ip(1)).unwrap();
            gate.release(ip(1));
        }
        assert_eq!(gate.admit(Monotonic::ZERO, ip(1)), Err(Refusal::TooFast));
        gate.admit(Monotonic::from_nanos(1_000_000_000), ip(1)).unwrap();
    }

    #[test]
    fn bans_end() {
        let mut gate = gate();
        gate.ban(Monotonic::ZERO, ip(1), Duration::from_secs(10));
        assert_eq!(gate.admit(Monotonic::ZERO, ip(1)), Err(Refusal::Banned));
        gate.admit(Monotonic::from_nanos(10_000_000_000), ip(1)).unwrap();
    }

    #[test]
    fn strangers_do_not_fill_the_memory() {
        let mut gate = gate();
        for i in 0..200u8 {
            let now = Monotonic::from_nanos(u64::from(i) * 10_000_000_000);
            if gate.admit(now, ip(i)).is_ok() {
                gate.release(ip(i));
            }
            assert!(gate.by_address.len() <= 2);
        }
    }

    #[test]
    fn one_ipv6_network_is_one_address() {
        let mut gate = gate();
        for i in 0..3u16 {
            gate.admit(Monotonic::ZERO, IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, i]))
                .unwrap();
        }
        let other = IpAddr::from([0x2001, 0xdb8, 0, 0, 9, 9, 9, 9]);
        assert_eq!(gate.admit(Monotonic::ZERO, other), Err(Refusal::TooMany));
    }
}
