//! One line of a lock: the stage, the field, and the value.

use crate::key::{InputName, Key, KeyField, Label, Manifest, PortName, format_1};

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
            Self::Field(KeyField::Input(input)) => format!("input {}", written_input(input)),
            Self::Field(KeyField::File(label)) => format!("file {}", escaped(label.as_str())),
            Self::Field(KeyField::Parameter(name)) => format!("parameter {}", escaped(name)),
            Self::Field(KeyField::Environment(name)) => format!("env {}", escaped(name)),
            Self::Field(field) => field.to_string(),
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
        let (word, rest) = rest.split_once(' ')?;
        let (subject, value) = match word {
            "stage" => (Subject::Field(KeyField::Stage), rest),
            "code" => (Subject::Field(KeyField::Code), rest),
            "command" => (Subject::Field(KeyField::Command), rest),
            "outputs" => (Subject::Field(KeyField::Outputs), rest),
            "seed" => (Subject::Field(KeyField::Seed), rest),
            "key" => (Subject::Key, rest),
            "hardware" => (Subject::Hardware, rest),
            _ => {
                let (name, value) = rest.split_once(' ')?;
                (named(word, name, format)?, value)
            }
        };
        Some(Self { stage: unescaped(stage), subject, value })
    }
}

/// The subject of a word that has a name after it.
fn named(word: &str, name: &str, format: Format) -> Option<Subject> {
    Some(match (word, format) {
        ("env", _) => Subject::Field(KeyField::Environment(unescaped(name))),
        ("parameter", _) => Subject::Field(KeyField::Parameter(unescaped(name))),
        ("input", Format::One) => Subject::JoinedInput(unescaped(name)),
        ("input", Format::Two) => Subject::Field(KeyField::Input(read_input(name))),
        ("file", Format::Two) => Subject::Field(KeyField::File(Label::new(unescaped(name)))),
        ("output", _) => Subject::Output(PortName::new(unescaped(name))),
        ("value", _) => Subject::Value(unescaped(name)),
        _ => return None,
    })
}

/// The port, and after a dot the label, if it has one. It has no other dot.
fn written_input(InputName { port, label }: &InputName) -> String {
    let part = |text: &str| escaped(text).replace('.', "%2e");
    if label.as_str().is_empty() {
        part(port.as_str())
    } else {
        format!("{}.{}", part(port.as_str()), part(label.as_str()))
    }
}

fn read_input(text: &str) -> InputName {
    let (port, label) = text.split_once('.').unwrap_or((text, ""));
    InputName { port: PortName::new(unescaped(port)), label: Label::new(unescaped(label)) }
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
