//! One line of a lock: the stage, the field, and the value.

use crate::key::{Key, KeyField, Manifest, PortName, format_1};

/// How a lock is written, which its first line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// Names of inputs are one text, and keys are of format 1. It is read, and never written.
    One,
    /// What is written today.
    Two,
}

impl Format {
    /// The format with that first line.
    pub(super) fn of(line: &str) -> Option<Self> {
        [Self::One, Self::Two].into_iter().find(|format| format.first_line() == line)
    }

    pub(super) fn first_line(self) -> &'static str {
        match self {
            Self::One => "pipe-lock 1",
            Self::Two => "pipe-lock 2",
        }
    }

    /// The key of a manifest in a lock of this format.
    pub(super) fn key(self, manifest: &Manifest) -> Key {
        match self {
            Self::One => manifest.key_of_format_1(),
            Self::Two => manifest.key(),
        }
    }
}

/// What a line says of its stage.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Subject {
    /// A field of the key.
    Field(KeyField),
    /// An input by its name in format 1.
    JoinedInput(String),
    /// An output's digest.
    Output(PortName),
    /// A number in its metrics.
    Value(String),
    /// The class of hardware.
    Hardware,
    /// The key.
    Key,
}

impl Subject {
    /// Its line in a lock.
    pub(super) fn written(&self) -> String {
        match self {
            Self::Field(field) => written_field(field),
            Self::JoinedInput(name) => format!("input {}", escaped(name)),
            Self::Output(port) => format!("output {}", escaped(port.as_str())),
            Self::Value(name) => format!("value {}", escaped(name)),
            Self::Hardware => "hardware".to_owned(),
            Self::Key => "key".to_owned(),
        }
    }

    /// The same as a field of the key, now that the stage is known.
    pub(super) fn field(self, stage: &str) -> Option<KeyField> {
        match self {
            Self::Field(field) => Some(field),
            Self::JoinedInput(name) => Some(format_1::input(stage, &name)),
            _ => None,
        }
    }
}

/// A line: the stage, the field, and the value.
pub(super) struct Line<'a> {
    pub(super) stage: String,
    pub(super) subject: Subject,
    pub(super) value: &'a str,
}

impl<'a> Line<'a> {
    pub(super) fn read(line: &'a str, format: Format) -> Option<Self> {
        let (stage, rest) = line.split_once(' ')?;
        let (kind, rest) = rest.split_once(' ')?;
        let (subject, value) = match (kind, KeyField::of_kind(kind)) {
            ("key", _) => (Subject::Key, rest),
            ("hardware", _) => (Subject::Hardware, rest),
            (_, Some(field)) if field.parts().is_empty() => (Subject::Field(field), rest),
            (_, field) => {
                let (name, value) = rest.split_once(' ')?;
                (named(kind, field, name, format)?, value)
            }
        };
        Some(Self { stage: unescaped(stage), subject, value })
    }
}

/// The subject of a kind that has a name after it.
fn named(kind: &str, field: Option<KeyField>, name: &str, format: Format) -> Option<Subject> {
    Some(match (kind, format, field) {
        ("input", Format::One, _) => Subject::JoinedInput(unescaped(name)),
        ("file", Format::One, _) => return None,
        ("output", ..) => Subject::Output(PortName::new(unescaped(name))),
        ("value", ..) => Subject::Value(unescaped(name)),
        (_, _, field) => Subject::Field(read_field(field?, name)),
    })
}

/// The kind, then the parts of the name with a dot between. An empty last part is left out.
fn written_field(field: &KeyField) -> String {
    let name = match *field.parts() {
        [] => return field.kind().to_owned(),
        [name] => escaped(name),
        ref parts => {
            let parts: Vec<String> = parts.iter().map(|part| escaped(part).replace('.', "%2e")).collect();
            parts.join(".").trim_end_matches('.').to_owned()
        }
    };
    format!("{} {name}", field.kind())
}

fn read_field(field: KeyField, name: &str) -> KeyField {
    let count = field.parts().len();
    let mut parts: Vec<String> =
        if count == 1 { vec![unescaped(name)] } else { name.splitn(count, '.').map(unescaped).collect() };
    parts.resize(count, String::new());
    field.with_parts(&parts)
}

/// Characters that a name in a lock cannot have, and their replacements.
const ESCAPES: [(char, &str); 5] = [('%', "%25"), (' ', "%20"), ('\n', "%0a"), ('\r', "%0d"), ('#', "%23")];

pub(super) fn escaped(name: &str) -> String {
    ESCAPES.iter().fold(name.to_owned(), |text, (letter, escape)| text.replace(*letter, escape))
}

fn unescaped(text: &str) -> String {
    let text = text.replace("%2e", ".");
    ESCAPES.iter().rev().fold(text, |text, (letter, escape)| text.replace(escape, &letter.to_string()))
}
