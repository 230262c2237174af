//! An empty block ahead of the full template.

use otedama_hash::Target;

use super::Template;
use super::template::Body;
use crate::spec::RetargetRule;
use crate::{ChainSpec, TipHeader};

/// A template without transactions that builds on `tip`.
///
/// `None` where the next block's difficulty isn't that of the tip (a retarget, late blocks on test
/// networks, chains that change it at every block) or where blocks can't be empty (MWEB needs its
/// integrating transaction).
pub(super) fn preview(spec: &ChainSpec, prev: &Template, tip: &TipHeader) -> Option<Template> {
    let height = tip.height.checked_add(1)?;
    let difficulty_stays = match spec.retarget {
        RetargetRule::Every { blocks } => !height.is_multiple_of(blocks),
        RetargetRule::Fixed => true,
        RetargetRule::EveryOrLate { .. } | RetargetRule::EachBlock => false,
    };
    if !difficulty_stays || spec.has_mweb || height > u64::from(u32::MAX >> 1) {
        return None;
    }
    // `prev` has the tip's own difficulty if it was a template for the tip's height.
    let bits = tip
        .bits
        .or_else(|| (prev.height == tip.height).then_some(prev.body.bits))?;
    let min_time_s = tip.median_time_s.checked_add(1)?;
    let reward = spec.subsidy.at(height);
    Some(Template {
        height,
        prev_hash: tip.hash,
        network_target: Target::from_compact(bits).ok()?,
        reward,
        fees: 0,
        time_s: prev.time_s.max(min_time_s),
        min_time_s,
        long_poll_id: None,
        is_preview: true,
        body: Body::empty(spec, prev, bits),
    })
}
