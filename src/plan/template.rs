//! The arguments of a command in which names in braces stand for what is known only when it runs.
//!
//! `{inputs.PORT}`, `{inputs.PORT.LABEL}`, `{files.NAME}` and `{outputs.NAME}` are paths, `{parameters.NAME}` and `{seed}`
//! are values, `{threads}` and `{checkpoint}` belong to the attempt. Other braces are left as they are.

use crate::key::{FILES, InputName, Label, PortName, closest};

/// An argument of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(pub Vec<Piece>);

/// A part of an argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// As it stands.
    Text(String),
    /// What a name in braces stands for.
    Place(Placeholder),
}

/// What a name in braces may stand for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Placeholder {
    /// The path of what enters there.
    Input(InputName),
    /// The folder of that output.
    Output(PortName),
    /// The value of that parameter.
    Parameter(String),
    /// The seed.
    Seed,
    /// How many threads the stage is given.
    Threads,
    /// The folder that outlives the attempt.
    Checkpoint,
}

impl Template {
    /// Takes an argument apart.
    pub fn parse(argument: &str) -> Self {
        let mut pieces = Vec::new();
        let (mut rest, mut text) = (argument, String::new());
        while let Some(start) = rest.find('{') {
            let inside = rest[start + 1..].split_once('}');
            match inside.and_then(|(inside, after)| Some((Placeholder::parse(inside)?, after))) {
                Some((placeholder, after)) => {
                    text += &rest[..start];
                    if !text.is_empty() {
                        pieces.push(Piece::Text(std::mem::take(&mut text)));
                    }
                    pieces.push(Piece::Place(placeholder));
                    rest = after;
                }
                None => {
                    text += &rest[..=start];
                    rest = &rest[start + 1..];
                }
            }
        }
        text += rest;
        if !text.is_empty() || pieces.is_empty() {
            pieces.push(Piece::Text(text));
        }
        Self(pieces)
    }

    /// The names in braces.
    pub fn placeholders(&self) -> impl Iterator<Item = &Placeholder> {
        self.0.iter().filter_map(|piece| if let Piece::Place(placeholder) = piece { Some(placeholder) } else { None })
    }

    /// A name in braces that is not one of a placeholder's but close to it, and the placeholder that it is close to.
    ///
    /// A `$` before the brace makes it the shell's, and names that are close to nothing are left to the program.
    pub fn misspelled(&self) -> Option<(String, String)> {
        let texts = self.0.iter().filter_map(|piece| if let Piece::Text(text) = piece { Some(text) } else { None });
        texts.flat_map(|text| text.match_indices('{').map(move |(start, _)| (text, start))).find_map(|(text, start)| {
            let (inside, _) = text[start + 1..].split_once('}')?;
            if text[..start].ends_with('$') {
                return None;
            }
            Some((format!("{{{inside}}}"), Placeholder::meant_by(inside)?))
        })
    }

    /// The argument, with what `value` says for each name.
    pub fn fill(&self, value: impl Fn(&Placeholder) -> String) -> String {
        let text = |piece: &Piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Place(placeholder) => value(placeholder),
        };
        self.0.iter().map(text).collect()
    }
}

/// Names of groups: what stands before the dot.
const GROUPS: [&str; 4] = ["inputs", FILES, "outputs", "parameters"];

/// Placeholders that are one name.
const SINGLE: [&str; 3] = ["seed", "threads", "checkpoint"];

impl Placeholder {
    /// The placeholder that a string in braces is close to, as it is written.
    fn meant_by(inside: &str) -> Option<String> {
        let is_name = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c));
        if !is_name(inside) {
            return None;
        }
        let (first, rest) = inside.split_once('.').map_or((inside, None), |(first, rest)| (first, Some(rest)));
        let first = first.to_ascii_lowercase();
        match rest {
            Some(rest) => closest(&first, GROUPS).map(|group| format!("{{{group}.{rest}}}")),
            None => closest(&first, SINGLE)
                .map(|name| format!("{{{name}}}"))
                .or_else(|| closest(&first, GROUPS).map(|group| format!("{{{group}.NAME}}"))),
        }
    }

    fn parse(inside: &str) -> Option<Self> {
        let input_name = |port: &str, label: &str| InputName { port: PortName::new(port), label: Label::new(label) };
        match inside {
            "seed" => return Some(Self::Seed),
            "threads" => return Some(Self::Threads),
            "checkpoint" => return Some(Self::Checkpoint),
            _ => {}
        }
        let (group, name) = inside.split_once('.')?;
        match group {
            "inputs" => {
                let labelled = name.split_once('.').filter(|(_, label)| !label.is_empty());
                let (port, label) = labelled.unwrap_or((name, ""));
                Some(Self::Input(input_name(port, label)))
            }
            FILES => Some(Self::Input(input_name(FILES, name))),
            "outputs" => Some(Self::Output(PortName::new(name))),
            "parameters" => Some(Self::Parameter(name.to_owned())),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn name(placeholder: &Placeholder) -> String {
        match placeholder {
            Placeholder::Input(input_name) => format!("<{input_name}>"),
            Placeholder::Output(port) => format!("<{port}>"),
            Placeholder::Parameter(name) => format!("<{name}>"),
            other => format!("<{other:?}>"),
        }
    }

    #[test]
    fn names_in_braces_are_filled_in_and_other_braces_stay() {
        let filled = |argument: &str| Template::parse(argument).fill(name);
        assert_eq!(filled("--k={parameters.k}"), "--k=<k>");
        assert_eq!(filled("{inputs.rankings.pipe}/a"), "<rankings.pipe>/a");
        assert_eq!(filled("awk '{print $1}' ${HOME} {files.x}{seed}"), "awk '{print $1}' ${HOME} <files.x><Seed>");
        assert_eq!(filled("{"), "{");
    }

    #[test]
    fn only_near_misses_are_misspelled_placeholders() {
        let meant = |argument: &str| Template::parse(argument).misspelled().map(|(_, meant)| meant);
        assert_eq!(meant("--x={input.x}").as_deref(), Some("{inputs.x}"));
        assert_eq!(meant("{seed} {parameter.k}").as_deref(), Some("{parameters.k}"));
        assert_eq!(meant("{Outputs.o}/a").as_deref(), Some("{outputs.o}"));
        assert_eq!(meant("{output}").as_deref(), Some("{outputs.NAME}"));
        assert_eq!(meant("{seeds}").as_deref(), Some("{seed}"));
        assert_eq!(meant("{file.script}").as_deref(), Some("{files.script}"));
        for argument in
            ["${input.x}", "awk '{print $1}'", "{user.name}", "{}", "{\"inputs\": 1}", "{i}", "{a,b}", "{inputs.x}"]
        {
            assert_eq!(meant(argument), None, "{argument}");
        }
    }

    fn as_written(placeholder: &Placeholder) -> String {
        match placeholder {
            Placeholder::Input(input_name) if input_name.port.as_str() == FILES => {
                format!("{{files.{}}}", input_name.label)
            }
            Placeholder::Input(input_name) => format!("{{inputs.{input_name}}}"),
            Placeholder::Output(port) => format!("{{outputs.{port}}}"),
            Placeholder::Parameter(name) => format!("{{parameters.{name}}}"),
            Placeholder::Seed => "{seed}".to_owned(),
            Placeholder::Threads => "{threads}".to_owned(),
            Placeholder::Checkpoint => "{checkpoint}".to_owned(),
        }
    }

    proptest! {
        #[test]
        fn an_argument_taken_apart_is_the_same_argument(
            argument in proptest::collection::vec(
                prop_oneof![
                    proptest::sample::select(vec!["{", "}", ".", "inputs", "files", "outputs", "parameters", "seed"]),
                    proptest::sample::select(vec!["{seed}", "{inputs.a.b}", "{inputs.a}", "{files.x}", "é", "{}", "$"]),
                ],
                0..10,
            ),
        ) {
            // A file may be called an input as well.
            let argument = argument.concat();
            prop_assume!(!argument.contains("inputs.files"));
            prop_assert_eq!(Template::parse(&argument).fill(as_written), argument);
        }

        #[test]
        fn an_argument_without_names_is_itself(argument in "[a-z{}. ]{0,12}") {
            let template = Template::parse(&argument);
            if template.placeholders().next().is_none() {
                prop_assert_eq!(template.fill(name), argument);
            }
        }
    }
}
