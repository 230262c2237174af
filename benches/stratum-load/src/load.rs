//! What is asked of one target.

use std::net::{SocketAddr, ToSocketAddrs};

use otedama_hash::{Algorithm, Registry};

use crate::cli::{parse_difficulty, parse_number, parse_rate};
use crate::dialect::Dialect;
use crate::session::Login;

/// Most connections to one target.
pub(crate) const MAX_CONNECTIONS: u32 = 20_000;

/// `dialect@host:port=connections,rate[,key=value..]`, before the general options are added to it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TargetSpec {
    pub(crate) dialect: Dialect,
    pub(crate) pool: SocketAddr,
    pub(crate) connections: u32,
    pub(crate) rate: f64,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<String>,
    pub(crate) difficulty: Option<f64>,
    pub(crate) algorithm: Option<String>,
    pub(crate) bad_percent: Option<f64>,
}

/// What is asked of one target.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    pub(crate) dialect: Dialect,
    pub(crate) pool: SocketAddr,
    pub(crate) connections: u32,
    pub(crate) rate: f64,
    pub(crate) algorithm: Algorithm,
    /// The part of shares that is invented, from 0 to 1.
    pub(crate) bad: f64,
    pub(crate) user: String,
    pub(crate) password: String,
    pub(crate) difficulty: Option<f64>,
}

impl Load {
    /// What connection `index` says when it logs in.
    pub(crate) fn login(&self, index: usize) -> Login {
        let user = if self.user.contains("%n") {
            self.user.replace("%n", &index.to_string())
        } else {
            format!("{}.w{index}", self.user)
        };
        let password = match self.difficulty {
            None => self.password.clone(),
            Some(difficulty) => format!("{},d={difficulty}", self.password),
        };
        Login {
            user,
            password,
            difficulty: self.difficulty,
        }
    }

    /// Shares that one connection needs in `seconds`: its part, and what chance adds to it.
    pub(crate) fn need(&self, seconds: f64) -> u32 {
        let shares = self.rate * (1.0 - self.bad) * seconds;
        if shares <= 0.0 {
            return 0;
        }
        // Four standard deviations of a random schedule; connections take turns.
        let part = (shares + 4.0 * shares.sqrt()) / f64::from(self.connections);
        #[allow(clippy::cast_sign_loss, reason = "a number of shares is never negative")]
        let part = part.ceil() as u32;
        part + 1
    }
}

/// The algorithm of this name, or the dialect's usual one.
pub(crate) fn algorithm(dialect: Dialect, name: Option<&str>) -> Result<Algorithm, String> {
    let Some(name) = name else {
        return Ok(dialect.usual_algorithm());
    };
    let known = [
        Algorithm::SHA256D,
        Algorithm::SCRYPT,
        Algorithm::ETHASH,
        Algorithm::ETCHASH,
        Algorithm::KAWPOW,
        Algorithm::RANDOMX,
    ];
    known
        .into_iter()
        .find(|algorithm| algorithm.name() == name && dialect.can_hash(*algorithm))
        .ok_or_else(|| {
            let names = Registry::with_builtin().names().join(", ");
            format!("{dialect} has no algorithm {name:?}; this build knows {names}")
        })
}

/// Reads `host:port`, with or without a scheme.
pub(crate) fn parse_pool(text: &str) -> Result<SocketAddr, String> {
    let rest = text.strip_prefix("stratum+tcp://").unwrap_or(text);
    let resolved = rest
        .to_socket_addrs()
        .map_err(|e| format!("{e} (expected host:port)"))?;
    let mut first = None;
    for address in resolved {
        if !address.ip().is_loopback() {
            return Err(format!(
                "{address} is not a loopback address; this tool only loads pools on this machine"
            ));
        }
        // localhost may resolve to ::1 first, where pools rarely listen.
        if first.is_none_or(|f: SocketAddr| f.is_ipv6() && address.is_ipv4()) {
            first = Some(address);
        }
    }
    first.ok_or_else(|| "no address found".to_owned())
}

/// Reads a target.
pub(crate) fn parse_target(text: &str) -> Result<TargetSpec, String> {
    const SHAPE: &str = "expected dialect@host:port=connections,rate[,key=value..]";
    let (dialect, rest) = text.split_once('@').ok_or(SHAPE)?;
    let (pool, rest) = rest.split_once('=').ok_or(SHAPE)?;
    let mut parts = rest.split(',');
    let connections: u32 = parts.next().unwrap_or_default().parse().map_err(|_| SHAPE)?;
    if !(1..=MAX_CONNECTIONS).contains(&connections) {
        return Err(format!("1 to {MAX_CONNECTIONS} connections"));
    }
    let mut spec = TargetSpec {
        dialect: clap::ValueEnum::from_str(dialect, false)
            .map_err(|_| format!("unknown dialect {dialect:?}"))?,
        pool: parse_pool(pool)?,
        connections,
        rate: parse_rate(parts.next().ok_or(SHAPE)?)?,
        user: None,
        password: None,
        difficulty: None,
        algorithm: None,
        bad_percent: None,
    };
    for part in parts {
        let (key, value) = part.split_once('=').ok_or(SHAPE)?;
        match key {
            "user" => spec.user = Some(value.to_owned()),
            "password" => spec.password = Some(value.to_owned()),
            "difficulty" => spec.difficulty = Some(parse_difficulty(value)?),
            "algorithm" => spec.algorithm = Some(value.to_owned()),
            "bad" => spec.bad_percent = Some(parse_percent(value)?),
            _ => {
                return Err(format!(
                    "unknown key {key:?}; there are user, password, difficulty, algorithm, bad"
                ));
            }
        }
    }
    Ok(spec)
}

/// Reads a part of a hundred, with or without its sign.
pub(crate) fn parse_percent(text: &str) -> Result<f64, String> {
    let value = parse_number(text.strip_suffix('%').unwrap_or(text))?;
    if value > 100.0 {
        return Err("at most 100%".to_owned());
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_read_with_what_is_their_own() {
        let spec = parse_target("cryptonote@127.0.0.1:3333=100,60,user=4A,bad=25%,difficulty=2").unwrap();
        assert_eq!((spec.dialect, spec.connections), (Dialect::Cryptonote, 100));
        assert_eq!(
            (spec.rate, spec.bad_percent, spec.difficulty),
            (60.0, Some(25.0), Some(2.0))
        );
        assert_eq!((spec.user.as_deref(), spec.password), (Some("4A"), None));
        for bad in [
            "",
            "bitcoin",
            "bitcoin@127.0.0.1:1",
            "bitcoin@127.0.0.1:1=",
            "bitcoin@127.0.0.1:1=5",
            "bitcoin@127.0.0.1:1=0,5",
            "bitcoin@127.0.0.1:1=20001,5",
            "bitcoin@192.0.2.1:1=5,5",
            "litecoin@127.0.0.1:1=5,5",
            "bitcoin@127.0.0.1:1=5,-1",
            "bitcoin@127.0.0.1:1=5,5,bad=101",
            "bitcoin@127.0.0.1:1=5,5,colour=red",
        ] {
            assert!(parse_target(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn every_dialect_has_its_algorithms() {
        assert_eq!(algorithm(Dialect::Ethereum1, None), Ok(Algorithm::ETCHASH));
        assert_eq!(
            algorithm(Dialect::Ethproxy, Some("ethash")),
            Ok(Algorithm::ETHASH)
        );
        assert!(algorithm(Dialect::Kawpow, Some("sha256d")).is_err());
        assert!(
            algorithm(Dialect::Bitcoin, Some("sha3"))
                .unwrap_err()
                .contains("sha256d")
        );
    }

    #[test]
    fn the_need_covers_the_schedule() {
        let load = Load {
            dialect: Dialect::Cryptonote,
            pool: parse_pool("127.0.0.1:1").unwrap(),
            connections: 10,
            rate: 100.0,
            algorithm: Algorithm::RANDOMX,
            bad: 0.5,
            user: "a".to_owned(),
            password: "x".to_owned(),
            difficulty: Some(1e-9),
        };
        // 500 shares and four times their root, on ten connections.
        assert_eq!(load.need(10.0), 60);
        assert_eq!(load.need(0.0), 0);
        assert_eq!(load.login(3).user, "a.w3");
        assert_eq!(load.login(3).password, "x,d=0.000000001");
    }
}
