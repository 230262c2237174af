//! Dialects of Stratum version 1 that are lines of JSON too, but share no messages with Bitcoin's.

pub mod cryptonote;
