//! A stage that is any program: what its entry in the file means for the graph.

use crate::error::{Error, Result};
use crate::key::{CommandFields, FILES, InputName, Label, PortName, suggestion};
use crate::pipeline::{COMMAND, CommandEntry, StageEntry, resolve};
use crate::plan::origin::Origin;
use crate::plan::template::{Piece, Placeholder, Template};
use crate::source::{Place, Placed};
use contract::{Description, InputPort, Kind, OutputPort};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The version of how a command is run; it changes when equal entries would no longer mean equal results.
const VERSION: &str = "1";

/// The kind that a command's inputs have: whatever comes.
pub(crate) const ANY_KIND: &str = "*";

/// The label of the program itself, where it is a file of the project.
const PROGRAM: &str = "program";

/// A program and its arguments, ready to be filled in.
#[derive(Clone, Debug)]
pub struct CommandLine {
    /// The program: a name to be found in `PATH`, or the input of a file.
    pub program: Template,
    /// Its arguments.
    pub arguments: Vec<Template>,
    /// What of it is part of its key: its arguments as the file has them, its outputs and its environment.
    pub fields: CommandFields,
    /// Variables that it gets from the user's environment and that are never written down.
    pub secrets: Vec<String>,
    /// Its parameters as text, by name.
    pub parameters: BTreeMap<String, String>,
}

/// What a command's entry means: the same parts that a stage of the worker has.
#[derive(Debug)]
pub(crate) struct CommandParts {
    pub(crate) description: Description,
    pub(crate) parameters: Map<String, Value>,
    pub(crate) inputs: BTreeMap<InputName, Origin>,
    pub(crate) written_paths: BTreeMap<InputName, String>,
    pub(crate) line: CommandLine,
}

/// Reads a command's entry. Paths in it are relative to `folder`.
pub(crate) fn parts(entry: &StageEntry, command: &CommandEntry, folder: &Path) -> Result<CommandParts> {
    let reader = Reader { entry, command, folder };
    reader.check_names()?;
    let (mut inputs, mut written_paths) = (reader.files()?, reader.written_paths());
    let Some((program, arguments)) = command.arguments.split_first() else {
        let hint = Some("say which program, such as command = [\"python3\", \"{files.script}\"]".to_owned());
        return Err(reader.fault("it has no 'command'".to_owned(), &entry.place, hint));
    };
    let program_template = if program.value.contains('/') && !program.value.starts_with('{') {
        let input_name = file_input(PROGRAM);
        inputs.insert(input_name.clone(), Origin::External(reader.path(&program.value, &program.place)?));
        written_paths.insert(input_name.clone(), program.value.clone());
        Template(vec![Piece::Place(Placeholder::Input(input_name))])
    } else {
        reader.template(program)?
    };
    let line = CommandLine {
        program: program_template,
        arguments: arguments.iter().map(|argument| reader.template(argument)).collect::<Result<_>>()?,
        fields: reader.fields(),
        secrets: command.secrets.iter().map(|name| name.value.clone()).collect(),
        parameters: entry.settings.iter().map(|set| (set.key.value.clone(), text(&set.value.value))).collect(),
    };
    let templates = || std::iter::once(&line.program).chain(&line.arguments);
    let uses = |placeholder: &Placeholder| templates().flat_map(Template::placeholders).any(|name| name == placeholder);
    let description = Description {
        seeded: entry.seed.is_some() || uses(&Placeholder::Seed),
        checkpoints: uses(&Placeholder::Checkpoint),
        ..reader.description()
    };
    Ok(CommandParts { description, parameters: reader.parameters(), inputs, written_paths, line })
}

struct Reader<'a> {
    entry: &'a StageEntry,
    command: &'a CommandEntry,
    folder: &'a Path,
}

impl Reader<'_> {
    fn fault(&self, message: impl std::fmt::Display, place: &Place, hint: Option<String>) -> Error {
        Error::Graph { message: format!("command '{}': {message}", self.entry.name), place: place.clone(), hint }
    }

    fn check_names(&self) -> Result<()> {
        if let Some((name, _)) = self.command.files.iter().find(|(name, _)| name.value == PROGRAM) {
            let hint = Some("choose another name".to_owned());
            return Err(self.fault(format!("the file '{PROGRAM}' is the program itself"), &name.place, hint));
        }
        if let Some(binding) = self.entry.inputs.iter().find(|binding| binding.input_name.port.as_str() == FILES) {
            let hint = Some("files outside go into the table 'files'".to_owned());
            return Err(self.fault(format!("no input can be called '{FILES}'"), &binding.place, hint));
        }
        if self.command.outputs.is_empty() {
            let hint = Some("add outputs = { NAME = \"KIND\" }".to_owned());
            return Err(self.fault("it has no outputs".to_owned(), &self.entry.place, hint));
        }
        let outputs: Vec<&str> = self.command.outputs.iter().map(|(name, _)| name.value.as_str()).collect();
        if let Some((name, _)) = self.command.tolerances.iter().find(|(name, _)| !outputs.contains(&&*name.value)) {
            let hint = Some(format!("it has {}", outputs.join(", ")));
            return Err(self.fault(format!("it has no output '{}'", name.value), &name.place, hint));
        }
        Ok(())
    }

    fn path(&self, text: &str, place: &Place) -> Result<PathBuf> {
        let folder = place.source.folder();
        let folder = folder.as_deref().unwrap_or(self.folder);
        resolve(text, folder).map_err(|message| self.fault(message, place, None))
    }

    fn files(&self) -> Result<BTreeMap<InputName, Origin>> {
        let entries = self.command.files.iter();
        entries
            .map(|(name, path)| Ok((file_input(&name.value), Origin::External(self.path(&path.value, &path.place)?))))
            .collect()
    }

    /// The paths of its files as they are written.
    fn written_paths(&self) -> BTreeMap<InputName, String> {
        let files = self.command.files.iter();
        files.map(|(name, path)| (file_input(&name.value), path.value.clone())).collect()
    }

    /// An argument whose names in braces all stand for something.
    fn template(&self, argument: &Placed<String>) -> Result<Template> {
        let template = Template::parse(&argument.value);
        if let Some((found, meant)) = template.misspelled() {
            let hint = Some(format!(
                "did you mean '{meant}'? Where the program itself should read {found}, put it into a file or a variable"
            ));
            return Err(self.fault(format!("there is no placeholder '{found}'"), &argument.place, hint));
        }
        for placeholder in template.placeholders() {
            let (noun, given, known) = match placeholder {
                Placeholder::Input(input_name) if input_name.port.as_str() == FILES => (
                    "file",
                    input_name.label.to_string(),
                    self.command.files.iter().map(|(n, _)| n.value.clone()).collect(),
                ),
                Placeholder::Input(input_name) => {
                    let inputs: Vec<String> =
                        self.entry.inputs.iter().map(|bound| bound.input_name.to_string()).collect();
                    ("input", input_name.to_string(), inputs)
                }
                Placeholder::Output(port) => {
                    ("output", port.to_string(), self.command.outputs.iter().map(|(n, _)| n.value.clone()).collect())
                }
                Placeholder::Parameter(name) => {
                    ("parameter", name.clone(), self.entry.settings.iter().map(|set| set.key.value.clone()).collect())
                }
                Placeholder::Seed | Placeholder::Threads | Placeholder::Checkpoint => continue,
            };
            if !known.contains(&given) {
                let hint = if known.is_empty() {
                    format!("it declares no {noun}s")
                } else {
                    suggestion(&given, known.iter().map(String::as_str), "it has")
                };
                return Err(self.fault(format!("it has no {noun} '{given}'"), &argument.place, Some(hint)));
            }
        }
        Ok(template)
    }

    fn description(&self) -> Description {
        let mut inputs: Vec<InputPort> = Vec::new();
        for binding in &self.entry.inputs {
            let name = binding.input_name.port.as_str();
            if !inputs.iter().any(|port| port.name == name) {
                let port = InputPort::required(name, ANY_KIND, "");
                inputs.push(if binding.input_name.label.as_str().is_empty() { port } else { port.many() });
            }
        }
        let outputs = self.command.outputs.iter().map(|(name, kind)| OutputPort {
            name: name.value.clone(),
            kind: Kind(kind.value.clone()),
            doc: String::new(),
            tolerance: self.command.tolerances.iter().find(|(of, _)| of.value == name.value).map(|(_, most)| *most),
        });
        Description {
            name: COMMAND.to_owned(),
            about: String::new(),
            version: VERSION.to_owned(),
            seeded: false,
            all_threads: false,
            checkpoints: false,
            ranks: false,
            inputs,
            outputs: outputs.collect(),
            parameters: Value::Null,
            agreements: Vec::new(),
        }
    }

    fn fields(&self) -> CommandFields {
        let texts = |(name, value): &(Placed<String>, Placed<String>)| (name.value.clone(), value.value.clone());
        CommandFields {
            arguments: self.command.arguments.iter().map(|argument| argument.value.clone()).collect(),
            outputs: self.command.outputs.iter().map(|(name, _)| name.value.clone()).collect(),
            environment: self.command.environment.iter().map(texts).collect(),
        }
    }

    fn parameters(&self) -> Map<String, Value> {
        self.entry.settings.iter().map(|set| (set.key.value.clone(), set.value.value.clone())).collect()
    }
}

/// The input of a file that a command names.
fn file_input(name: &str) -> InputName {
    InputName { port: PortName::new(FILES), label: Label::new(name) }
}

/// A parameter as a command has it: strings without their quotes.
fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
