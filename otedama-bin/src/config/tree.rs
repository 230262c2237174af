//! A config as it was written: every value with the place it came from.

use std::fmt;
use std::path::Path;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_saphyr::{Location, Spanned};

use super::error::{Place, Problem};

/// One value and where it was written.
#[derive(Clone, Debug, Default)]
pub(super) struct Tree {
    pub(super) place: Place,
    pub(super) value: Value,
}

#[derive(Clone, Debug, Default)]
pub(super) enum Value {
    #[default]
    Nothing,
    /// A scalar as YAML understands it, and its text.
    Scalar(Scalar, String),
    List(Vec<Tree>),
    Map(Vec<Entry>),
}

/// What a scalar means in YAML.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Scalar {
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Text,
}

#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    /// Where the key stands.
    pub(super) place: Place,
    pub(super) tree: Tree,
}

impl Tree {
    /// Reads YAML. `place` turns line and column into a [`Place`].
    pub(super) fn parse(text: &str, place: &dyn Fn(u64, u64) -> Place) -> Result<Self, Box<Problem>> {
        match serde_saphyr::from_str::<Option<Raw>>(text) {
            Ok(Some(raw)) => Ok(raw.into_tree(text, place)),
            Ok(None) => Ok(Self {
                place: place(0, 0),
                value: Value::Nothing,
            }),
            Err(error) => {
                let (line, column) = error.location().map_or((0, 0), |at| (at.line(), at.column()));
                Err(Box::new(Problem {
                    place: place(line, column),
                    what: format!("not valid YAML: {}", plain(&error)),
                    ..Problem::default()
                }))
            }
        }
    }

    /// Reads the YAML of a file.
    pub(super) fn parse_file(text: &str, path: &Path) -> Result<Self, Box<Problem>> {
        Self::parse(text, &|line, column| Place::File {
            path: path.to_owned(),
            line,
            column,
        })
    }

    /// Where `key` (as `pool.tls.cert_file` or `chains[1].nodes[0].url`) was written; if it was not, the nearest
    /// thing around it that was.
    pub(super) fn place_of(&self, key: &str) -> &Place {
        let mut here = self;
        let mut place = &self.place;
        for step in key.split(['.', '[']).map(|step| step.trim_end_matches(']')) {
            let next = match &here.value {
                Value::Map(entries) => entries
                    .iter()
                    .find(|entry| entry.key == step)
                    .map(|entry| (&entry.tree, &entry.tree.place)),
                Value::List(items) => step
                    .parse::<usize>()
                    .ok()
                    .and_then(|index| items.get(index))
                    .map(|item| (item, &item.place)),
                Value::Nothing | Value::Scalar(..) => None,
            };
            let Some((tree, at)) = next else { break };
            here = tree;
            if *at != Place::Builtin {
                place = at;
            }
        }
        place
    }

    /// Every key, as in [`Self::place_of`] but with `[]` for each element of a list.
    #[cfg(test)]
    pub(super) fn keys(&self, prefix: &str, into: &mut std::collections::BTreeSet<String>) {
        match &self.value {
            Value::Map(entries) => {
                for entry in entries {
                    let key = if prefix.is_empty() {
                        entry.key.clone()
                    } else {
                        format!("{prefix}.{}", entry.key)
                    };
                    entry.tree.keys(&key, into);
                    into.insert(key);
                }
            }
            Value::List(items) => items
                .iter()
                .for_each(|item| item.keys(&format!("{prefix}[]"), into)),
            Value::Nothing | Value::Scalar(..) => {}
        }
    }
}

/// The parser's message without its own rendering of the place.
fn plain(error: &serde_saphyr::Error) -> String {
    let text = error.without_snippet().to_string();
    let text = text.lines().next().unwrap_or_default();
    text.split(" at line ").next().unwrap_or(text).to_owned()
}

/// What the YAML parser fills in.
type Raw = Spanned<RawValue>;

enum RawValue {
    Nothing,
    Scalar(Scalar, Option<String>),
    List(Vec<Raw>),
    Map(Vec<(Spanned<String>, Raw)>),
}

trait IntoTree {
    fn into_tree(self, text: &str, place: &dyn Fn(u64, u64) -> Place) -> Tree;
}

impl IntoTree for Raw {
    fn into_tree(self, text: &str, place: &dyn Fn(u64, u64) -> Place) -> Tree {
        let at = place(self.referenced.line(), self.referenced.column());
        let value = match self.value {
            RawValue::Nothing => Value::Nothing,
            RawValue::Scalar(Scalar::Text, words) => Value::Scalar(Scalar::Text, words.unwrap_or_default()),
            RawValue::Scalar(scalar, _) => Value::Scalar(scalar, written(text, &self.defined, scalar)),
            RawValue::List(items) => Value::List(
                items
                    .into_iter()
                    .map(|item| item.into_tree(text, place))
                    .collect(),
            ),
            RawValue::Map(entries) => Value::Map(
                entries
                    .into_iter()
                    .map(|(key, raw)| Entry {
                        place: place(key.referenced.line(), key.referenced.column()),
                        key: key.value,
                        tree: raw.into_tree(text, place),
                    })
                    .collect(),
            ),
        };
        Tree { place: at, value }
    }
}

/// The text of a scalar that is no text to YAML, such as the `007` of a password.
fn written(text: &str, at: &Location, scalar: Scalar) -> String {
    let span = at.span();
    let bytes = span.byte_offset().zip(span.byte_len()).and_then(|(start, len)| {
        let start = usize::try_from(start).ok()?;
        text.get(start..start.checked_add(usize::try_from(len).ok()?)?)
    });
    match (bytes, scalar) {
        (Some(bytes), _) => bytes.trim().to_owned(),
        (None, Scalar::Bool(value)) => value.to_string(),
        (None, Scalar::Unsigned(value)) => value.to_string(),
        (None, Scalar::Signed(value)) => value.to_string(),
        (None, Scalar::Float(value)) => value.to_string(),
        (None, Scalar::Text) => String::new(),
    }
}

impl<'de> Deserialize<'de> for RawValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Anything)
    }
}

struct Anything;

impl<'de> Visitor<'de> for Anything {
    type Value = RawValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<RawValue, E> {
        Ok(RawValue::Nothing)
    }

    fn visit_none<E>(self) -> Result<RawValue, E> {
        Ok(RawValue::Nothing)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<RawValue, D::Error> {
        deserializer.deserialize_any(Self)
    }

    fn visit_bool<E>(self, value: bool) -> Result<RawValue, E> {
        Ok(RawValue::Scalar(Scalar::Bool(value), None))
    }

    fn visit_u64<E>(self, value: u64) -> Result<RawValue, E> {
        Ok(RawValue::Scalar(Scalar::Unsigned(value), None))
    }

    fn visit_i64<E>(self, value: i64) -> Result<RawValue, E> {
        Ok(RawValue::Scalar(
            u64::try_from(value).map_or(Scalar::Signed(value), Scalar::Unsigned),
            None,
        ))
    }

    fn visit_f64<E>(self, value: f64) -> Result<RawValue, E> {
        Ok(RawValue::Scalar(Scalar::Float(value), None))
    }

    fn visit_str<E>(self, value: &str) -> Result<RawValue, E> {
        Ok(RawValue::Scalar(Scalar::Text, Some(value.to_owned())))
    }

    fn visit_string<E>(self, value: String) -> Result<RawValue, E> {
        Ok(RawValue::Scalar(Scalar::Text, Some(value)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<RawValue, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(RawValue::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<RawValue, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(RawValue::Map(map))
    }
}
