use core::fmt;

/// Why a request was refused, in stratum's own numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum ErrorCode {
    /// Other or unknown, also for malformed requests.
    Other = 20,
    /// The job was not found or belongs to an older block.
    Stale = 21,
    /// The same share was submitted before.
    Duplicate = 22,
    /// The share's hash is above its job's target.
    LowDifficulty = 23,
    /// The worker was not authorised on this connection.
    Unauthorized = 24,
    /// The connection has not subscribed.
    NotSubscribed = 25,
}

impl ErrorCode {
    /// The number on the wire.
    pub const fn code(self) -> i32 {
        self as i32
    }

    /// The code for a number on the wire; `None` for numbers that stratum does not define.
    pub const fn from_code(code: i32) -> Option<Self> {
        Some(match code {
            20 => Self::Other,
            21 => Self::Stale,
            22 => Self::Duplicate,
            23 => Self::LowDifficulty,
            24 => Self::Unauthorized,
            25 => Self::NotSubscribed,
            _ => return None,
        })
    }

    /// The message that goes with the code where nothing more precise is known.
    pub const fn message(self) -> &'static str {
        match self {
            Self::Other => "Other/Unknown",
            Self::Stale => "Job not found",
            Self::Duplicate => "Duplicate share",
            Self::LowDifficulty => "Low difficulty share",
            Self::Unauthorized => "Unauthorized worker",
            Self::NotSubscribed => "Not subscribed",
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_the_numbers_of_the_wire_and_back() {
        for (code, number) in [
            (ErrorCode::Other, 20),
            (ErrorCode::Stale, 21),
            (ErrorCode::Duplicate, 22),
            (ErrorCode::LowDifficulty, 23),
            (ErrorCode::Unauthorized, 24),
            (ErrorCode::NotSubscribed, 25),
        ] {
            assert_eq!(code.code(), number);
            assert_eq!(ErrorCode::from_code(number), Some(code));
        }
        assert_eq!(ErrorCode::from_code(19), None);
        assert_eq!(ErrorCode::from_code(-3), None);
    }
}
