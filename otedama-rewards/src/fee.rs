use crate::apportion::mul_div;

/// The pool's part of each block, in parts per million.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fee(u32);

/// A fee above the whole reward.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("fee of {0} parts per million is above 1000000")]
pub struct FeeError(u32);

impl Fee {
    /// No fee.
    pub const ZERO: Self = Self(0);

    const WHOLE: u32 = 1_000_000;

    /// A fee in parts per million: 10000 is one percent.
    ///
    /// # Errors
    /// When it is more than the whole.
    pub const fn from_ppm(ppm: u32) -> Result<Self, FeeError> {
        if ppm <= Self::WHOLE {
            Ok(Self(ppm))
        } else {
            Err(FeeError(ppm))
        }
    }

    /// Parts per million.
    pub const fn ppm(self) -> u32 {
        self.0
    }

    /// The fee on `reward`, rounded down so that the odd unit is the miners'.
    pub fn of(self, reward: u64) -> u64 {
        mul_div(reward.into(), self.0.into(), Self::WHOLE.into()) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_in_favour_of_the_miners() {
        let one_percent = Fee::from_ppm(10_000).unwrap();
        assert_eq!(one_percent.of(199), 1);
        assert_eq!(one_percent.of(99), 0);
        assert_eq!(one_percent.of(5_000_000_000), 50_000_000);
        assert_eq!(Fee::from_ppm(1_000_000).unwrap().of(u64::MAX), u64::MAX);
        assert_eq!(Fee::ZERO.of(u64::MAX), 0);
    }

    #[test]
    fn refuses_more_than_everything() {
        assert_eq!(Fee::from_ppm(1_000_001), Err(FeeError(1_000_001)));
    }
}
