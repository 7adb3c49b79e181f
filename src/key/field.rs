//! The fields of a key: the kinds of things that decide a result, each with its name where a stage may have several.

use crate::key::{FieldHasher, InputName, Label, PortName};
use std::fmt;

/// One field of a key. The order is the one in which fields are hashed and shown.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyField {
    /// What the stage is, such as `ingest`.
    Stage,
    /// The digest of its code.
    Code,
    /// A variable of the environment of a command.
    Environment(String),
    /// A parameter.
    Parameter(String),
    /// The arguments of a command.
    Command,
    /// The names of the outputs of a command.
    Outputs,
    /// The seed.
    Seed,
    /// An input from another stage, or an external one of a port.
    Input(InputName),
    /// An external file or folder of a command.
    File(Label),
}

impl KeyField {
    /// Its number in a key, which is never given to another kind, its kind in text, and the parts of its name.
    fn encoding(&self) -> (u8, &'static str, Vec<&str>) {
        match self {
            Self::Stage => (0, "stage", vec![]),
            Self::Code => (1, "code", vec![]),
            Self::Environment(name) => (2, "env", vec![name]),
            Self::Parameter(name) => (3, "parameter", vec![name]),
            Self::Command => (4, "command", vec![]),
            Self::Outputs => (5, "outputs", vec![]),
            Self::Seed => (6, "seed", vec![]),
            Self::Input(InputName { port, label }) => (7, "input", vec![port.as_str(), label.as_str()]),
            Self::File(label) => (8, "file", vec![label.as_str()]),
        }
    }

    /// The field of that kind with an empty name, such as `parameter`; `None` when there is no such kind.
    pub fn of_kind(kind: &str) -> Option<Self> {
        let label = || Label::new(String::new());
        let all = [
            Self::Stage,
            Self::Code,
            Self::Environment(String::new()),
            Self::Parameter(String::new()),
            Self::Command,
            Self::Outputs,
            Self::Seed,
            Self::Input(InputName { port: PortName::new(String::new()), label: label() }),
            Self::File(label()),
        ];
        all.into_iter().find(|field| field.kind() == kind)
    }

    /// The same kind of field with another name, of which there are as many parts as [`KeyField::parts`] gives.
    #[must_use]
    pub fn with_parts(self, parts: &[String]) -> Self {
        match (self, parts) {
            (Self::Environment(_), [name]) => Self::Environment(name.clone()),
            (Self::Parameter(_), [name]) => Self::Parameter(name.clone()),
            (Self::Input(_), [port, label]) => {
                Self::Input(InputName { port: PortName::new(port.clone()), label: Label::new(label.clone()) })
            }
            (Self::File(_), [label]) => Self::File(Label::new(label.clone())),
            (field, _) => field,
        }
    }

    /// Its kind, such as `parameter`.
    pub fn kind(&self) -> &'static str {
        self.encoding().1
    }

    /// The parts of its name: port and label of an input, nothing for a field that a stage has once.
    pub fn parts(&self) -> Vec<&str> {
        self.encoding().2
    }

    /// Feeds the field to a hasher: its number, then the parts of its name. A number says how many parts follow, so no two
    /// lists of fields give the same bytes.
    pub fn hash_into(&self, hasher: &mut FieldHasher) {
        let (number, _, parts) = self.encoding();
        hasher.field(&[number]);
        for part in parts {
            hasher.field(part.as_bytes());
        }
    }
}

impl fmt::Display for KeyField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input(input) => write!(f, "input {input}"),
            _ => {
                f.write_str(self.kind())?;
                self.parts().into_iter().try_for_each(|part| write!(f, " {part}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_made_from_its_kind_and_parts() {
        let label = || Label::new("b.c".to_owned());
        let fields = [
            KeyField::Stage,
            KeyField::Code,
            KeyField::Environment("LANG".to_owned()),
            KeyField::Parameter("p".to_owned()),
            KeyField::Command,
            KeyField::Outputs,
            KeyField::Seed,
            KeyField::Input(InputName { port: PortName::new("a".to_owned()), label: label() }),
            KeyField::File(label()),
        ];
        for field in fields {
            let parts: Vec<String> = field.parts().into_iter().map(str::to_owned).collect();
            let empty = KeyField::of_kind(field.kind()).unwrap();
            assert_eq!(empty.parts().len(), parts.len());
            assert_eq!(empty.with_parts(&parts), field);
        }
        assert_eq!(KeyField::of_kind("output"), None);
    }
}
