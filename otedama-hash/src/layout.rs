//! What bytes an algorithm hashes, and where the nonce is.

use crate::backend::{HEADER_LEN, NONCE_OFFSET};

/// Bytes of a nonce that lies within its blob.
const NONCE_LEN: usize = 4;

/// How an algorithm takes its blob and its nonce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlobLayout {
    /// Length in bytes of the shortest blob.
    pub shortest: usize,
    /// Length in bytes of the longest one.
    pub longest: usize,
    /// Where the 4-byte, little-endian nonce lies in the blob; `None` where it comes apart from it and has 8 bytes.
    pub nonce_at: Option<usize>,
}

impl BlobLayout {
    /// The 80-byte header of Bitcoin.
    pub const HEADER: Self = Self {
        shortest: HEADER_LEN,
        longest: HEADER_LEN,
        nonce_at: Some(NONCE_OFFSET),
    };

    /// The hashing blob of Monero: behind two versions of one byte, a time of five and the previous block's id comes
    /// the nonce. No network's blob is longer than 408 bytes.
    pub const HASHING_BLOB: Self = Self {
        shortest: 39 + NONCE_LEN,
        longest: 408,
        nonce_at: Some(39),
    };

    /// The 32-byte header hash of Ethash and its kin.
    pub const HEADER_HASH: Self = Self {
        shortest: 32,
        longest: 32,
        nonce_at: None,
    };

    /// Whether a blob may have this length.
    pub fn has_len(&self, len: usize) -> bool {
        (self.shortest..=self.longest).contains(&len)
    }

    /// Whether the headers that miners build from a job of Bitcoin are such blobs.
    pub fn takes_headers(&self) -> bool {
        self.has_len(HEADER_LEN) && self.nonce_at == Some(NONCE_OFFSET)
    }

    /// End of all nonces that fit, itself excluded; the last one of 8 bytes is left out.
    pub fn nonce_end(&self) -> u64 {
        self.nonce_at.map_or(u64::MAX, |_| 1 << (8 * NONCE_LEN))
    }

    /// Writes `nonce` to where it belongs in `blob`, if it does and there is room.
    pub fn put_nonce(&self, blob: &mut [u8], nonce: u64) {
        let place = self.nonce_at.and_then(|at| blob.get_mut(at..)?.first_chunk_mut());
        if let Some(place) = place {
            *place = (nonce as u32).to_le_bytes();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nonce_goes_where_the_algorithm_reads_it() {
        let with_nonce = |layout: BlobLayout, mut blob: Vec<u8>| {
            layout.put_nonce(&mut blob, 0x00dd_0403_0201);
            blob
        };
        let blob = with_nonce(BlobLayout::HASHING_BLOB, vec![9; 76]);
        assert_eq!((&blob[..39], &blob[39..43]), (&[9; 39][..], &[1, 2, 3, 4][..]));
        assert_eq!(blob[43..], [9; 33]);
        let header = with_nonce(BlobLayout::HEADER, vec![9; 80]);
        assert_eq!((&header[75..], header.len()), (&[9, 1, 2, 3, 4][..], 80));
        assert_eq!(with_nonce(BlobLayout::HEADER_HASH, vec![9; 32]), [9; 32]);
        assert_eq!(with_nonce(BlobLayout::HEADER, vec![9; 79]), [9; 79]);
        assert_eq!(with_nonce(BlobLayout::HEADER, vec![]), []);
    }

    #[test]
    fn headers_are_told_from_other_blobs() {
        assert!(BlobLayout::HEADER.takes_headers());
        // Long enough, but with the nonce elsewhere.
        assert!(!BlobLayout::HASHING_BLOB.takes_headers());
        assert!(!BlobLayout::HEADER_HASH.takes_headers());
    }
}
