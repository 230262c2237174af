//! Found blocks on their way to every node.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use otedama_chain::node::SubmitOutcome;
use otedama_pool::Candidate;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tracing::{error, info, warn};

use super::health::Nodes;

/// Blocks under way at one time; on a test network every share may be one.
const MAX_UNDER_WAY: usize = 256;

/// How long a block is tried while no other one has taken its place.
const TRY_FOR: Duration = Duration::from_secs(600);

/// A node that hasn't got a block which another one took is tried so often.
const TRIES_AFTER_ACCEPTED: u32 = 8;

/// How often a node is asked, a second apart, to take a block from before a restart.
const TRIES_AFTER_RESTART: u32 = 600;

/// How long a block waits for its note. On a disk that works it takes a tenth of a millisecond.
const NOTE_WITHIN: Duration = Duration::from_millis(20);

/// What became of a candidate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A node has it; the word says in which way.
    Accepted(&'static str),
    /// Every node refused it, and why.
    Refused(String),
    /// No node said that it took it, but not all refused it: one may have it all the same, as after a lost reply.
    /// What was heard last.
    Unknown(String),
}

/// Called once per candidate, before it goes to the nodes; may block on the disk.
pub type OnFound = Box<dyn Fn(&Candidate) + Send + Sync>;

/// Called once per candidate, with the number that came with it.
pub type OnVerdict = Box<dyn Fn(usize, &Candidate, Verdict) + Send + Sync>;

/// Hands found blocks to the nodes.
pub struct Candidates {
    nodes: Arc<Nodes>,
    runtime: Handle,
    on_found: OnFound,
    on_verdict: OnVerdict,
    /// Where blocks are until a node has taken them.
    folder: Arc<Path>,
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
        folder: Arc<Path>,
        height: Arc<AtomicU64>,
        on_found: OnFound,
        on_verdict: OnVerdict,
    ) -> Self {
        Self {
            nodes,
            runtime,
            on_found,
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
                // A panic is reported where panics are; the block goes on either way.
                let _ = this.note(&candidate).await;
                this.save(&candidate).await;
                Verdict::Unknown("too many blocks at one time; the next start hands it over".to_owned())
            };
            match &verdict {
                Verdict::Accepted(_) => this.forget(&candidate.hash.to_string()).await,
                Verdict::Refused(why) | Verdict::Unknown(why) => {
                    let file = this.file(&candidate.hash.to_string());
                    error!(height = candidate.height, %why, file = %file.display(), "no node says that it took the block; it is in this file");
                }
            }
            (this.on_verdict)(number, &candidate, verdict);
            this.under_way.fetch_sub(1, Ordering::Relaxed);
        });
    }

    /// Hands over what was under way when the program ended. `judged` are blocks of which it is known whether a node
    /// has them. What becomes of the others shows itself where blocks are followed.
    pub async fn submit_again(self: Arc<Self>, judged: HashMap<String, bool>) {
        let Ok(mut folder) = tokio::fs::read_dir(&self.folder).await else {
            return;
        };
        // What is there now; a file that appears later belongs to a block that is under way.
        let mut files = Vec::new();
        while let Ok(Some(file)) = folder.next_entry().await {
            files.push(file);
        }
        for file in files {
            let name = file.file_name().to_string_lossy().into_owned();
            let Some(hash) = name.strip_suffix(".hex") else {
                continue;
            };
            match judged.get(hash) {
                Some(true) => {
                    self.forget(hash).await;
                    continue;
                }
                Some(false) => continue,
                None => {}
            }
            let bytes = tokio::fs::read(file.path())
                .await
                .ok()
                .and_then(|hex| const_hex::decode(hex).ok());
            let Some(bytes) = bytes else {
                warn!(file = %file.path().display(), "not a block; it is left alone");
                continue;
            };
            info!(hash, "block from before the restart goes to the nodes again");
            let mut answers = tokio::task::JoinSet::new();
            for index in 0..self.nodes.handles.len() {
                let (this, hash, bytes) = (Arc::clone(&self), hash.to_owned(), bytes.clone());
                answers.spawn(async move { this.submit_until_answered(index, &hash, &bytes).await });
            }
            let answers = answers.join_all().await;
            if answers.contains(&Some(true)) {
                self.forget(hash).await;
            } else if answers.iter().all(|kept| *kept == Some(false)) {
                // Nobody will want it at the next start either; an operator may look into it.
                let _ = tokio::fs::rename(file.path(), self.folder.join(format!("{hash}.refused"))).await;
            }
        }
    }

    /// Whether the node keeps the block; `None` if it never answers.
    async fn submit_until_answered(&self, index: usize, hash: &str, bytes: &[u8]) -> Option<bool> {
        let handle = &self.nodes.handles[index];
        for _ in 0..TRIES_AFTER_RESTART {
            match handle.submit(bytes).await {
                Ok(outcome) if outcome.is_kept() => return Some(true),
                Ok(outcome) => {
                    warn!(node = handle.name(), hash, ?outcome, "node refuses the block");
                    return Some(false);
                }
                Err(error) => {
                    warn!(node = handle.name(), hash, %error, "block not handed over; trying again");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        }
        None
    }

    /// Waits until no block is under way, at most as long as the caller's patience.
    pub async fn finish(&self) {
        while self.under_way.load(Ordering::Relaxed) > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// To every node at once. The first that has it decides; the others are tried on.
    async fn hand_over(self: &Arc<Self>, candidate: &Arc<Candidate>) -> Verdict {
        let mut noting = self.note(candidate);
        let in_time = tokio::time::timeout(NOTE_WITHIN, &mut noting).await.is_ok();
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
        // From here on the block is on its way. What it is must be known before what became of it.
        if !in_time {
            warn!(height = candidate.height, hash = %candidate.hash, "the disk is slow; the block went out before its note was written");
            let _ = noting.await;
        }
        self.save(candidate).await;
        let (mut reasons, mut all_refuse) = (Vec::new(), true);
        while let Some(answer) = answers.recv().await {
            match answer {
                Answer::Kept(how) => return Verdict::Accepted(how),
                Answer::Refused(why) => reasons.push(why),
                Answer::Silence(why) => {
                    reasons.push(why);
                    all_refuse = false;
                }
            }
        }
        match (reasons.is_empty(), all_refuse) {
            (true, _) => Verdict::Unknown("there is no node".to_owned()),
            (false, true) => Verdict::Refused(reasons.join("; ")),
            (false, false) => Verdict::Unknown(reasons.join("; ")),
        }
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

    /// Tells of the block, on a thread that may wait for the disk.
    fn note(self: &Arc<Self>, candidate: &Arc<Candidate>) -> JoinHandle<()> {
        let (this, candidate) = (Arc::clone(self), Arc::clone(candidate));
        self.runtime.spawn_blocking(move || (this.on_found)(&candidate))
    }

    fn file(&self, hash: &str) -> PathBuf {
        self.folder.join(format!("{hash}.hex"))
    }

    /// Keeps a block in a file, so that it outlives the program.
    async fn save(&self, candidate: &Candidate) {
        let path = self.file(&candidate.hash.to_string());
        let hex = const_hex::encode(&candidate.bytes);
        let written = match tokio::fs::create_dir_all(&self.folder).await {
            Ok(()) => tokio::fs::write(&path, hex).await,
            Err(error) => Err(error),
        };
        if let Err(error) = written {
            error!(height = candidate.height, file = %path.display(), %error, "the block can't be kept in a file");
        }
    }

    /// A node has the block.
    async fn forget(&self, hash: &str) {
        // It may be gone already; then there is nothing to do.
        let _ = tokio::fs::remove_file(self.file(hash)).await;
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
