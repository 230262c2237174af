//! Work in SQL: an integer while it fits, decimal text beyond, so that no digit is ever lost.

use rusqlite::ToSql;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef};

/// A number of hashes as a column value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SqlWork(pub u128);

impl ToSql for SqlWork {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match i64::try_from(self.0) {
            Ok(n) => ToSqlOutput::from(n),
            Err(_) => ToSqlOutput::from(self.0.to_string()),
        })
    }
}

impl FromSql for SqlWork {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        match value {
            ValueRef::Integer(n) => u128::try_from(n)
                .map(Self)
                .map_err(|_| FromSqlError::OutOfRange(n)),
            ValueRef::Text(_) => value
                .as_str()?
                .parse()
                .map(Self)
                .map_err(|e: std::num::ParseIntError| FromSqlError::Other(Box::new(e))),
            _ => Err(FromSqlError::InvalidType),
        }
    }
}

/// An unsigned number as a column's signed one; values beyond 2^63 are held at the limit.
pub(super) fn to_sql(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// A column that never holds a negative number.
pub(super) fn from_sql(n: i64) -> u64 {
    u64::try_from(n).unwrap_or(0)
}
