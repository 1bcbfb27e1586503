//! Names and identities: each its own type, parsed once, so that two of them can never be swapped by mistake.

use serde::{Deserialize, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Why a text is not the name it was meant to be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a {what}: expected {expected}")]
pub struct InvalidName {
    /// Which kind of name was expected, in words.
    pub what: &'static str,
    /// The text that was given.
    pub text: String,
    /// The form a valid name has.
    pub expected: &'static str,
}

/// Defines one name type: a checked, cheaply cloned string.
macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident, $what:literal, $expected:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;
            fn from_str(text: &str) -> Result<Self, InvalidName> {
                let valid: fn(&str) -> bool = $valid;
                if valid(text) {
                    Ok(Self(Arc::from(text)))
                } else {
                    Err(InvalidName { what: $what, text: text.into(), expected: $expected })
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidName;
            fn try_from(text: String) -> Result<Self, InvalidName> {
                text.parse()
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0.as_ref().into()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

name_type!(
    /// A skill's name: a WIT package name, `namespace:name`. Stays the same over all its versions.
    SkillName, "skill name", "`namespace:name` in lower-case words joined by `-`, 64 bytes at most",
    |text| text.len() <= 64 && text.split_once(':').is_some_and(|(space, name)| is_kebab(space) && is_kebab(name))
);
name_type!(
    /// A flow's name, the prefix of its runs' ids.
    FlowName, "flow name", "lower-case words joined by `-`, 48 bytes at most",
    |text| text.len() <= 48 && is_kebab(text)
);
name_type!(
    /// The id of one step within its flow; also the step's name in expressions.
    StepId, "step id", "`[a-z][a-z0-9_]*`, 48 bytes at most",
    |text| text.len() <= 48 && is_snake(text)
);
name_type!(
    /// One execution of a plan, an id people can say: `onboarding-7`.
    RunId, "run id", "the flow's name, `-` and a number",
    |text| text.len() <= 64 && text.rsplit_once('-').is_some_and(|(flow, number)| {
        is_kebab(flow) && !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    })
);
name_type!(
    /// A role that can be asked a question, bound to people by the policy.
    Role, "role", "lower-case words joined by `-`, 48 bytes at most",
    |text| text.len() <= 48 && is_kebab(text)
);
name_type!(
    /// The skill's own word for a thing it asks for: it can't know the operator's paths.
    LogicalName, "capability name", "lower-case words joined by `-`, 48 bytes at most",
    |text| text.len() <= 48 && is_kebab(text)
);
name_type!(
    /// The id of a policy rule; it stands in every decision the rule makes.
    RuleId, "rule id", "lower-case words joined by `-`, 64 bytes at most",
    |text| text.len() <= 64 && is_kebab(text)
);

name_type!(
    /// The name of a secret in the policy; the only thing of it that anything but the egress ever sees.
    SecretName, "secret name", "lower-case words joined by `-`, 48 bytes at most",
    |text| text.len() <= 48 && is_kebab(text)
);

name_type!(
    /// The operator's word for a certificate authority of their own.
    AuthorityName, "name of an authority", "lower-case words joined by `-`, 48 bytes at most",
    |text| text.len() <= 48 && is_kebab(text)
);

/// Lower-case words joined by single dashes, each beginning with a letter or, after the first, a digit.
fn is_kebab(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.split('-').all(|word| {
            !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        })
}

fn is_snake(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_accept_their_form_and_refuse_its_neighbours() {
        for good in ["kapell:crm-account", "a:b", "acme:pdf-2"] {
            assert!(good.parse::<SkillName>().is_ok(), "{good}");
        }
        for bad in ["", "kapell", "Kapell:x", "kapell:", "a:b:c", "a:-b", "a:b--c", "a:b/c", "a:b\n"] {
            assert!(bad.parse::<SkillName>().is_err(), "{bad}");
        }
        assert!("customer-onboarding-7".parse::<RunId>().is_ok());
        assert!("customer-onboarding".parse::<RunId>().is_err());
        assert!("legal_view".parse::<StepId>().is_ok());
        assert!("legal-view".parse::<StepId>().is_err());
    }
}
