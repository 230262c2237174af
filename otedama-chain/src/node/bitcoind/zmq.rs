//! `hashblock` notifications over ZMQ.

use otedama_hash::Hash256;

/// A new tip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashBlock {
    /// Its id.
    pub hash: Hash256,
    /// Rises by one with every notification of this topic; a gap means that some were lost.
    pub sequence: u32,
}

/// A message that is no `hashblock` notification.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ZmqError {
    /// It has not three frames.
    #[error("a notification has 3 frames, not {0}")]
    Frames(usize),
    /// Its topic is another one.
    #[error("the topic is not hashblock")]
    Topic,
    /// A frame has the wrong length.
    #[error("the {0} has the wrong length")]
    Length(&'static str),
}

/// Reads the frames of one message: topic, the hash in the byte order in which it is displayed,
/// and a little-endian sequence number.
///
/// # Errors
/// When it isn't a `hashblock` notification.
pub fn hash_block<F: AsRef<[u8]>>(frames: &[F]) -> Result<HashBlock, ZmqError> {
    let [topic, hash, sequence] = frames else {
        return Err(ZmqError::Frames(frames.len()));
    };
    if topic.as_ref() != b"hashblock" {
        return Err(ZmqError::Topic);
    }
    let mut hash: [u8; 32] = hash.as_ref().try_into().map_err(|_| ZmqError::Length("hash"))?;
    hash.reverse();
    let sequence = sequence
        .as_ref()
        .try_into()
        .map_err(|_| ZmqError::Length("sequence number"))?;
    Ok(HashBlock {
        hash: Hash256::from_le_bytes(hash),
        sequence: u32::from_le_bytes(sequence),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "0865a90989a2b4d0d1f64312a5dda6cd1ffc08a2bae8f6a274db4404c32c2c52";

    fn frames(topic: &str, hash: &str, sequence: &str) -> [Vec<u8>; 3] {
        [
            topic.into(),
            const_hex::decode(hash).expect("hex"),
            const_hex::decode(sequence).expect("hex"),
        ]
    }

    #[test]
    fn notification_of_bitcoin_knots() {
        let block = hash_block(&frames("hashblock", HASH, "71000000")).expect("well-formed");
        assert_eq!(block.hash.to_string(), HASH);
        assert_eq!(block.sequence, 0x71);
    }

    #[test]
    fn everything_else_is_refused() {
        assert_eq!(
            hash_block(&frames("sequence", HASH, "71000000")),
            Err(ZmqError::Topic)
        );
        assert_eq!(
            hash_block(&frames("hashblock", &HASH[2..], "71000000")),
            Err(ZmqError::Length("hash"))
        );
        assert!(hash_block(&frames("hashblock", HASH, "71")).is_err());
        assert_eq!(hash_block::<&[u8]>(&[b"hashblock"]), Err(ZmqError::Frames(1)));
    }
}
