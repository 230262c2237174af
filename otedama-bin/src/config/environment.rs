//! Settings from the environment: `OTEDAMA_POOL__FEE_PERCENTAGE=1.5`, `OTEDAMA_CHAINS__0__PAYOUT_ADDRESS=...`.

use super::error::{Place, Problem};
use super::tree::{Entry, Tree, Value};

/// What every variable of ours begins with.
pub const PREFIX: &str = "OTEDAMA_";

/// Variables with our prefix that are no settings: read by the command line, the logs, the scripts
/// and the tests.
pub const IGNORED_VARIABLES: [&str; 6] = [
    "OTEDAMA_API",
    "OTEDAMA_CONFIG",
    "OTEDAMA_DEBIAN_MIRROR",
    "OTEDAMA_LOG",
    "OTEDAMA_NODES_DIR",
    "OTEDAMA_REQUIRE_NODES",
];

/// A list in the environment grows by one at a time, up to here.
const MAX_LIST: usize = 1000;

/// The variable that sets `key`: `chains[0].coin` is `OTEDAMA_CHAINS__0__COIN`.
pub(super) fn variable_of(key: &str) -> String {
    let steps: Vec<String> = key
        .split(['.', '['])
        .map(|step| step.trim_end_matches(']').to_uppercase())
        .filter(|step| !step.is_empty())
        .collect();
    format!("{PREFIX}{}", steps.join("__"))
}

/// Writes every variable into the tree, in order of their names, so that a section comes before its keys.
pub(super) fn merge(tree: &mut Tree, variables: &[(String, String)]) -> Result<(), Vec<Problem>> {
    let mut ours: Vec<&(String, String)> = variables
        .iter()
        .filter(|(name, _)| name.starts_with(PREFIX) && !IGNORED_VARIABLES.contains(&name.as_str()))
        .collect();
    ours.sort();
    let problems: Vec<Problem> = ours
        .into_iter()
        .filter_map(|(name, text)| set(tree, name, text).err())
        .map(|problem| *problem)
        .collect();
    if problems.is_empty() {
        Ok(())
    } else {
        Err(problems)
    }
}

fn set(tree: &mut Tree, name: &str, text: &str) -> Result<(), Box<Problem>> {
    let place = Place::Variable(name.to_owned());
    let value = Tree::parse(text, &|_, _| place.clone())?;
    let steps: Vec<String> = name[PREFIX.len()..].split("__").map(str::to_lowercase).collect();
    if steps.iter().any(String::is_empty) {
        return Err(Box::new(Problem {
            place,
            what: "the name has an empty part".to_owned(),
            allowed: Some(
                "section and key joined by two underscores, such as OTEDAMA_POOL__MAX_CONNECTIONS".to_owned(),
            ),
            ..Problem::default()
        }));
    }
    let mut here = tree;
    let mut key = String::new();
    for step in &steps {
        here = descend(here, step, &place).map_err(|what| {
            Box::new(Problem {
                place: place.clone(),
                key: key.clone(),
                what,
                ..Problem::default()
            })
        })?;
        key = if key.is_empty() {
            step.clone()
        } else {
            format!("{key}.{step}")
        };
    }
    *here = value;
    Ok(())
}

/// The child of `tree` that `step` names, made if it is missing.
fn descend<'a>(tree: &'a mut Tree, step: &str, place: &Place) -> Result<&'a mut Tree, String> {
    let index = step.parse::<usize>().ok();
    if matches!(tree.value, Value::Nothing) {
        tree.value = if index.is_some() {
            Value::List(Vec::new())
        } else {
            Value::Map(Vec::new())
        };
    }
    match (&mut tree.value, index) {
        (Value::List(items), Some(index)) => {
            if index > items.len() || index >= MAX_LIST {
                return Err(format!(
                    "index {index} leaves a gap: the list has {} elements",
                    items.len()
                ));
            }
            if index == items.len() {
                items.push(Tree {
                    place: place.clone(),
                    value: Value::Nothing,
                });
            }
            Ok(&mut items[index])
        }
        (Value::Map(entries), _) => {
            let at = entries
                .iter()
                .position(|entry| entry.key == step)
                .unwrap_or_else(|| {
                    entries.push(Entry {
                        key: step.to_owned(),
                        place: place.clone(),
                        tree: Tree {
                            place: place.clone(),
                            value: Value::Nothing,
                        },
                    });
                    entries.len() - 1
                });
            Ok(&mut entries[at].tree)
        }
        (Value::List(_), None) => Err(format!("is a list: {step} would have to be an index such as 0")),
        _ => Err(format!("is a single value: {step} cannot be set inside it")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_is_named_after_its_key() {
        assert_eq!(variable_of("pool.fee_percentage"), "OTEDAMA_POOL__FEE_PERCENTAGE");
        assert_eq!(
            variable_of("chains[0].nodes[1].url"),
            "OTEDAMA_CHAINS__0__NODES__1__URL"
        );
    }

    #[test]
    fn a_list_grows_without_gaps() {
        let variables = |index: usize| vec![(format!("OTEDAMA_CHAINS__{index}__COIN"), "LTC".to_owned())];
        assert!(merge(&mut Tree::default(), &variables(0)).is_ok());
        let problems = merge(&mut Tree::default(), &variables(1)).unwrap_err();
        assert_eq!(
            problems[0].to_string(),
            "environment variable OTEDAMA_CHAINS__1__COIN: chains: index 1 leaves a gap: the list has 0 elements"
        );
    }

    #[test]
    fn what_is_not_ours_is_left_alone() {
        let mut tree = Tree::default();
        let variables = [
            "PATH",
            "OTEDAMA_LOG",
            "OTEDAMA_CONFIG",
            "OTEDAMA_REQUIRE_NODES",
            "OTEDAMA_NODES_DIR",
        ]
        .map(|name| (name.to_owned(), "x".to_owned()));
        merge(&mut tree, &variables).unwrap();
        assert!(matches!(tree.value, Value::Nothing));
    }
}
