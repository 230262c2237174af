//! Found blocks on their way to every node.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use otedama_chain::node::bitcoind::SubmitOutcome;
use otedama_pool::Candidate;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tracing::{error, info, warn};

use super::health::Nodes;

/// Blocks under way at one time; on a test network every share may be one.
const MAX_UNDER_WAY: usize = 256;

/// How long a block is tried while no other one has taken its place.
const TRY_FOR: Duration = Duration::from_secs(600);

/// A node that hasn't got a block which another one took is tried so often.
const TRIES_AFTER_ACCEPTED: u32 = 8;

/// What became of a candidate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A node has it; the word says in which way.
    Accepted(&'static str),
    /// No node took it, and why.
    Refused(String),
}

/// Called once per candidate, with the number that came with it.
pub type OnVerdict = Box<dyn Fn(usize, &Candidate, Verdict) + Send + Sync>;

/// Hands found blocks to the nodes.
pub struct Candidates {
    nodes: Arc<Nodes>,
    runtime: Handle,
    on_verdict: OnVerdict,
    /// Where blocks go that no node took.
    folder: PathBuf,
    under_way: AtomicUsize,
    /// Height of the template that is mined on.
    height: Arc<AtomicU64>,
}

/// What one node made of a block.
enum Answer {
    Kept(&'static str),
    Refused(String),
    Silence(String),
}

impl Candidates {
    /// Hands blocks to `nodes` on `runtime`. `height` is that of the newest template.
    pub fn new(
        nodes: Arc<Nodes>,
        runtime: Handle,
        folder: PathBuf,
        height: Arc<AtomicU64>,
        on_verdict: OnVerdict,
    ) -> Self {
        Self {
            nodes,
            runtime,
            on_verdict,
            folder,
            under_way: AtomicUsize::new(0),
            height,
        }
    }

    /// Starts to hand over a block; never blocks. The verdict comes with the same `number`.
    pub fn submit(self: &Arc<Self>, number: usize, candidate: Arc<Candidate>) {
        let this = Arc::clone(self);
        let under_way = this.under_way.fetch_add(1, Ordering::Relaxed);
        self.runtime.spawn(async move {
            let verdict = if under_way < MAX_UNDER_WAY {
                this.hand_over(&candidate).await
            } else {
                Verdict::Refused("too many blocks at one time".to_owned())
            };
            if let Verdict::Refused(why) = &verdict {
                this.keep(&candidate, why).await;
            }
            (this.on_verdict)(number, &candidate, verdict);
            this.under_way.fetch_sub(1, Ordering::Relaxed);
        });
    }

    /// Waits until no block is under way, at most as long as the caller's patience.
    pub async fn finish(&self) {
        while self.under_way.load(Ordering::Relaxed) > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// To every node at once. The first that has it decides; the others are tried on.
    async fn hand_over(self: &Arc<Self>, candidate: &Arc<Candidate>) -> Verdict {
        let (tell, mut answers) = mpsc::channel(self.nodes.handles.len().max(1));
        let accepted = Arc::new(AtomicUsize::new(0));
        for index in 0..self.nodes.handles.len() {
            let (this, candidate, tell) = (Arc::clone(self), Arc::clone(candidate), tell.clone());
            let accepted = Arc::clone(&accepted);
            self.runtime.spawn(async move {
                let answer = this.try_node(index, &candidate, &accepted).await;
                // Nobody waits any more once one node has it.
                let _ = tell.send(answer).await;
            });
        }
        drop(tell);
        let mut reasons = Vec::new();
        while let Some(answer) = answers.recv().await {
            match answer {
                Answer::Kept(how) => return Verdict::Accepted(how),
                Answer::Refused(why) | Answer::Silence(why) => reasons.push(why),
            }
        }
        Verdict::Refused(if reasons.is_empty() {
            "there is no node".to_owned()
        } else {
            reasons.join("; ")
        })
    }

    /// Tries one node until it answers, or the block has no chance any more.
    async fn try_node(&self, index: usize, candidate: &Candidate, accepted: &AtomicUsize) -> Answer {
        let handle = &self.nodes.handles[index];
        let start = tokio::time::Instant::now();
        let mut pause = Duration::from_millis(100);
        let mut tries_after = 0;
        loop {
            let why = match handle.submit(&candidate.bytes).await {
                Ok(SubmitOutcome::Accepted) => {
                    accepted.fetch_add(1, Ordering::Relaxed);
                    return Answer::Kept("accepted");
                }
                Ok(SubmitOutcome::Duplicate) => {
                    accepted.fetch_add(1, Ordering::Relaxed);
                    return Answer::Kept("known already");
                }
                Ok(SubmitOutcome::Inconclusive) => {
                    accepted.fetch_add(1, Ordering::Relaxed);
                    return Answer::Kept("kept beside the best chain");
                }
                Ok(SubmitOutcome::Stale(word) | SubmitOutcome::Rejected(word)) => {
                    warn!(node = handle.name(), hash = %candidate.hash, reason = %word, "node refuses the block");
                    return Answer::Refused(format!("{}: {word}", handle.name()));
                }
                Err(error) => format!("{}: {error}", handle.name()),
            };
            warn!(hash = %candidate.hash, height = candidate.height, %why, "block not handed over; trying again");
            let elsewhere = accepted.load(Ordering::Relaxed) > 0;
            tries_after += u32::from(elsewhere);
            let buried = self.height.load(Ordering::Relaxed) > candidate.height + 1;
            if buried || tries_after > TRIES_AFTER_ACCEPTED || start.elapsed() > TRY_FOR {
                return Answer::Silence(why);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(2));
        }
    }

    /// Writes a block that no node took to a file, for an operator to look into.
    async fn keep(&self, candidate: &Candidate, why: &str) {
        let path = self.folder.join(format!("{}.hex", candidate.hash));
        let hex = const_hex::encode(&candidate.bytes);
        let written = match tokio::fs::create_dir_all(&self.folder).await {
            Ok(()) => tokio::fs::write(&path, hex).await,
            Err(error) => Err(error),
        };
        let (height, file) = (candidate.height, path.display());
        match written {
            Ok(()) => error!(height, %why, %file, "no node took the block; it is in this file"),
            Err(error) => error!(height, %why, %error, "no node took the block, and it can't be kept"),
        }
    }
}

impl Drop for Candidates {
    fn drop(&mut self) {
        let under_way = self.under_way.load(Ordering::Relaxed);
        if under_way > 0 {
            info!(under_way, "blocks were under way at the end");
        }
    }
}
