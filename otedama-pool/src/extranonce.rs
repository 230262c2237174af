//! Extranonce1 values: each is given out once, over all pool objects and restarts.

use std::collections::VecDeque;

use crate::io::ExtranonceLease;

/// Values left below which more are asked for.
const LOW_WATER: u32 = 4096;

/// The values that this pool object may give out.
#[derive(Debug, Default)]
pub(crate) struct Extranonces {
    leases: VecDeque<ExtranonceLease>,
    asked: bool,
}

impl Extranonces {
    pub(crate) fn add(&mut self, lease: ExtranonceLease) {
        self.asked = false;
        if lease.count > 0 {
            self.leases.push_back(lease);
        }
    }

    /// The next value, or `None` until another lease comes.
    pub(crate) fn take(&mut self) -> Option<u32> {
        let lease = self.leases.front_mut()?;
        let value = lease.first;
        lease.first = lease.first.wrapping_add(1);
        lease.count -= 1;
        if lease.count == 0 {
            self.leases.pop_front();
        }
        Some(value)
    }

    /// Whether to ask for more; true once per lease.
    pub(crate) fn should_ask(&mut self) -> bool {
        let left: u64 = self.leases.iter().map(|l| u64::from(l.count)).sum();
        let ask = !self.asked && left < u64::from(LOW_WATER);
        self.asked |= ask;
        ask
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_follow_one_another_and_wrap() {
        let mut values = Extranonces::default();
        assert_eq!(values.take(), None);
        values.add(ExtranonceLease {
            first: u32::MAX,
            count: 2,
        });
        assert_eq!(
            [values.take(), values.take(), values.take()],
            [Some(u32::MAX), Some(0), None]
        );
    }

    #[test]
    fn asks_once_per_lease() {
        let mut values = Extranonces::default();
        assert!(values.should_ask());
        assert!(!values.should_ask());
        values.add(ExtranonceLease {
            first: 0,
            count: LOW_WATER,
        });
        assert!(!values.should_ask());
        values.take();
        assert!(values.should_ask());
    }
}
