//! Extranonce1 values that nobody else uses, now or after a restart.

use otedama_pool::ExtranonceLease;
use rusqlite::Connection;

use super::schema::{meta, set_meta};

/// Values in one lease.
pub(super) const COUNT: u32 = 65_536;

const NEXT: &str = "next_extranonce";

/// Takes the next lease inside the caller's transaction; it may be used once that is in.
pub(super) fn take(tx: &Connection) -> rusqlite::Result<ExtranonceLease> {
    let next = meta(tx, NEXT)?;
    let first = u32::try_from(next).unwrap_or(0);
    set_meta(tx, NEXT, i64::from(first.wrapping_add(COUNT)))?;
    Ok(ExtranonceLease { first, count: COUNT })
}
