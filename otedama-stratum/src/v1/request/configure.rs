use core::fmt;

use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, de};
use serde_json::value::RawValue;

use crate::v1::args::{Arg, Text, short_hex_u32};
use crate::v1::response::ConfigureReply;

/// Most extension names that are kept in order to be answered `false`.
pub const MAX_UNKNOWN_EXTENSIONS: usize = 8;

const MAX_EXTENSION_LEN: usize = 64;

/// `mining.configure`: which extensions the client asks for (BIP 310).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Configure {
    /// "version-rolling".
    pub version_rolling: Option<VersionRolling>,
    /// "minimum-difficulty": finite, not negative.
    pub minimum_difficulty: Option<f64>,
    /// "subscribe-extranonce".
    pub subscribe_extranonce: bool,
    /// "info".
    pub info: bool,
    /// Names to be answered `false`: extensions that are not known, or came without the value that
    /// they need. At most 8 names of at most 64 bytes; more are left unanswered.
    pub unknown: Vec<String>,
}

/// The parameters of "version-rolling".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VersionRolling {
    /// Header version bits that the client could roll; all of them if it does not say.
    pub mask: u32,
    /// How many bits it needs at least.
    pub min_bit_count: Option<u32>,
}

impl Configure {
    /// The answer of a server that lets clients roll `server_mask`, takes a minimum difficulty and
    /// knows `mining.set_extranonce`: the mask is the client's AND the server's.
    pub fn answer(&self, server_mask: u32) -> ConfigureReply<'_> {
        ConfigureReply {
            version_mask: self.version_rolling.map(|v| v.mask & server_mask),
            minimum_difficulty: self.minimum_difficulty.map(|_| true),
            subscribe_extranonce: self.subscribe_extranonce.then_some(true),
            info: self.info.then_some(true),
            unknown: &self.unknown,
        }
    }

    pub(super) fn parse(params: Option<&RawValue>) -> Result<Self, &'static str> {
        const SHAPE: &str = "mining.configure takes a list of extensions and an object of parameters";
        let raw = params.ok_or(SHAPE)?;
        let asked: Asked = serde_json::from_str(raw.get()).map_err(|_| SHAPE)?;
        asked.into_configure()
    }
}

/// Both parameters, read in one pass.
#[derive(Default)]
struct Asked {
    extensions: Extensions,
    values: Values,
}

impl Asked {
    fn into_configure(self) -> Result<Configure, &'static str> {
        let Self { extensions, values } = self;
        let mut configure = Configure {
            subscribe_extranonce: extensions.subscribe_extranonce,
            info: extensions.info,
            unknown: extensions.unknown,
            ..Configure::default()
        };
        if extensions.version_rolling {
            let mask = match values.mask {
                MaskValue::Missing => u32::MAX,
                MaskValue::Hex(mask) => mask,
                MaskValue::Bad => return Err("version-rolling.mask must be up to 8 hex digits"),
            };
            configure.version_rolling = Some(VersionRolling {
                mask,
                min_bit_count: values.min_bit_count,
            });
        }
        if extensions.minimum_difficulty {
            configure.minimum_difficulty = values.minimum_difficulty;
            if values.minimum_difficulty.is_none() && configure.unknown.len() < MAX_UNKNOWN_EXTENSIONS {
                configure.unknown.push("minimum-difficulty".to_owned());
            }
        }
        Ok(configure)
    }
}

#[derive(Default)]
#[allow(clippy::struct_excessive_bools, reason = "one per extension")]
struct Extensions {
    version_rolling: bool,
    minimum_difficulty: bool,
    subscribe_extranonce: bool,
    info: bool,
    unknown: Vec<String>,
}

#[derive(Default)]
struct Values {
    mask: MaskValue,
    min_bit_count: Option<u32>,
    minimum_difficulty: Option<f64>,
}

#[derive(Default)]
enum MaskValue {
    #[default]
    Missing,
    Hex(u32),
    Bad,
}

impl<'de> Deserialize<'de> for Asked {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AskedVisitor;
        impl<'de> Visitor<'de> for AskedVisitor {
            type Value = Asked;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of extensions and an object")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Asked, A::Error> {
                let extensions = seq
                    .next_element()?
                    .ok_or_else(|| de::Error::custom("extensions are missing"))?;
                let values = seq
                    .next_element::<Option<Values>>()?
                    .flatten()
                    .unwrap_or_default();
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Asked { extensions, values })
            }
        }
        deserializer.deserialize_seq(AskedVisitor)
    }
}

impl<'de> Deserialize<'de> for Extensions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ExtensionsVisitor;
        impl<'de> Visitor<'de> for ExtensionsVisitor {
            type Value = Extensions;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of extension names")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Extensions, A::Error> {
                let mut found = Extensions::default();
                while let Some(Text(name)) = seq.next_element()? {
                    match &*name {
                        "version-rolling" => found.version_rolling = true,
                        "minimum-difficulty" => found.minimum_difficulty = true,
                        "subscribe-extranonce" => found.subscribe_extranonce = true,
                        "info" => found.info = true,
                        name => found.note_unknown(name),
                    }
                }
                Ok(found)
            }
        }
        deserializer.deserialize_seq(ExtensionsVisitor)
    }
}

impl Extensions {
    fn note_unknown(&mut self, name: &str) {
        let new = !self.unknown.iter().any(|n| n == name);
        if new && name.len() <= MAX_EXTENSION_LEN && self.unknown.len() < MAX_UNKNOWN_EXTENSIONS {
            self.unknown.push(name.to_owned());
        }
    }
}

impl<'de> Deserialize<'de> for Values {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ValuesVisitor;
        impl<'de> Visitor<'de> for ValuesVisitor {
            type Value = Values;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of extension parameters")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Values, A::Error> {
                let mut values = Values::default();
                while let Some(Text(name)) = map.next_key()? {
                    match &*name {
                        "version-rolling.mask" => {
                            let hex = map.next_value::<Arg<'_>>()?.into_text();
                            values.mask = hex.and_then(|h| short_hex_u32(&h)).into();
                        }
                        "version-rolling.min-bit-count" => {
                            values.min_bit_count = map.next_value::<Arg<'_>>()?.as_whole(32);
                        }
                        "minimum-difficulty.value" => {
                            let value = map.next_value::<Arg<'_>>()?.as_number();
                            values.minimum_difficulty = value.filter(|d| *d >= 0.0);
                        }
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(values)
            }
        }
        deserializer.deserialize_map(ValuesVisitor)
    }
}

impl From<Option<u32>> for MaskValue {
    fn from(mask: Option<u32>) -> Self {
        mask.map_or(Self::Bad, Self::Hex)
    }
}
