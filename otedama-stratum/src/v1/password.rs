//! Options that miners put into the password field, such as "x,d=1024".

use otedama_hash::Difficulty;

/// What a password asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PasswordOptions {
    /// "d=", "diff=", "difficulty=": the difficulty to stay at.
    pub difficulty: Option<Difficulty>,
    /// "sd=": the difficulty to start from.
    pub start_difficulty: Option<Difficulty>,
    /// "md=": the lowest difficulty that the miner wants.
    pub min_difficulty: Option<Difficulty>,
}

impl PasswordOptions {
    /// Reads "key=value" pairs between commas, semicolons or spaces; whatever else stands there is a
    /// password and ignored, and so is a value that is no difficulty. The last of equal keys counts.
    pub fn parse(password: &str) -> Self {
        let mut options = Self::default();
        for part in password.split([',', ';', ' ', '\t']) {
            let Some((key, value)) = part.split_once('=') else {
                continue;
            };
            let Ok(Ok(difficulty)) = value.trim().parse().map(Difficulty::new) else {
                continue;
            };
            let slot = match key.trim() {
                key if is_any(key, &["d", "diff", "difficulty"]) => &mut options.difficulty,
                key if is_any(key, &["sd"]) => &mut options.start_difficulty,
                key if is_any(key, &["md"]) => &mut options.min_difficulty,
                _ => continue,
            };
            *slot = Some(difficulty);
        }
        options
    }
}

fn is_any(key: &str, names: &[&str]) -> bool {
    names.iter().any(|name| key.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_found_between_any_separators() {
        for (password, d, sd, md) in [
            ("d=1024", Some(1024.0), None, None),
            ("x,d=0.5", Some(0.5), None, None),
            ("x;sd=256", None, Some(256.0), None),
            ("x,D=0.5;sd=2 md=1", Some(0.5), Some(2.0), Some(1.0)),
            ("Diff=8,d=16", Some(16.0), None, None),
            ("", None, None, None),
            ("x", None, None, None),
            ("d=", None, None, None),
            ("d=abc", None, None, None),
            ("d=-1", None, None, None),
            ("d=0", None, None, None),
            ("d=nan,sd=inf", None, None, None),
            ("id=7", None, None, None),
        ] {
            let options = PasswordOptions::parse(password);
            let found = [
                options.difficulty,
                options.start_difficulty,
                options.min_difficulty,
            ];
            assert_eq!(found.map(|d| d.map(Difficulty::get)), [d, sd, md], "{password}");
        }
    }
}
