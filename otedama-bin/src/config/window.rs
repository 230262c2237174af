//! How far PPLNS looks back.

use std::fmt;
use std::time::Duration;

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::duration;

/// How far PPLNS looks back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Window {
    /// Every share of the last so much time: `2h`.
    Time(Duration),
    /// The last shares whose work is so many times that of a block: `2.0`.
    Work(f64),
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Time(time) => f.write_str(&duration::format(*time)),
            Self::Work(multiple) => write!(f, "{multiple}"),
        }
    }
}

impl Serialize for Window {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Time(time) => serializer.serialize_str(&duration::format(*time)),
            Self::Work(multiple) => serializer.serialize_f64(*multiple),
        }
    }
}

impl<'de> Deserialize<'de> for Window {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TimeOrWork;

        impl Visitor<'_> for TimeOrWork {
            type Value = Window;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "a duration such as 2h (by time), or a number such as 2.0 (times the network difficulty, by work)",
                )
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Window, E> {
                duration::parse(text)
                    .map(Window::Time)
                    .ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
            }

            fn visit_f64<E: Error>(self, multiple: f64) -> Result<Window, E> {
                Ok(Window::Work(multiple))
            }

            fn visit_u64<E: Error>(self, multiple: u64) -> Result<Window, E> {
                Ok(Window::Work(multiple as f64))
            }

            fn visit_i64<E: Error>(self, multiple: i64) -> Result<Window, E> {
                Ok(Window::Work(multiple as f64))
            }
        }

        deserializer.deserialize_any(TimeOrWork)
    }
}
