//! The three languages of Ethash's pools.

mod proxy;
mod v1;
mod v2;

pub(super) use proxy::Proxy;
pub(super) use v1::V1;
pub(super) use v2::V2;

use super::ClientJob;
use crate::v1::dialect::ethereum::MinerNonce;

impl ClientJob {
    /// What a miner of `EthereumStratum` sends of one of the job's nonces: the digits that are not the server's.
    fn own_part(&self, nonce: u64) -> Result<MinerNonce, &'static str> {
        const NO_NONCES: &str = "the job leaves no nonces";
        let nonces = &self.work.blob().ok_or(NO_NONCES)?.nonces;
        // The server's bits are those in which the first nonce and the last one are the same.
        let last = nonces.end.checked_sub(1).ok_or(NO_NONCES)?;
        let fixed_bits = (nonces.start ^ last).leading_zeros();
        MinerNonce::behind(fixed_bits as usize / 8, nonce).map_err(|_| NO_NONCES)
    }
}
