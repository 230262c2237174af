//! What is wrong with a config, where, and what would be right.

use std::fmt;
use std::path::PathBuf;

/// Where a value came from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Place {
    /// A file, with line and column from 1; line 0 is the file as a whole.
    File {
        /// Which.
        path: PathBuf,
        /// Line, from 1.
        line: u64,
        /// Column in characters, from 1.
        column: u64,
    },
    /// An environment variable.
    Variable(String),
    /// The built-in defaults.
    #[default]
    Builtin,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line: 0, .. } => write!(f, "{}", path.display()),
            Self::File { path, line, column } => write!(f, "{}:{line}:{column}", path.display()),
            Self::Variable(name) => write!(f, "environment variable {name}"),
            Self::Builtin => f.write_str("config"),
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// Which key, as `pool.fee_percentage` or `chains[0].coin`; empty for the file as a whole.
    pub key: String,
    /// What is wrong with it.
    pub what: String,
    /// What would be right.
    pub allowed: Option<String>,
    /// The nearest allowed name.
    pub suggestion: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.place)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.what)?;
        if let Some(suggestion) = &self.suggestion {
            write!(f, "; did you mean {suggestion}?")?;
        }
        if let Some(allowed) = &self.allowed {
            write!(f, "\n  allowed: {allowed}")?;
        }
        Ok(())
    }
}

/// Everything that was found to be wrong; never empty.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", display(.problems))]
pub struct ConfigError {
    problems: Vec<Problem>,
}

impl ConfigError {
    pub(super) fn new(problems: Vec<Problem>) -> Self {
        Self { problems }
    }

    /// What is wrong, in the order in which it was found.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl From<Problem> for ConfigError {
    fn from(problem: Problem) -> Self {
        Self::new(vec![problem])
    }
}

impl From<Box<Problem>> for ConfigError {
    fn from(problem: Box<Problem>) -> Self {
        Self::from(*problem)
    }
}

fn display(problems: &[Problem]) -> String {
    problems
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}

/// The word of `allowed` that is nearest to `word`, if one is near.
pub(super) fn nearest<'a>(word: &str, allowed: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    allowed
        .into_iter()
        .map(|candidate| {
            (
                strsim::damerau_levenshtein(&word, &candidate.to_lowercase()),
                candidate,
            )
        })
        .filter(|(distance, candidate)| *distance <= (candidate.len().max(word.len()) / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_has_to_be_near() {
        assert_eq!(
            nearest("fee_percentag", ["address", "fee_percentage"]),
            Some("fee_percentage")
        );
        assert_eq!(nearest("pplsn", ["PPLNS", "SOLO"]), Some("PPLNS"));
        assert_eq!(nearest("colour", ["address", "fee_percentage"]), None);
    }

    #[test]
    fn a_problem_reads_as_one_sentence() {
        let problem = Problem {
            place: Place::File {
                path: "config.yaml".into(),
                line: 3,
                column: 5,
            },
            key: "pool.fee".to_owned(),
            what: "unknown key".to_owned(),
            allowed: Some("address, fee_percentage".to_owned()),
            suggestion: Some("fee_percentage".to_owned()),
        };
        assert_eq!(
            problem.to_string(),
            "config.yaml:3:5: pool.fee: unknown key; did you mean fee_percentage?\n  allowed: address, fee_percentage"
        );
    }
}
