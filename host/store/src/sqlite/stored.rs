//! How our values stand in columns, and back.

use rusqlite::Row;
use rusqlite::types::Type;
use std::str::FromStr;

/// A number as a column holds it; the largest stands for all beyond it, which no clock or counter reaches.
pub(crate) fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A number out of a column; no column of ours holds a negative one.
pub(crate) fn whole(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

/// The 32 bytes of a digest.
pub(crate) fn bytes32(row: &Row<'_>, column: usize) -> rusqlite::Result<[u8; 32]> {
    row.get(column)
}

/// A text that reads as one of our names.
pub(crate) fn parsed<T>(row: &Row<'_>, column: usize) -> rusqlite::Result<T>
where
    T: FromStr<Err: std::error::Error + Send + Sync + 'static>,
{
    let text: String = row.get(column)?;
    text.parse().map_err(|cause| unfit(column, cause))
}

/// A text that reads as JSON of a type.
pub(crate) fn json<T: serde::de::DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    let text: String = row.get(column)?;
    serde_json::from_str(&text).map_err(|cause| unfit(column, cause))
}

fn unfit(column: usize, cause: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(cause))
}
