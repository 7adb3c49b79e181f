//! The names that a pipeline is written in, each a type of its own.

use crate::key::relative_path::component_fault;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A name in stored data that could lead out of the folder that it is joined to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{}' is not a {kind}: a name is one part of a path, without '/' and NUL", text.escape_debug())]
pub struct UnsafeName {
    text: String,
    kind: &'static str,
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $is_allowed:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl TryFrom<String> for $name {
            type Error = UnsafeName;

            fn try_from(text: String) -> Result<Self, UnsafeName> {
                let is_allowed: fn(&str) -> bool = $is_allowed;
                if is_allowed(&text) { Ok(Self(text)) } else { Err(UnsafeName { text, kind: stringify!($name) }) }
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl $name {
            /// Wraps a string that the program made or has checked.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

name!(
    /// The name of a stage in a pipeline: what stands after `stage.` in the file. In a sweep, for one that is not the same at
    /// every point, with what it differs by: `finetune@tasks.negatives=3`.
    StageName,
    is_component
);
name!(
    /// The name of a port of a stage.
    PortName,
    is_plain
);
name!(
    /// What tells apart the artifacts bound to one port; empty where the port takes one.
    Label,
    |text| text.is_empty() || is_plain(text)
);
name!(
    /// The name of a point of a sweep, such as `tasks.negatives=3`; empty where there is no sweep.
    PointName,
    |text| text.is_empty() || is_component(text)
);
name!(
    /// The name of one run of `pipe`: the time it began, in UTC, and the process.
    RunId,
    is_component
);

impl StageName {
    /// A stage at a point of a sweep, or by itself where the point has no name.
    pub fn at(stage: &Self, point: &str) -> Self {
        if point.is_empty() { stage.clone() } else { Self(format!("{stage}{AT}{point}")) }
    }

    /// The name of the stage in the file.
    pub fn stage(&self) -> &str {
        self.0.split_once(AT).map_or(self.as_str(), |(stage, _)| stage)
    }

    /// What it differs by from the same stage at other points of a sweep; empty where it is the same at all.
    pub fn point(&self) -> &str {
        self.0.split_once(AT).map_or("", |(_, point)| point)
    }
}

/// What stands between a stage and its point. No stage has it in its name.
const AT: char = '@';

/// The port at which external inputs enter a command.
pub const FILES: &str = "files";

/// One artifact's place at the input of a stage: a port and, where it takes several, a label.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InputName {
    /// The port.
    pub port: PortName,
    /// The label, empty where the port takes one artifact.
    pub label: Label,
}

impl fmt::Display for InputName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.label.as_str().is_empty() {
            write!(f, "{}", self.port)
        } else {
            write!(f, "{}.{}", self.port, self.label)
        }
    }
}

/// The longest name of a pipeline, a stage at a point, a port or a label, in bytes. A file system allows 255; the store puts up
/// to 45 around a name: `.files.json`, and while a file is written a dot, the process, a count and `.new`.
pub const LONGEST_NAME: usize = 200;

/// Whether a string may name a pipeline, a stage, a port or a label: letters, digits, `-` and `_`.
pub fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

/// Whether a string is the name of one file or folder.
fn is_component(text: &str) -> bool {
    component_fault(text).is_none()
}

/// The closest of `known` to `given`, when one is close enough to be meant.
pub fn closest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(given, name), name))
        .filter(|(distance, name)| *distance <= (name.len().max(given.len()) / 3).max(1))
        .min()
        .map(|(_, name)| name)
}

/// The hint for an unknown name, when a known one is close enough to be meant.
pub fn did_you_mean<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    closest(given, known).map(|near| format!("did you mean '{near}'?"))
}

/// The hint for an unknown name: the closest known one, or else all of them after `intro`, such as "its stages are".
pub fn suggestion<'a>(given: &str, known: impl IntoIterator<Item = &'a str>, intro: &str) -> String {
    /// How many names a hint lists.
    const SHOWN: usize = 24;
    let known: Vec<&str> = known.into_iter().collect();
    did_you_mean(given, known.iter().copied()).unwrap_or_else(|| match known.len().saturating_sub(SHOWN) {
        _ if known.is_empty() => "there are none".to_owned(),
        0 => format!("{intro} {}", known.join(", ")),
        more => format!("{intro} {}, and {more} more", known[..SHOWN].join(", ")),
    })
}

/// What the store has in its folder, so that no pipeline may have its name. `set-aside` is the older name of `quarantine`.
pub const RESERVED: [&str; 10] =
    ["store", "actions", "index", "runs", "tmp", "quarantine", "set-aside", "checkpoints", "pins", "lock"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_names_the_closest_or_all_up_to_a_limit() {
        assert_eq!(suggestion("tasts", ["tasks", "text"], "its stages are"), "did you mean 'tasks'?");
        assert_eq!(suggestion("nowhere", ["tasks", "text"], "its stages are"), "its stages are tasks, text");
        assert_eq!(suggestion("nowhere", [], "its stages are"), "there are none");
        let many: Vec<String> = (0..30).map(|number| format!("seed={number}")).collect();
        let hint = suggestion("nowhere", many.iter().map(String::as_str), "its points are");
        assert!(hint.ends_with("seed=23, and 6 more"), "{hint}");
    }
}
