//! Whether the program can do its work.

use std::sync::atomic::Ordering;

use serde::Serialize;

use super::Service;

/// A template that was due for renewal this often is no base for mining.
const MISSED: u64 = 4;

/// Nor is one older than this, if it is renewed more often.
const STALE_S: u64 = 120;

/// What `/health` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Health {
    /// Whether all is well.
    pub(super) healthy: bool,
    /// What isn't.
    pub(super) problems: Vec<String>,
}

pub(super) fn health(service: &Service) -> Health {
    let mut problems = Vec::new();
    if service.stopping.load(Ordering::Relaxed) {
        problems.push("the program is stopping".to_owned());
    }
    problems.extend(service.store.problem());
    let now = service.clock.now().unix_s;
    for chain in &service.chains {
        let name = &chain.name;
        let stale_s = STALE_S.max(MISSED * chain.template_refresh.as_secs());
        match chain.work() {
            None => problems.push(format!("{name}: no template yet")),
            Some(work) if now.saturating_sub(work.unix_s) > stale_s => {
                problems.push(format!(
                    "{name}: the newest template is {} s old",
                    now - work.unix_s
                ));
            }
            Some(_) => {}
        }
        if chain.nodes.best().is_none() {
            problems.push(format!("{name}: no node can be used"));
        }
        let verification = chain.verification.as_ref();
        problems.extend(
            verification
                .and_then(|verification| verification.problem())
                .map(|problem| format!("{name}: {problem}")),
        );
    }
    Health {
        healthy: problems.is_empty(),
        problems,
    }
}
