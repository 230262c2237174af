//! Pool addresses as miners write them: `stratum+tcp://host:port`.

use std::fmt;
use std::str::FromStr;

use otedama_stratum::v1::dialect::ethereum::Protocol;

/// Where a pool is: host name or IP address, and port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PoolAddress {
    /// Host name, or IP address without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Which of Ethash's protocols the pool speaks, if the scheme says so: `stratum1+tcp` is eth-proxy, `stratum2+tcp`
    /// EthereumStratum/1.0.0 and `stratum3+tcp` EthereumStratum/2.0.0, as ethminer has them.
    pub protocol: Option<Protocol>,
}

/// Text that is no address of a pool that this build can mine on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// The scheme asks for encryption.
    #[error("\"{0}\": encrypted connections are not supported yet; use stratum+tcp://host:port")]
    Encrypted(String),
    /// Another protocol.
    #[error("\"{0}\": not a Stratum address; use stratum+tcp://host:port")]
    Scheme(String),
    /// No host, or no port.
    #[error("\"{0}\": no host and port in it; use stratum+tcp://host:port")]
    Incomplete(String),
}

impl FromStr for PoolAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let (protocol, rest) = match text.split_once("://") {
            None => (None, text),
            Some(("stratum+tcp" | "stratum" | "tcp", rest)) => (None, rest),
            Some(("stratum1+tcp", rest)) => (Some(Protocol::Proxy), rest),
            Some(("stratum2+tcp", rest)) => (Some(Protocol::V1), rest),
            Some(("stratum3+tcp", rest)) => (Some(Protocol::V2), rest),
            Some(("stratum+ssl" | "stratum+tls" | "stratums" | "ssl" | "tls", _)) => {
                return Err(AddressError::Encrypted(text.to_owned()));
            }
            Some(_) => return Err(AddressError::Scheme(text.to_owned())),
        };
        let incomplete = || AddressError::Incomplete(text.to_owned());
        let (host, port) = rest
            .trim_end_matches('/')
            .rsplit_once(':')
            .ok_or_else(incomplete)?;
        let port = port
            .parse()
            .ok()
            .filter(|port| *port > 0)
            .ok_or_else(incomplete)?;
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let plausible = match bare {
            Some(ip) => ip.parse::<std::net::Ipv6Addr>().is_ok(),
            None => {
                !host.is_empty()
                    && host
                        .bytes()
                        .all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))
            }
        };
        if !plausible {
            return Err(incomplete());
        }
        Ok(Self {
            host: bare.unwrap_or(host).to_owned(),
            port,
            protocol,
        })
    }
}

impl fmt::Display for PoolAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.protocol {
            None => "stratum",
            Some(Protocol::Proxy) => "stratum1",
            Some(Protocol::V1) => "stratum2",
            Some(Protocol::V2) => "stratum3",
        };
        if self.host.contains(':') {
            write!(f, "{scheme}+tcp://[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{scheme}+tcp://{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_miners_write() {
        for (text, host, port) in [
            ("stratum+tcp://pool.example.com:3333", "pool.example.com", 3333),
            ("stratum+tcp://pool.example.com:3333/", "pool.example.com", 3333),
            ("127.0.0.1:3333", "127.0.0.1", 3333),
            ("stratum+tcp://[::1]:3333", "::1", 3333),
            ("stratum1+tcp://[::1]:3333", "::1", 3333),
            ("stratum3+tcp://pool.example.com:1", "pool.example.com", 1),
        ] {
            let address: PoolAddress = text.parse().unwrap();
            assert_eq!((address.host.as_str(), address.port), (host, port), "{text}");
            assert_eq!(address.to_string().parse(), Ok(address));
        }
    }

    #[test]
    fn refuses_what_it_cannot_connect_to() {
        for text in ["stratum+ssl://a:1", "stratum+tls://a:1"] {
            assert!(
                matches!(text.parse::<PoolAddress>(), Err(AddressError::Encrypted(_))),
                "{text}"
            );
        }
        assert!(matches!(
            "http://a:1".parse::<PoolAddress>(),
            Err(AddressError::Scheme(_))
        ));
        for text in [
            "",
            "pool",
            "stratum+tcp://pool",
            "stratum+tcp://:1",
            "a:0",
            "a:99999",
            "u@a:1",
            "[a]:1",
            "::1:3",
        ] {
            assert!(
                matches!(text.parse::<PoolAddress>(), Err(AddressError::Incomplete(_))),
                "{text}"
            );
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in ".{0,40}") {
            let _ = text.parse::<PoolAddress>();
        }
    }
}
