//! Settings by name: the process environment, or a list of pairs in tests and commands.
#![expect(clippy::disallowed_methods, reason = "this is where the environment becomes an argument")]

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use model::{Classify, Retry};

/// Why a variable gives no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VarError {
    /// It is needed and not set, or empty.
    #[error("{name} is not set")]
    Missing {
        /// Its name.
        name: String,
    },
    /// It is set to something else than is accepted.
    #[error("{name}=`{text}`: {reason}")]
    Wrong {
        /// Its name.
        name: String,
        /// What it holds.
        text: String,
        /// What is wrong with that.
        reason: String,
    },
}

impl Classify for VarError {
    fn retry(&self) -> Retry {
        match self {
            Self::Missing { .. } | Self::Wrong { .. } => Retry::Never,
        }
    }
}

/// Variables by name. An empty one counts as absent.
#[derive(Clone)]
pub struct Vars(Origin);

#[derive(Clone)]
enum Origin {
    Process,
    Pairs(BTreeMap<String, String>),
}

impl fmt::Debug for Vars {
    /// Shows where they come from, never what they hold.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Origin::Process => "Vars(process)",
            Origin::Pairs(_) => "Vars(pairs)",
        })
    }
}

impl Vars {
    /// The environment of this process.
    pub fn process() -> Self {
        Self(Origin::Process)
    }

    /// These and no others.
    pub fn of(pairs: &[(&str, &str)]) -> Self {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    /// The text of a variable, when it is set and not empty.
    pub fn get(&self, name: &str) -> Option<String> {
        let text = match &self.0 {
            Origin::Process => std::env::var(name).ok(),
            Origin::Pairs(pairs) => pairs.get(name).cloned(),
        };
        text.filter(|text| !text.is_empty())
    }

    /// The text of a variable that must be set.
    pub fn required(&self, name: &str) -> Result<String, VarError> {
        self.get(name).ok_or_else(|| VarError::Missing { name: name.to_owned() })
    }

    /// The value of a variable, or a default when it is not set.
    pub fn parsed<T>(&self, name: &str, default: T) -> Result<T, VarError>
    where
        T: FromStr<Err: fmt::Display>,
    {
        Ok(self.optional(name)?.unwrap_or(default))
    }

    /// The value of a variable, when it is set.
    pub fn optional<T>(&self, name: &str) -> Result<Option<T>, VarError>
    where
        T: FromStr<Err: fmt::Display>,
    {
        let Some(text) = self.get(name) else { return Ok(None) };
        let wrong = |fault: T::Err| VarError::Wrong {
            name: name.to_owned(),
            text: text.clone(),
            reason: fault.to_string(),
        };
        text.trim().parse().map(Some).map_err(wrong)
    }

    /// The parts of a comma-separated variable, trimmed; empty ones are left out.
    pub fn list(&self, name: &str) -> Vec<String> {
        let text = self.get(name).unwrap_or_default();
        text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
    }
}

impl FromIterator<(String, String)> for Vars {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(pairs: I) -> Self {
        Self(Origin::Pairs(pairs.into_iter().collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_variable_counts_as_absent() {
        let vars = Vars::of(&[("BUCKET", "")]);
        assert_eq!(vars.get("BUCKET"), None);
        assert_eq!(vars.required("BUCKET").unwrap_err().to_string(), "BUCKET is not set");
    }

    #[test]
    fn a_wrong_value_is_named_with_its_variable() {
        let fault = Vars::of(&[("PAGE_LIMIT", "many")]).parsed("PAGE_LIMIT", 1_u8).unwrap_err();
        assert_eq!(fault.to_string(), "PAGE_LIMIT=`many`: invalid digit found in string");
    }

    #[test]
    fn lists_are_trimmed_and_hold_no_empty_part() {
        let vars = Vars::of(&[("HOSTS", " a, b,,c ")]);
        assert_eq!(vars.list("HOSTS"), ["a", "b", "c"]);
        assert!(vars.list("OTHERS").is_empty());
    }

    #[test]
    fn debug_shows_no_value() {
        assert_eq!(format!("{:?}", Vars::of(&[("TOKEN", "hunter2")])), "Vars(pairs)");
    }

    #[test]
    fn the_process_environment_is_one_origin() {
        assert!(Vars::process().get("PATH").is_some());
    }
}
