//! Templates: from the nodes, through the reward scheme and the disk, to the pools.

use std::sync::Arc;
use std::time::Duration;

use otedama_pool::Input;

use crate::config::{NODES, Sabotage};
use crate::event::Event;
use crate::process::{Process, Proposal};
use crate::store::Write;
use crate::world::World;

/// How often a template is fetched although nothing is new.
const REFRESH: Duration = Duration::from_secs(30);
const TEMPLATE_TIMEOUT: Duration = Duration::from_secs(5);

impl World {
    /// Asks the preferred node for a template.
    pub(crate) fn ask_template(&mut self) {
        let incarnation = self.incarnation;
        let Some(process) = &mut self.process else { return };
        process.request += 1;
        process.is_waiting = true;
        let (node, request) = (process.preferred, process.request);
        if self.nodes[node].is_up {
            let delay = self.random.chain.millis(1, 60);
            self.schedule.after(
                delay,
                Event::TemplateReply {
                    incarnation,
                    node,
                    request,
                },
            );
            if self.nodes[node].repeats {
                self.schedule.after(
                    delay * 2,
                    Event::TemplateReply {
                        incarnation,
                        node,
                        request,
                    },
                );
            }
        }
        self.schedule
            .after(TEMPLATE_TIMEOUT, Event::TemplateTimeout { incarnation, request });
    }

    /// The timer of a request: tries the other node if no answer came, or refreshes in time.
    pub(crate) fn template_timeout(&mut self, request: u64) {
        let incarnation = self.incarnation;
        let Some(process) = &mut self.process else { return };
        if process.request != request {
            return;
        }
        if process.is_waiting {
            process.preferred = (process.preferred + 1) % NODES;
            self.ask_template();
        } else {
            self.schedule.after(
                REFRESH.saturating_sub(TEMPLATE_TIMEOUT),
                Event::TemplateTimeout { incarnation, request },
            );
            process.is_waiting = true;
            process.preferred = (process.preferred + NODES - 1) % NODES;
        }
    }

    pub(crate) fn template_reply(&mut self, node: usize, request: u64) {
        let unix_s = self.now().unix_s;
        let Some(process) = &mut self.process else { return };
        if process.request != request || !self.nodes[node].is_up {
            return;
        }
        process.is_waiting = false;
        process.preferred = node;
        let json = self.nodes[node].ledger.template_json(unix_s);
        let template = match self.family.0.parse_template(self.coin.spec, json.as_bytes()) {
            Ok(template) => Arc::new(template),
            Err(e) => {
                return self
                    .checks
                    .fail("template", format!("the node's template is not understood: {e}"));
            }
        };
        if let Some(verification) = &mut process.verification {
            verification.advance(self.schedule.now().mono, self.coin, &template);
            let seed = template.epoch.seed;
            self.counts.epochs += u64::from(self.seed.is_some() && self.seed != seed);
            self.seed = seed;
        }
        let first = self.next_plan;
        self.next_plan += Process::tiers();
        let planned = process.plan(&*self.family.0, &template, unix_s, first);
        process.plans.extend(planned.plans.iter().cloned());
        process.forget_plans(first);
        self.checks.planned(&planned, &template, unix_s);
        // The plans are on disk before anybody mines on them: whichever block is found, what it leaves owed is known.
        let proposal = Proposal {
            template,
            payouts: planned.payouts,
        };
        process.proposals.insert(first, proposal);
        self.store.push(Write::Plans(planned.plans));
        self.drain(0);
    }

    /// A template's plans are on disk: now it goes to the pools.
    pub(crate) fn propose(&mut self, plan: u64) {
        if self.is_calm && self.config.sabotage == Some(Sabotage::WithholdTemplates) {
            return;
        }
        let Some(process) = &mut self.process else { return };
        let Some(proposal) = process.proposals.remove(&plan) else {
            return;
        };
        process.proposals.retain(|id, _| *id > plan);
        self.counts.templates += 1;
        for shard in 0..self.shards {
            let (template, payouts) = (proposal.template.clone(), proposal.payouts());
            self.feed(shard, Input::Template { template, payouts });
        }
    }
}
