//! Child processes that never outlive their test.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// A running program whose output goes to a file.
pub(crate) struct Process {
    name: String,
    child: Child,
    log: PathBuf,
    /// How long it may take to stop when asked to.
    patience: Duration,
}

impl Process {
    /// Starts `command`; what it prints is appended to `log`.
    pub(crate) fn start(name: &str, mut command: Command, log: &Path, patience: Duration) -> Self {
        let file = File::options().create(true).append(true).open(log).unwrap();
        command
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file);
        let child = command
            .spawn()
            .unwrap_or_else(|e| panic!("{name} does not start: {e}"));
        Self {
            name: name.to_owned(),
            child,
            log: log.to_owned(),
            patience,
        }
    }

    /// Process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it still runs.
    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Everything that it has printed.
    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// What it printed last, for messages.
    pub(crate) fn log_tail(&self) -> String {
        let text = self.log();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    /// Kills it at once, as a power cut would.
    pub(crate) fn kill(&mut self) {
        // It fails only if the process has gone by itself.
        let _ = self.child.kill();
        self.child.wait().unwrap();
    }

    /// Asks it to stop. Returns how long it took, or `None` if it had to be killed.
    pub(crate) fn stop(&mut self) -> Option<Duration> {
        let start = Instant::now();
        if !self.is_running() {
            return Some(Duration::ZERO);
        }
        let status = Command::new("sh")
            .args(["-c", &format!("kill -TERM {}", self.child.id())])
            .status();
        assert!(
            status.unwrap().success() || !self.is_running(),
            "cannot signal {}",
            self.name
        );
        while start.elapsed() < self.patience {
            if !self.is_running() {
                return Some(start.elapsed());
            }
            thread::sleep(Duration::from_millis(10));
        }
        self.kill();
        None
    }

    /// Resident memory in bytes, from /proc; `None` where there is no /proc.
    pub(crate) fn resident_bytes(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"))?;
        let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(kib * 1024)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("--- {} printed last:\n{}\n---", self.name, self.log_tail());
            // The test has failed already; do not wait for a program that may hang.
            let _ = self.child.kill();
            let _ = self.child.wait();
        } else {
            self.stop();
        }
    }
}
