//! Blocks: to the nodes, between the nodes, and from elsewhere.

use std::sync::Arc;
use std::time::Duration;

use otedama_chain::{PayoutOutput, PayoutPlan, Submission as Shape};
use otedama_hash::Hash256;
use otedama_pool::{Candidate, Input};

use crate::config::{NODES, Sabotage};
use crate::event::Event;
use crate::ledger::Refusal;
use crate::mining::OUTSIDE_INTERVAL;
use crate::node::BlockInfo;
use crate::process::{Submission, script};
use crate::store::{BlockRecord, Write};
use crate::world::World;

/// A block this far below the tip is not submitted again.
const STALE_DEPTH: u64 = 6;

impl World {
    /// A pool found a block: it is noted, and goes to every node and into the journal.
    pub(crate) fn candidate(&mut self, shard: usize, candidate: Box<Candidate>) {
        let late = self.config.sabotage == Some(Sabotage::LateCandidate);
        let Some(process) = &mut self.process else { return };
        if late && process.shards[shard].late.is_none() {
            process.shards[shard].owed.push(candidate.hash);
            process.shards[shard].late = Some(candidate);
            return;
        }
        self.counts.candidates += 1;
        let now = self.now();
        self.checks.candidate(now.mono, &candidate);
        let (hash, plan, height) = (candidate.hash, candidate.plan.id, candidate.height);
        self.note("candidate", height, shard as u64);
        let bytes = Arc::new(candidate.bytes);
        self.blocks.insert(
            hash,
            BlockInfo {
                bytes,
                is_taken: false,
            },
        );
        let record = BlockRecord {
            plan,
            height,
            is_settled: false,
        };
        let is_noted = self.config.sabotage == Some(Sabotage::SubmitUnnoted) || self.store.note(hash, record);
        let incarnation = self.incarnation;
        let nodes = if self.config.sabotage == Some(Sabotage::WithholdCandidate) {
            1
        } else {
            NODES
        };
        for node in 0..nodes {
            self.checks.offered(&hash, node);
            let delay = self.random.chain.millis(1, 80);
            self.schedule.after(
                delay,
                Event::Submit {
                    incarnation,
                    node,
                    hash,
                },
            );
        }
        if let Some(process) = &mut self.process {
            if !is_noted {
                process.unnoted.insert(hash);
            }
            process.submissions.insert(
                hash,
                Submission {
                    shard,
                    verdicts: [None; NODES],
                    is_answered: false,
                },
            );
            process.blocks.insert(hash, record);
        }
        self.store.push(Write::Block {
            hash,
            plan,
            height,
            is_settled: false,
        });
    }

    /// After a start: blocks in the journal that may not have reached every node before the process died.
    pub(crate) fn submit_recorded(&mut self) {
        let incarnation = self.incarnation;
        let tip = self.nodes.iter().map(|n| n.ledger.tip().1).min().unwrap_or(0);
        let Some(process) = &mut self.process else { return };
        let open = process
            .blocks
            .iter()
            .filter(|(_, b)| !b.is_settled && b.height + STALE_DEPTH >= tip);
        for hash in open.map(|(hash, _)| *hash) {
            let submission = Submission {
                shard: 0,
                verdicts: [None; NODES],
                is_answered: false,
            };
            process.submissions.insert(hash, submission);
            for node in 0..NODES {
                let delay = self.random.chain.millis(1, 80);
                self.schedule.after(
                    delay,
                    Event::Submit {
                        incarnation,
                        node,
                        hash,
                    },
                );
            }
        }
    }

    /// The sabotaged driver gets round to a candidate.
    pub(crate) fn hand_over_late(&mut self, shard: usize) {
        let late = self.process.as_mut().and_then(|p| p.shards[shard].late.take());
        if let Some(candidate) = late {
            self.candidate(shard, candidate);
        }
    }

    /// A block reaches a node, or doesn't.
    pub(crate) fn submit(&mut self, incarnation: u64, node: usize, hash: Hash256) {
        let unix_s = self.now().unix_s;
        let is_alive = self
            .process
            .as_ref()
            .is_some_and(|p| p.incarnation == incarnation);
        if !self.nodes[node].is_up {
            return self.submit_again(incarnation, node, hash);
        }
        let Some(block) = self.blocks.get(&hash).cloned() else {
            return;
        };
        let it = &mut self.nodes[node];
        let verdict = if it.refuses > 0 {
            it.refuses -= 1;
            Err("rejected".to_owned())
        } else {
            match it.offer(&block, unix_s) {
                Ok(is_tip) => {
                    self.spread(node, hash, is_tip);
                    Ok(())
                }
                Err(Refusal::Duplicate) => Ok(()),
                Err(Refusal::UnknownParent) => return self.submit_again(incarnation, node, hash),
                Err(why) => {
                    self.checks.fail(
                        "block",
                        format!("node {node} refused the candidate {hash}: {why:?}"),
                    );
                    Err(format!("{why:?}"))
                }
            }
        };
        if self.config.sabotage == Some(Sabotage::SubmitUnnoted)
            && !self.store.durable.blocks.contains_key(&hash)
        {
            // The worst moment.
            return self.die();
        }
        if is_alive {
            let times = if self.nodes[node].repeats { 2 } else { 1 };
            for _ in 0..times {
                let delay = self.random.chain.millis(1, 80);
                let verdict = verdict.clone();
                self.schedule.after(
                    delay,
                    Event::SubmitReply {
                        incarnation,
                        node,
                        hash,
                        verdict,
                    },
                );
            }
        }
    }

    fn submit_again(&mut self, incarnation: u64, node: usize, hash: Hash256) {
        let Some(process) = self.process.as_ref().filter(|p| p.incarnation == incarnation) else {
            return;
        };
        let height = process.blocks.get(&hash).map_or(0, |b| b.height);
        if height + STALE_DEPTH >= self.nodes[node].ledger.tip().1 {
            self.schedule.after(
                Duration::from_secs(1),
                Event::Submit {
                    incarnation,
                    node,
                    hash,
                },
            );
        }
    }

    pub(crate) fn submit_reply(&mut self, node: usize, hash: Hash256, verdict: Result<(), String>) {
        let Some(process) = &mut self.process else { return };
        let Some(submission) = process.submissions.get_mut(&hash) else {
            return;
        };
        submission.verdicts[node] = Some(verdict.is_ok());
        let all_refused = submission.verdicts.iter().all(|v| *v == Some(false));
        if submission.is_answered || (verdict.is_err() && !all_refused) {
            return;
        }
        submission.is_answered = true;
        let shard = submission.shard;
        if verdict.is_ok()
            && let Some(block) = self.blocks.get_mut(&hash)
            && !std::mem::replace(&mut block.is_taken, true)
        {
            self.counts.blocks += 1;
            self.blocks_when_calm += u64::from(self.is_calm);
        }
        self.feed(
            shard,
            Input::BlockResult {
                hash,
                result: verdict,
            },
        );
    }

    /// A node took a block: the other one hears of it, and the pool if it is the tip.
    fn spread(&mut self, node: usize, hash: Hash256, is_tip: bool) {
        for to in (0..NODES).filter(|to| *to != node) {
            let delay = self.random.chain.millis(30, 2_000);
            self.schedule.after(delay, Event::Relay { to, hash });
        }
        let incarnation = self.incarnation;
        let Some(process) = &mut self.process else { return };
        if is_tip && (process.preferred == node || !self.nodes[process.preferred].is_up) {
            process.preferred = node;
            let delay = self.random.chain.millis(5, 200);
            self.schedule.after(delay, Event::AskTemplate { incarnation });
        }
    }

    pub(crate) fn relay(&mut self, to: usize, hash: Hash256) {
        if self.is_partitioned || !self.nodes[to].is_up {
            return;
        }
        let unix_s = self.now().unix_s;
        let Some(block) = self.blocks.get(&hash) else {
            return;
        };
        match self.nodes[to].offer(block, unix_s) {
            Ok(is_tip) => self.spread(to, hash, is_tip),
            Err(Refusal::UnknownParent) => self.synchronise(),
            Err(_) => {}
        }
    }

    /// Every node that answers hears of everything that the others have.
    pub(crate) fn synchronise(&mut self) {
        if self.is_partitioned {
            return;
        }
        let unix_s = self.now().unix_s;
        for (from, to) in [(0, 1), (1, 0)] {
            if !self.nodes[from].is_up || !self.nodes[to].is_up {
                continue;
            }
            let from_index = self.nodes[from].accepted.len().saturating_sub(200);
            let known = self.nodes[from].accepted.split_at(from_index).1.to_vec();
            for hash in known {
                let Some(block) = self.blocks.get(&hash) else {
                    continue;
                };
                if let Ok(is_tip) = self.nodes[to].offer(block, unix_s) {
                    self.spread(to, hash, is_tip);
                }
            }
        }
    }

    /// Somebody who doesn't mine here finds a block on the tip of a node.
    pub(crate) fn outside_block(&mut self, node: usize, again: bool) {
        if again && !self.is_resting {
            let delay = self.random.chain.exponential(OUTSIDE_INTERVAL);
            let next = self.random.chain.index(NODES);
            self.schedule
                .after(delay, Event::OutsideBlock { node: next, again });
        }
        if !self.nodes[node].is_up || self.is_resting {
            return;
        }
        let now = self.now();
        let json = self.nodes[node].ledger.template_json(now.unix_s);
        let Ok(template) = self.family.0.parse_template(self.coin.spec, json.as_bytes()) else {
            return;
        };
        let payee = PayoutOutput {
            script: script(self.coin, &*self.family.0, &self.coin.strangers_address()),
            amount: template.reward,
        };
        let plan = Arc::new(PayoutPlan {
            id: 0,
            outputs: vec![payee],
        });
        let target = template.network_target;
        let ntime = template.time_s;
        let Ok(job) = self
            .family
            .0
            .build_job(self.coin.spec, Arc::new(template), plan, b"elsewhere")
        else {
            return;
        };
        let mut extranonce = [0; 12];
        self.random.chain.fill(&mut extranonce);
        // Where all hash the same, nonces differ instead.
        let nonce = if self.oracle.has_mix() {
            u64::from_le_bytes(extranonce[..8].try_into().unwrap_or_default())
        } else {
            1
        };
        let shape = Shape {
            extranonce: &extranonce,
            ntime,
            nonce,
            version: job.version(),
        };
        let Ok(blob) = self.family.0.pow_input(&job, &shape) else {
            return;
        };
        let hash = Hash256::from_le_bytes(self.random.chain.at_or_below(target).to_le_bytes());
        let proof = self.oracle.name(&blob, shape.nonce, job.template().epoch.seed);
        let pow = self.oracle.register(now.mono, proof, hash);
        let Ok(block) = self.family.0.assemble(&job, &shape, &pow) else {
            return;
        };
        self.counts.outside_blocks += 1;
        let info = BlockInfo {
            bytes: Arc::new(block.bytes),
            is_taken: false,
        };
        match self.nodes[node].offer(&info, now.unix_s) {
            Ok(is_tip) => {
                self.blocks.insert(block.hash, info);
                self.spread(node, block.hash, is_tip);
            }
            Err(why) => self.checks.fail(
                "block",
                format!("node {node} refused a block of its own template: {why:?}"),
            ),
        }
    }
}
