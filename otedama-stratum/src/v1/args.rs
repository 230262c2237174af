//! The `params` array of a call, read leniently and without copying.

use core::fmt;
use std::borrow::Cow;

use serde::de::{self, Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Most elements that are looked at, one more than any call needs; the rest of a longer array is skipped.
const MAX_ARGS: usize = 7;

/// A JSON string, borrowed where it has no escapes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Text<'a>(pub Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(TextVisitor)
    }
}

/// One element of `params`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Arg<'a> {
    #[default]
    Null,
    Bool(bool),
    Number(f64),
    Text(Cow<'a, str>),
    /// An array or an object; its content is skipped.
    Nested,
}

impl<'a> Arg<'a> {
    pub(super) fn into_text(self) -> Option<Cow<'a, str>> {
        if let Self::Text(text) = self {
            Some(text)
        } else {
            None
        }
    }

    /// A number, also one that is written as a string.
    pub(super) fn as_number(&self) -> Option<f64> {
        match self {
            Self::Number(n) => Some(*n),
            Self::Text(text) => text.trim().parse().ok(),
            _ => None,
        }
        .filter(|n| n.is_finite())
    }

    /// A whole number from 0 to `max`.
    #[allow(clippy::cast_sign_loss, reason = "the range was checked")]
    pub(super) fn as_whole(&self, max: u32) -> Option<u32> {
        self.as_number()
            .filter(|n| n.fract() == 0.0 && (0.0..=f64::from(max)).contains(n))
            .map(|n| n as u32)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Arg<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ArgVisitor)
    }
}

struct ArgVisitor;

impl<'de> Visitor<'de> for ArgVisitor {
    type Value = Arg<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }
    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(Arg::Null)
    }
    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Arg::Bool(value))
    }
    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Arg::Number(value as f64))
    }
    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Arg::Number(value as f64))
    }
    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Arg::Number(value))
    }
    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Arg::Text(Cow::Borrowed(text)))
    }
    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Arg::Text(Cow::Owned(text.to_owned())))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Arg::Nested)
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Arg::Nested)
    }
}

/// The `params` of a call: an array, nothing, or (some clients) one bare value.
#[derive(Clone, Debug, Default)]
pub(super) struct Args<'a> {
    items: [Arg<'a>; MAX_ARGS],
    len: usize,
}

impl<'a> Args<'a> {
    /// Reads a raw `params` token; `None` if it is no JSON that fits.
    pub(super) fn parse(params: Option<&'a serde_json::value::RawValue>) -> Option<Self> {
        params.map_or_else(
            || Some(Self::default()),
            |raw| serde_json::from_str(raw.get()).ok(),
        )
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Takes the element at `index`; `Null` where there is none.
    pub(super) fn take(&mut self, index: usize) -> Arg<'a> {
        self.items
            .get_mut(index)
            .map_or(Arg::Null, |arg| core::mem::replace(arg, Arg::Null))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Args<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ArgsVisitor)
    }
}

struct ArgsVisitor;

impl ArgsVisitor {
    fn one(arg: Arg<'_>) -> Args<'_> {
        let mut args = Args::default();
        args.items[0] = arg;
        args.len = 1;
        args
    }
}

impl<'de> Visitor<'de> for ArgsVisitor {
    type Value = Args<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }
    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(Args::default())
    }
    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Self::one(Arg::Number(value as f64)))
    }
    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Self::one(Arg::Number(value)))
    }
    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Self::one(Arg::Text(Cow::Borrowed(text))))
    }
    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Self::one(Arg::Text(Cow::Owned(text.to_owned()))))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut args = Args::default();
        for slot in &mut args.items {
            match seq.next_element()? {
                Some(arg) => *slot = arg,
                None => return Ok(args),
            }
            args.len += 1;
        }
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(args)
    }
}

/// A string of eight hex digits, most significant first.
#[derive(Clone, Copy, Debug)]
pub(super) struct HexU32(pub u32);

impl<'de> Deserialize<'de> for HexU32 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct HexVisitor;
        impl Visitor<'_> for HexVisitor {
            type Value = HexU32;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("8 hex digits")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                hex_u32(text)
                    .map(HexU32)
                    .ok_or_else(|| E::custom("no 8 hex digits"))
            }
        }
        deserializer.deserialize_str(HexVisitor)
    }
}

/// Eight hex digits of either case, most significant first.
pub(super) fn hex_u32(text: &str) -> Option<u32> {
    hex_bytes(text).map(u32::from_be_bytes)
}

/// Exactly so many bytes in hex digits of either case, without a prefix.
pub(super) fn hex_bytes<const N: usize>(digits: &str) -> Option<[u8; N]> {
    // const-hex would take a prefix off.
    if digits.len() != 2 * N || digits.as_bytes().get(1) == Some(&b'x') {
        return None;
    }
    const_hex::decode_to_array(digits).ok()
}

/// One to eight hex digits, with or without "0x", most significant first.
pub(super) fn short_hex_u32(text: &str) -> Option<u32> {
    let digits = text
        .strip_prefix("0x")
        .or_else(|| text.strip_prefix("0X"))
        .unwrap_or(text);
    if digits.len() > 8 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    u32::from_str_radix(digits, 16).ok()
}

/// At most `max` bytes of `text`, cut between characters.
pub(super) fn cut(text: Cow<'_, str>, max: usize) -> Cow<'_, str> {
    let end = (0..=max.min(text.len()))
        .rev()
        .find(|i| text.is_char_boundary(*i))
        .unwrap_or(0);
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(&text[..end]),
        Cow::Owned(mut text) => {
            text.truncate(end);
            Cow::Owned(text)
        }
    }
}
