//! A share's life: cheap checks, verification, storage, reply.

pub(crate) mod dedup;
pub(crate) mod pending;
pub(crate) mod submit;
pub(crate) mod verdict;
