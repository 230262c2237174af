//! From a file and the environment to a [`Config`] that holds together.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use super::Config;
use super::decode::decode;
use super::environment::{self, variable_of};
use super::error::{ConfigError, Place, Problem};
use super::tree::Tree;
use super::validate::validate;

const DEVELOPMENT: &str = include_str!("development.yaml");

/// A config and where it came from.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// The settings.
    pub config: Config,
    /// The file, or none for the built-in development config.
    pub file: Option<PathBuf>,
}

impl fmt::Display for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.file {
            Some(file) => write!(f, "config file {}", file.display()),
            None => f.write_str("no config file: the built-in development config"),
        }
    }
}

impl Config {
    /// The settings of `file`, or the development config without one, both under the overrides of this process's
    /// environment.
    ///
    /// # Errors
    /// When the file cannot be read or anything in it or in the environment is wrong.
    pub fn load(file: Option<&Path>) -> Result<Loaded, ConfigError> {
        let variables = variables(std::env::vars_os())?;
        match file {
            Some(path) => Self::load_file(path, &variables),
            None => development(&variables),
        }
    }

    /// The settings of `path` under the overrides of `variables`.
    ///
    /// # Errors
    /// When the file cannot be read or anything in it or in the variables is wrong.
    pub fn load_file(path: &Path, variables: &[(String, String)]) -> Result<Loaded, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|error| Problem {
            place: Place::File {
                path: path.to_owned(),
                line: 0,
                column: 0,
            },
            what: format!("cannot be read: {error}"),
            ..Problem::default()
        })?;
        let config = Self::from_yaml(&text, path, variables)?;
        Ok(Loaded {
            config,
            file: Some(path.to_owned()),
        })
    }

    /// The settings of the YAML `text`, called `path` in errors, under the overrides of `variables`.
    ///
    /// # Errors
    /// When anything in the text or in the variables is wrong.
    pub fn from_yaml(text: &str, path: &Path, variables: &[(String, String)]) -> Result<Self, ConfigError> {
        complete(Tree::parse_file(text, path)?, variables)
    }
}

/// The development config under the overrides of `variables`.
pub(super) fn development(variables: &[(String, String)]) -> Result<Loaded, ConfigError> {
    let tree = Tree::parse(DEVELOPMENT, &|_, _| Place::Builtin)?;
    Ok(Loaded {
        config: complete(tree, variables)?,
        file: None,
    })
}

fn complete(mut tree: Tree, variables: &[(String, String)]) -> Result<Config, ConfigError> {
    environment::merge(&mut tree, variables).map_err(ConfigError::new)?;
    let config: Config = decode(&tree).map_err(name_variable)?;
    let problems: Vec<Problem> = validate(&config)
        .into_iter()
        .map(|finding| Problem {
            place: tree.place_of(&finding.key).clone(),
            key: finding.key,
            what: finding.what,
            allowed: finding.allowed,
            suggestion: finding.suggestion,
        })
        .collect();
    if problems.is_empty() {
        Ok(config)
    } else {
        Err(ConfigError::new(problems))
    }
}

/// For a misspelt variable the suggestion is a variable, not a key.
fn name_variable(mut problem: Box<Problem>) -> Box<Problem> {
    if let (Place::Variable(_), "unknown key", Some(nearest)) =
        (&problem.place, problem.what.as_str(), problem.suggestion.as_ref())
    {
        let section = problem.key.rsplit_once('.').map_or("", |(section, _)| section);
        problem.suggestion = Some(variable_of(&format!("{section}.{nearest}")));
    }
    problem
}

/// Our variables as text; others may be anything.
fn variables(all: impl Iterator<Item = (OsString, OsString)>) -> Result<Vec<(String, String)>, ConfigError> {
    all.filter_map(|(name, value)| name.into_string().ok().map(|name| (name, value)))
        .filter(|(name, _)| name.starts_with(environment::PREFIX))
        .map(|(name, value)| match value.into_string() {
            Ok(value) => Ok((name, value)),
            Err(_) => Err(ConfigError::from(Problem {
                place: Place::Variable(name),
                what: "is not UTF-8 text".to_owned(),
                ..Problem::default()
            })),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::config::{Chain, Mode, Node, Rewards, Tls, Vardiff};

    const EXAMPLE: &str = include_str!("../../../config.example.yaml");

    fn keys(yaml: &str) -> BTreeSet<String> {
        let mut keys = BTreeSet::new();
        Tree::parse(yaml, &|_, _| Place::Builtin)
            .unwrap()
            .keys("", &mut keys);
        keys
    }

    /// A config in which every optional key has a value.
    fn full() -> Config {
        let node = Node {
            cookie_file: Some("c".into()),
            zmq_block: Some("tcp://a:1".into()),
            ..Node::default()
        };
        let chain = Chain {
            nodes: vec![node],
            address: Some(([0, 0, 0, 0], 1).into()),
            notify_address: Some(([127, 0, 0, 1], 1).into()),
            rewards: Some(Rewards::default()),
            vardiff: Some(Vardiff::default()),
            ..Chain::default()
        };
        let mut config = Config {
            chains: vec![chain],
            ..Config::default()
        };
        config.pool.tls = Tls {
            cert_file: Some("a".into()),
            key_file: Some("b".into()),
            ..Tls::default()
        };
        config
    }

    /// The example with its commented-out keys (`#key: value`, no space) brought to life.
    fn uncommented() -> String {
        EXAMPLE
            .lines()
            .map(|line| {
                let text = line.trim_start();
                match text.strip_prefix('#') {
                    Some(key) if key.starts_with(|c: char| c.is_ascii_lowercase()) => {
                        format!("{}{key}", &line[..line.len() - text.len()])
                    }
                    _ => line.to_owned(),
                }
            })
            .collect::<Vec<_>>()
            .join("\n")
    }

    #[test]
    fn the_example_has_every_key_and_no_other() {
        let documented = keys(&uncommented());
        let known = keys(&serde_json::to_string(&full()).unwrap());
        assert_eq!(
            documented.difference(&known).collect::<Vec<_>>(),
            Vec::<&String>::new(),
            "unknown keys"
        );
        assert_eq!(
            known.difference(&documented).collect::<Vec<_>>(),
            Vec::<&String>::new(),
            "missing keys"
        );
    }

    #[test]
    fn the_example_explains_every_key() {
        let mut explained = false;
        for line in EXAMPLE.lines().map(str::trim) {
            if line.starts_with("# ") {
                explained = true;
            } else {
                assert!(
                    explained || line.is_empty() || line == "#",
                    "no comment above: {line}"
                );
                explained = false;
            }
        }
        assert!(!explained, "the last comment explains nothing");
    }

    #[test]
    fn the_example_states_the_defaults() {
        let path = Path::new("config.example.yaml");
        let mut config = Config::from_yaml(EXAMPLE, path, &[]).unwrap();
        let chains = std::mem::take(&mut config.chains);
        assert_eq!(config, Config::default());
        let [chain] = chains.as_slice() else {
            panic!("one chain")
        };
        let plain = Chain {
            coin: chain.coin.clone(),
            network: chain.network,
            payout_address: chain.payout_address.clone(),
            nodes: chain.nodes.clone(),
            ..Chain::default()
        };
        assert_eq!(*chain, plain);
        let [node] = chain.nodes.as_slice() else {
            panic!("one node")
        };
        let plain = Node {
            url: node.url.clone(),
            user: node.user.clone(),
            password: node.password.clone(),
            ..Node::default()
        };
        assert_eq!(*node, plain);
    }

    #[test]
    fn the_development_config_loads() {
        let config = Config::development();
        assert_eq!(config.app.mode, Mode::Development);
        assert!(config.mining.enable_cpu);
        assert_eq!(config.chains, vec![Chain::development()]);
        assert!(config.pool.address.ip().is_loopback() && config.api.address.ip().is_loopback());
    }

    #[test]
    fn an_empty_file_is_the_default() {
        assert_eq!(
            Config::from_yaml("", Path::new("c"), &[]).unwrap(),
            Config::default()
        );
        assert_eq!(
            Config::from_yaml("# nothing\n", Path::new("c"), &[]).unwrap(),
            Config::default()
        );
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in ".{0,200}") {
            let _ = Config::from_yaml(&text, Path::new("c"), &[]);
        }

        #[test]
        fn no_structure_panics(text in "([a-c]|pool|chains|: |\\n|  |- |\\[|\\]|\\{|\\}|,|&x |\\*x|<<|\"|1|~){0,40}") {
            let _ = Config::from_yaml(&text, Path::new("c"), &[]);
        }

        #[test]
        fn no_variable_panics(name in "[A-Z0-9_]{0,30}", value in ".{0,40}") {
            let _ = development(&[(format!("OTEDAMA_{name}"), value)]);
        }
    }
}
