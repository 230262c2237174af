use core::fmt;
use std::borrow::Cow;

use otedama_hash::Hash256;
use serde::de::{self, Deserialize, Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::{ServerMessageError, header_field};
use crate::v1::NotifyParts;
use crate::v1::args::{Text, hex_bytes};
use crate::v1::notify::swap_words;

/// Most hashes that a job's merkle branch may have: blocks of 2^32 transactions.
pub const MAX_MERKLE_BRANCH_LEN: usize = 32;
/// Most bytes that either part of a job's coinbase may have.
pub const MAX_COINBASE_PART_LEN: usize = 64 * 1024;

const MAX_JOB_ID_LEN: usize = 64;

/// `mining.notify`: a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notify<'a> {
    /// The job's name, at most 64 bytes.
    pub job_id: Cow<'a, str>,
    /// The previous block's hash.
    pub prev_hash: Hash256,
    /// The coinbase transaction's bytes before the extranonce, at most 64 KiB.
    pub coinbase1: Vec<u8>,
    /// The coinbase transaction's bytes after the extranonce, at most 64 KiB.
    pub coinbase2: Vec<u8>,
    /// Hashes to combine with the coinbase's hash, leaf first, at most 32.
    pub merkle_branch: Vec<Hash256>,
    /// Header version.
    pub version: u32,
    /// Header bits: the network target's compact form.
    pub bits: u32,
    /// Header time, Unix seconds.
    pub ntime: u32,
    /// Whether every older job is void.
    pub clean: bool,
}

impl<'a> Notify<'a> {
    /// The job's parts, as [`write_notify`](crate::v1::notify::write_notify) takes them.
    pub fn parts(&self) -> NotifyParts<'_> {
        NotifyParts {
            prev_hash: &self.prev_hash,
            coinbase1: &self.coinbase1,
            coinbase2: &self.coinbase2,
            merkle_branch: &self.merkle_branch,
            version: self.version,
            bits: self.bits,
            ntime: self.ntime,
        }
    }

    /// The same job, borrowing nothing.
    pub fn into_owned(self) -> Notify<'static> {
        Notify {
            job_id: Cow::Owned(self.job_id.into_owned()),
            prev_hash: self.prev_hash,
            coinbase1: self.coinbase1,
            coinbase2: self.coinbase2,
            merkle_branch: self.merkle_branch,
            version: self.version,
            bits: self.bits,
            ntime: self.ntime,
            clean: self.clean,
        }
    }

    pub(super) fn parse(params: Option<&'a RawValue>) -> Result<Self, ServerMessageError> {
        const SHAPE: ServerMessageError = ServerMessageError("mining.notify takes 9 parameters");
        let raw: RawNotify<'a> = serde_json::from_str(params.ok_or(SHAPE)?.get()).map_err(|_| SHAPE)?;
        if raw.job_id.0.len() > MAX_JOB_ID_LEN {
            return Err(ServerMessageError("job id is longer than 64 bytes"));
        }
        let prev_hash =
            hex_bytes(&raw.prev_hash.0).ok_or(ServerMessageError("prev_hash must be 64 hex digits"))?;
        Ok(Self {
            job_id: raw.job_id.0,
            prev_hash: Hash256::from_le_bytes(swap_words(prev_hash)),
            coinbase1: coinbase_part(&raw.coinbase1.0)?,
            coinbase2: coinbase_part(&raw.coinbase2.0)?,
            merkle_branch: raw.merkle_branch.0,
            version: header_field(&raw.version, "version must be 8 hex digits")?,
            bits: header_field(&raw.bits, "bits must be 8 hex digits")?,
            ntime: header_field(&raw.ntime, "ntime must be 8 hex digits")?,
            clean: raw.clean,
        })
    }
}

fn coinbase_part(hex: &str) -> Result<Vec<u8>, ServerMessageError> {
    if hex.len() > 2 * MAX_COINBASE_PART_LEN {
        return Err(ServerMessageError("coinbase part is longer than 64 KiB"));
    }
    // const-hex takes a "0x" prefix off; on the wire a prefix is a fault.
    if hex.starts_with("0x") {
        return Err(ServerMessageError("coinbase part must be hex digits"));
    }
    const_hex::decode(hex).map_err(|_| ServerMessageError("coinbase part must be hex digits"))
}

struct RawNotify<'a> {
    job_id: Text<'a>,
    prev_hash: Text<'a>,
    coinbase1: Text<'a>,
    coinbase2: Text<'a>,
    merkle_branch: Branch,
    version: Text<'a>,
    bits: Text<'a>,
    ntime: Text<'a>,
    clean: bool,
}

impl<'de: 'a, 'a> Deserialize<'de> for RawNotify<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NotifyVisitor;
        impl<'de> Visitor<'de> for NotifyVisitor {
            type Value = RawNotify<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the parameters of mining.notify")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let raw = RawNotify {
                    job_id: element(&mut seq)?,
                    prev_hash: element(&mut seq)?,
                    coinbase1: element(&mut seq)?,
                    coinbase2: element(&mut seq)?,
                    merkle_branch: element(&mut seq)?,
                    version: element(&mut seq)?,
                    bits: element(&mut seq)?,
                    ntime: element(&mut seq)?,
                    clean: seq.next_element()?.unwrap_or(false),
                };
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(raw)
            }
        }
        deserializer.deserialize_seq(NotifyVisitor)
    }
}

fn element<'de, T: Deserialize<'de>, A: SeqAccess<'de>>(seq: &mut A) -> Result<T, A::Error> {
    seq.next_element()?
        .ok_or_else(|| de::Error::custom("too few parameters"))
}

struct Branch(Vec<Hash256>);

impl<'de> Deserialize<'de> for Branch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct BranchVisitor;
        impl<'de> Visitor<'de> for BranchVisitor {
            type Value = Branch;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a merkle branch")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Branch, A::Error> {
                let mut branch = Vec::new();
                while let Some(Text(hex)) = seq.next_element()? {
                    if branch.len() == MAX_MERKLE_BRANCH_LEN {
                        return Err(de::Error::custom("merkle branch is too long"));
                    }
                    let bytes = hex_bytes(&hex).ok_or_else(|| de::Error::custom("no hash"))?;
                    branch.push(Hash256::from_le_bytes(bytes));
                }
                Ok(Branch(branch))
            }
        }
        deserializer.deserialize_seq(BranchVisitor)
    }
}
