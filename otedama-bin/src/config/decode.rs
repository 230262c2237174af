//! From a [`Tree`] to the typed config, naming key and place of whatever doesn't fit.

use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error as _, Expected, IntoDeserializer, MapAccess, SeqAccess,
    Unexpected, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::error::{Place, Problem, nearest};
use super::tree::{Entry, Scalar, Tree, Value};

/// The typed value of a whole tree.
pub(super) fn decode<T: serde::de::DeserializeOwned>(tree: &Tree) -> Result<T, Box<Problem>> {
    T::deserialize(Reader(tree)).map_err(|fault| fault.placed(&tree.place).0)
}

/// A problem on its way out; the key grows at the front while it passes the levels.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Fault(Box<Problem>);

impl Fault {
    fn placed(mut self, place: &Place) -> Self {
        if self.0.place == Place::Builtin {
            self.0.place = place.clone();
        }
        self
    }

    fn new(what: String, allowed: Option<String>, suggestion: Option<&str>) -> Self {
        Self(Box::new(Problem {
            what,
            allowed,
            suggestion: suggestion.map(ToOwned::to_owned),
            ..Problem::default()
        }))
    }

    fn under(self, step: &str, place: &Place) -> Self {
        let mut fault = self.placed(place);
        let key = &fault.0.key;
        fault.0.key = match key.chars().next() {
            None => step.to_owned(),
            Some('[') => format!("{step}{key}"),
            Some(_) => format!("{step}.{key}"),
        };
        fault
    }
}

impl serde::de::Error for Fault {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self::new(message.to_string(), None, None)
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(
            format!("found {}", found_text(&found)),
            Some(allowed_text(expected)),
            None,
        )
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(found, expected)
    }

    fn unknown_variant(word: &str, words: &'static [&'static str]) -> Self {
        let what = if ["PPS", "FPPS", "PROP", "TIDES"].contains(&word.to_uppercase().as_str()) {
            format!("{word} is not supported yet")
        } else {
            format!("found \"{word}\"")
        };
        Self::new(what, Some(words.join(", ")), nearest(word, words.iter().copied()))
    }

    fn unknown_field(key: &str, keys: &'static [&'static str]) -> Self {
        let fault = Self::new(
            "unknown key".to_owned(),
            Some(keys.join(", ")),
            nearest(key, keys.iter().copied()),
        );
        fault.under(key, &Place::Builtin)
    }
}

fn found_text(found: &Unexpected<'_>) -> String {
    match found {
        Unexpected::Bool(value) => value.to_string(),
        Unexpected::Unsigned(value) => value.to_string(),
        Unexpected::Signed(value) => value.to_string(),
        Unexpected::Float(value) => value.to_string(),
        Unexpected::Str(text) => format!("\"{text}\""),
        Unexpected::Unit => "nothing".to_owned(),
        Unexpected::Seq => "a list".to_owned(),
        Unexpected::Map => "a mapping".to_owned(),
        other => other.to_string(),
    }
}

fn allowed_text(expected: &dyn Expected) -> String {
    let text = expected.to_string();
    match text.as_str() {
        "a boolean" => "true or false".to_owned(),
        "a string" => "text".to_owned(),
        "u8" => format!("a whole number from 0 to {}", u8::MAX),
        "u16" => format!("a whole number from 0 to {}", u16::MAX),
        "u32" => format!("a whole number from 0 to {}", u32::MAX),
        "u64" | "usize" => "a whole number, 0 or more".to_owned(),
        "f32" | "f64" => "a number".to_owned(),
        "a sequence" => "a list".to_owned(),
        "socket address" => "an IP address and a port, such as 0.0.0.0:3333 or [::1]:3333".to_owned(),
        "path string" => "a path".to_owned(),
        _ if text.starts_with("struct ") => "a mapping of keys to values".to_owned(),
        _ => text,
    }
}

#[derive(Clone, Copy)]
struct Reader<'a>(&'a Tree);

impl Reader<'_> {
    fn unexpected(&self) -> Unexpected<'_> {
        match &self.0.value {
            Value::Nothing => Unexpected::Unit,
            Value::Scalar(Scalar::Bool(value), _) => Unexpected::Bool(*value),
            Value::Scalar(Scalar::Unsigned(value), _) => Unexpected::Unsigned(*value),
            Value::Scalar(Scalar::Signed(value), _) => Unexpected::Signed(*value),
            Value::Scalar(Scalar::Float(value), _) => Unexpected::Float(*value),
            Value::Scalar(Scalar::Text, text) => Unexpected::Str(text),
            Value::List(_) => Unexpected::Seq,
            Value::Map(_) => Unexpected::Map,
        }
    }
}

impl<'de> Deserializer<'de> for Reader<'_> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.0.value {
            Value::Nothing => visitor.visit_unit(),
            Value::Scalar(Scalar::Bool(value), _) => visitor.visit_bool(*value),
            Value::Scalar(Scalar::Unsigned(value), _) => visitor.visit_u64(*value),
            Value::Scalar(Scalar::Signed(value), _) => visitor.visit_i64(*value),
            Value::Scalar(Scalar::Float(value), _) => visitor.visit_f64(*value),
            Value::Scalar(Scalar::Text, text) => visitor.visit_str(text),
            Value::List(items) => visitor.visit_seq(Items { items, next: 0 }),
            Value::Map(entries) => visitor.visit_map(Entries { entries, next: 0 }),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.0.value {
            Value::Scalar(_, text) => visitor
                .visit_str(text)
                .map_err(|fault: Fault| fault.or_bad_text(text)),
            _ => Err(Fault::invalid_type(self.unexpected(), &visitor)),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if matches!(self.0.value, Value::Nothing) {
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    /// A section without anything in it has its defaults. A list is no section.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match &self.0.value {
            Value::Nothing => visitor.visit_map(Entries {
                entries: &[],
                next: 0,
            }),
            Value::Map(_) => self.deserialize_any(visitor),
            _ => Err(Fault::invalid_type(self.unexpected(), &visitor)),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.0.value {
            Value::Nothing => visitor.visit_seq(Items { items: &[], next: 0 }),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_enum(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit unit_struct tuple
        tuple_struct map identifier ignored_any
    }
}

impl Fault {
    /// Types that parse text themselves (addresses) report through `custom`; their message becomes ours.
    fn or_bad_text(self, text: &str) -> Self {
        if self.0.allowed.is_none() && self.0.what.starts_with("invalid ") {
            let expected = self
                .0
                .what
                .trim_start_matches("invalid ")
                .trim_end_matches(" syntax")
                .to_owned();
            return Self::invalid_value(Unexpected::Str(text), &expected.as_str());
        }
        self
    }
}

/// Enums are words; none of ours carries a value.
impl<'de> EnumAccess<'de> for Reader<'_> {
    type Error = Fault;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Fault> {
        match &self.0.value {
            Value::Scalar(_, text) => {
                let word: StrDeserializer<'_, Fault> = text.as_str().into_deserializer();
                Ok((seed.deserialize(word)?, self))
            }
            _ => Err(Fault::invalid_type(self.unexpected(), &"one word")),
        }
    }
}

impl<'de> VariantAccess<'de> for Reader<'_> {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, _: T) -> Result<T::Value, Fault> {
        Err(Fault::invalid_type(self.unexpected(), &"one word"))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Fault> {
        Err(Fault::invalid_type(self.unexpected(), &"one word"))
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], _: V) -> Result<V::Value, Fault> {
        Err(Fault::invalid_type(self.unexpected(), &"one word"))
    }
}

struct Items<'a> {
    items: &'a [Tree],
    next: usize,
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        let Some(item) = self.items.get(self.next) else {
            return Ok(None);
        };
        let step = format!("[{}]", self.next);
        self.next += 1;
        seed.deserialize(Reader(item))
            .map(Some)
            .map_err(|fault| fault.under(&step, &item.place))
    }
}

struct Entries<'a> {
    entries: &'a [Entry],
    next: usize,
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        let Some(entry) = self.entries.get(self.next) else {
            return Ok(None);
        };
        let key: StrDeserializer<'_, Fault> = entry.key.as_str().into_deserializer();
        seed.deserialize(key)
            .map(Some)
            .map_err(|fault| fault.placed(&entry.place))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let entry = &self.entries[self.next];
        self.next += 1;
        seed.deserialize(Reader(&entry.tree))
            .map_err(|fault| fault.under(&entry.key, &entry.tree.place))
    }
}
