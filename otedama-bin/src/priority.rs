//! Scheduling priority of threads that may wait.

/// What `nice` adds for low priority.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

/// Lowers the priority of the calling thread and of those that it starts.
#[cfg(target_os = "linux")]
pub(crate) fn lower() {
    if let Err(error) = rustix::process::nice(NICE) {
        tracing::warn!("a thread keeps its normal priority: {error}");
    }
}

/// Other systems have one priority for the whole process only.
#[cfg(not(target_os = "linux"))]
pub(crate) fn lower() {
    tracing::warn!("threads keep their normal priority: this system has one for the whole process only");
}
