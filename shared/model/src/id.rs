//! Identifiers. Ours have a strict alphabet because they become key segments, table keys and
//! metric dimensions; names that come from outside are any text and are encoded where they land.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A text that is not an identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Wrong alphabet or length of one of our own ids.
    #[error("`{text}` is not a {kind}: use 1 to 64 of a-z, 0-9, `_` and `-`")]
    Alphabet {
        /// What it should have been.
        kind: &'static str,
        /// What it was.
        text: String,
    },
    /// An outside name that is empty, too long or holds control characters.
    #[error("`{text}` is not a {kind}: use 1 to 256 bytes without control characters")]
    Name {
        /// What it should have been.
        kind: &'static str,
        /// What it was.
        text: String,
    },
    /// A secret reference that is not `name` or `tenant/name`.
    #[error("`{text}` is not a secret reference: use `name` or `tenant/name`")]
    SecretRef {
        /// What it was.
        text: String,
    },
}

fn check_id(kind: &'static str, text: &str) -> Result<(), IdError> {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
    if (1..=64).contains(&text.len()) && text.bytes().all(fits) {
        return Ok(());
    }
    Err(IdError::Alphabet { kind, text: text.to_owned() })
}

fn check_name(kind: &'static str, text: &str) -> Result<(), IdError> {
    if (1..=256).contains(&text.len()) && !text.chars().any(char::is_control) {
        return Ok(());
    }
    Err(IdError::Name { kind, text: text.to_owned() })
}

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $check:ident) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
        )]
        #[serde(try_from = "String", into = "String")]
        #[schemars(with = "String")]
        pub struct $name(String);

        impl $name {
            /// The text of it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;

            fn try_from(text: String) -> Result<Self, IdError> {
                $check($kind, &text)?;
                Ok(Self(text))
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::try_from(text.to_owned())
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    };
}

identifier!(
    /// A customer of the platform; the name of its file under `tenants/`.
    TenantId, "tenant id", check_id
);
identifier!(
    /// One account of one source that a tenant has connected; unique within the tenant.
    ConnectionId, "connection id", check_id
);
identifier!(
    /// One invocation's worth of work, as runs and log lines name it.
    RunId, "run id", check_id
);
identifier!(
    /// A stored plan: a stream's slices with their fixed bounds.
    PlanId, "plan id", check_id
);
identifier!(
    /// A standard model: the name of its file under `models/`, a part of keys and of table names.
    ModelName, "model name", check_id
);
identifier!(
    /// Partners' files of one place, as a tenant calls them; unique within the tenant.
    FeedId, "feed id", check_id
);
identifier!(
    /// The name of a file under `feeds/`: how partners' files of one sort look.
    FeedName, "feed name", check_id
);
identifier!(
    /// Records that a tenant sends to one API; unique within the tenant.
    PushId, "push id", check_id
);
identifier!(
    /// The name of a file under `destinations/`.
    DestinationName, "destination name", check_id
);
identifier!(
    /// An operation of a destination, as its file calls it (`ADD_CUST`).
    OperationName, "operation name", check_name
);
identifier!(
    /// The name of a source: its file under `sources/`.
    SourceName, "source name", check_name
);
identifier!(
    /// The name of a stream as its manifest gives it ("Contact Search", "eventDefs").
    StreamName, "stream name", check_name
);

/// A reference to a secret, never its value: `name` (the tenant's own) or `tenant/name`.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct SecretRef {
    tenant: Option<TenantId>,
    name: String,
}

impl SecretRef {
    /// The tenant it names, when it names one.
    pub fn tenant(&self) -> Option<&TenantId> {
        self.tenant.as_ref()
    }

    /// The name within the tenant.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl TryFrom<String> for SecretRef {
    type Error = IdError;

    fn try_from(text: String) -> Result<Self, IdError> {
        let fault = || IdError::SecretRef { text: text.clone() };
        let (tenant, name) = match text.split_once('/') {
            Some((tenant, name)) => (Some(tenant.parse().map_err(|_| fault())?), name),
            None => (None, text.as_str()),
        };
        check_id("secret name", name).map_err(|_| fault())?;
        Ok(Self { tenant, name: name.to_owned() })
    }
}

impl FromStr for SecretRef {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        Self::try_from(text.to_owned())
    }
}

impl From<SecretRef> for String {
    fn from(reference: SecretRef) -> Self {
        reference.to_string()
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.tenant {
            Some(tenant) => write!(f, "{tenant}/{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_refuse_what_would_leave_their_key_segment() {
        for bad in ["", "A", "a/b", "../x", "a b", "é", &"x".repeat(65)] {
            assert!(bad.parse::<TenantId>().is_err(), "{bad}");
        }
        assert_eq!("bluebird-2_x".parse::<TenantId>().unwrap().as_str(), "bluebird-2_x");
    }

    #[test]
    fn names_from_outside_are_any_text_without_control_characters() {
        assert!("Contact Search".parse::<StreamName>().is_ok());
        assert!("a\nb".parse::<StreamName>().is_err());
    }

    #[test]
    fn secret_references_name_a_tenant_or_stay_home() {
        let foreign: SecretRef = "acme/rutter".parse().unwrap();
        assert_eq!(foreign.tenant().unwrap().as_str(), "acme");
        assert_eq!("rutter".parse::<SecretRef>().unwrap().tenant(), None);
        assert!("a/b/c".parse::<SecretRef>().is_err());
    }
}
