//! xmrig, the miner that most of Monero's miners use.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use super::installed;
use super::process::Process;

/// A running xmrig on one thread, in light mode.
pub(crate) struct Xmrig {
    process: Process,
    /// Its own, which is written line by line; what it prints may wait in a buffer.
    log: PathBuf,
}

/// A job as xmrig reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Job {
    pub(crate) difficulty: u64,
    pub(crate) height: u64,
    /// Shares that were accepted before it came.
    pub(crate) accepted_before: usize,
}

impl Xmrig {
    /// Starts it in `dir`, which is its own, with a rig id if there is one.
    pub(crate) fn start(dir: &Path, pool: SocketAddr, user: &str, rig: Option<&str>) -> Self {
        std::fs::create_dir_all(dir).unwrap();
        // In the field it has another machine, and takes no time from the pool.
        let mut command = Command::new("nice");
        command.args(["-n", "10"]).arg(installed::path("xmrig"));
        // A settings file of whoever runs the test is none of its business.
        command.current_dir(dir).env("HOME", dir);
        command.args(["-o", &pool.to_string(), "-u", user, "-p", "x"]);
        if let Some(rig) = rig {
            command.args(["--rig-id", rig]);
        }
        command.args([
            "--randomx-mode=light",
            "-t",
            "1",
            "--no-color",
            "--donate-level=0",
        ]);
        // As root it would change the machine's settings, and leave them so.
        command.args(["--no-huge-pages", "--randomx-wrmsr=-1", "--no-dmi"]);
        let log = dir.join("xmrig.log");
        command.arg("--log-file").arg(&log);
        let printed = dir.join("printed.log");
        let process = Process::start("xmrig", command, &printed, Duration::from_secs(5));
        Self { process, log }
    }

    fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Every job that it got.
    pub(crate) fn jobs(&self) -> Vec<Job> {
        let log = self.log();
        let mut accepted = 0;
        let mut jobs = Vec::new();
        for line in log.lines() {
            accepted += usize::from(is_accepted(line));
            if line.contains(" new job from ") {
                jobs.push(Job {
                    difficulty: number_after(line, " diff "),
                    height: number_after(line, " height "),
                    accepted_before: accepted,
                });
            }
        }
        jobs
    }

    /// How many of its shares were accepted.
    pub(crate) fn accepted(&self) -> usize {
        self.log().lines().filter(|line| is_accepted(line)).count()
    }

    /// What it was told about shares that were not.
    pub(crate) fn rejected(&self) -> Vec<String> {
        let log = self.log();
        let texts = log.lines().filter(|line| line.contains(" rejected ("));
        texts
            .map(|line| line.split('"').nth(1).unwrap_or(line).to_owned())
            .collect()
    }
}

impl Drop for Xmrig {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("--- xmrig's log:\n{}\n---", self.log());
        }
    }
}

fn is_accepted(line: &str) -> bool {
    line.contains(" accepted (")
}

fn number_after(line: &str, word: &str) -> u64 {
    let digits = line.split_once(word).and_then(|(_, rest)| rest.split(' ').next());
    digits
        .and_then(|digits| digits.parse().ok())
        .unwrap_or_else(|| panic!("no number after {word:?} in {line:?}"))
}
