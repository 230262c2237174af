//! Scheduling priority of threads that may wait.

/// Work that takes whole cores. Its discriminant is what `nice` adds.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Work {
    /// Verifying shares: a miner waits for the answer, and with a block the whole network does.
    Verifying = 5,
    /// Mining, which may wait for everything else.
    Mining = 10,
}

/// Lowers the priority of the calling thread and of those that it starts.
#[cfg(target_os = "linux")]
pub(crate) fn lower(work: Work) {
    if let Err(error) = rustix::process::nice(work as i32) {
        tracing::warn!("a thread keeps its normal priority: {error}");
    }
}

/// Other systems have one priority for the whole process only.
#[cfg(not(target_os = "linux"))]
pub(crate) fn lower(work: Work) {
    tracing::warn!(
        ?work,
        "threads keep their normal priority: this system has one for the whole process only"
    );
}
