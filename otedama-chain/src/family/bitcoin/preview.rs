//! An empty block ahead of the full template.

use otedama_hash::Target;

use super::Body;
use super::kawpow::epoch;
use crate::spec::{BitcoinRules, RetargetRule};
use crate::{Template, TipHeader, template};

/// A template without transactions that builds on `tip`.
///
/// `None` where the next block's difficulty isn't that of the tip (a retarget, late blocks on test
/// networks, chains that change it at every block) or where blocks can't be empty (MWEB needs its
/// integrating transaction).
pub(super) fn preview(rules: &BitcoinRules, prev: &Template, tip: &TipHeader) -> Option<Template> {
    let height = tip.height.checked_add(1)?;
    let before = prev.bitcoin()?;
    let difficulty_stays = match rules.retarget {
        RetargetRule::Every { blocks } => !height.is_multiple_of(blocks),
        RetargetRule::Fixed => true,
        RetargetRule::EveryOrLate { .. } | RetargetRule::EachBlock => false,
    };
    if !difficulty_stays || rules.has_mweb || height > u64::from(u32::MAX >> 1) {
        return None;
    }
    // `prev` has the tip's own difficulty if it was a template for the tip's height.
    let bits = tip
        .bits
        .or_else(|| (prev.height == tip.height).then_some(before.bits))?;
    let min_time_s = tip.median_time_s.checked_add(1)?;
    let time_s = prev.time_s.max(min_time_s);
    let reward = rules.subsidy.at(height);
    Some(Template {
        height,
        prev_hash: tip.hash,
        network_target: Target::from_compact(bits).ok()?,
        reward,
        fees: 0,
        time_s,
        min_time_s,
        long_poll_id: None,
        is_preview: true,
        epoch: epoch(rules, height, time_s).ok()?,
        next_epoch: None,
        body: template::Body::Bitcoin(Body::empty(rules, before, bits)),
    })
}
