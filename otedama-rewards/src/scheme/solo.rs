use crate::{BlockReward, Distribution, Fee, RewardScheme, ShareRecord};

/// Whoever finds a block gets it, less the fee.
#[derive(Clone, Copy, Debug, Default)]
pub struct Solo {
    fee: Fee,
}

impl Solo {
    /// A solo scheme with that fee.
    pub const fn new(fee: Fee) -> Self {
        Self { fee }
    }
}

impl RewardScheme for Solo {
    fn credit(&mut self, _share: &ShareRecord) {}

    fn distribute(&self, block: &BlockReward) -> Distribution {
        super::to_finder(block, self.fee)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Credit;

    fn block(finder: Option<&str>, reward: u64) -> BlockReward {
        BlockReward {
            reward,
            network_work: 1,
            time_s: 0,
            finder: finder.map(Into::into),
        }
    }

    #[test]
    fn the_finder_gets_all_but_the_fee() {
        let solo = Solo::new(Fee::from_ppm(15_000).unwrap());
        assert_eq!(
            solo.distribute(&block(Some("a"), 1_000_001)),
            Distribution {
                credits: vec![Credit {
                    account: "a".into(),
                    amount: 985_001
                }],
                fee: 15_000
            }
        );
    }

    #[test]
    fn without_a_finder_the_pool_keeps_it() {
        let solo = Solo::new(Fee::ZERO);
        assert_eq!(
            solo.distribute(&block(None, 7)),
            Distribution {
                credits: vec![],
                fee: 7
            }
        );
        assert_eq!(solo.distribute(&block(Some("a"), 0)), Distribution::default());
    }
}
