//! A pipeline of commands, as `pipe` reads it and as the test computes it.

use super::world::World;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// What one stage makes of all that it reads, one after another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Function {
    /// All of it.
    Whole,
    /// Its first character.
    First,
    /// How long it is.
    Length,
    /// Whether its length is odd.
    Parity,
    /// Nothing of it.
    Constant,
    /// All of it, and beside it the first character as another output.
    Split,
}

/// A stage. Numbers of other stages, files and folders are taken modulo what there is.
#[derive(Clone, Debug)]
pub(crate) struct Stage {
    pub(crate) function: Function,
    /// Earlier stages, and whether their second output is meant where they have one.
    pub(crate) uses: Vec<(usize, bool)>,
    pub(crate) files: Vec<usize>,
    pub(crate) folder: Option<usize>,
    pub(crate) parameter: u8,
    /// How often it was renamed.
    pub(crate) name: u8,
}

/// A pipeline: each stage uses earlier ones only.
#[derive(Clone, Debug)]
pub(crate) struct Dag(pub(crate) Vec<Stage>);

/// The content of each output of a stage.
pub(crate) type Made = BTreeMap<&'static str, String>;

/// All that decides what a stage makes, by the rule of the documentation: the command, its outputs and parameters, and the
/// content of all that enters.
pub(crate) type Identity = String;

/// What a stage is, and what it makes.
#[derive(Clone, Debug)]
pub(crate) struct Evaluated {
    pub(crate) identity: Identity,
    pub(crate) made: Made,
}

impl Function {
    fn outputs(self) -> &'static [&'static str] {
        if self == Self::Split { &["whole", "first"] } else { &["whole"] }
    }

    fn apply(self, read: &str) -> Made {
        let first: String = read.chars().take(1).collect();
        let whole = match self {
            Self::Whole | Self::Split => read.to_owned(),
            Self::First => first.clone(),
            Self::Length => read.len().to_string(),
            Self::Parity => (read.len() % 2).to_string(),
            Self::Constant => "k".to_owned(),
        };
        let mut made = BTreeMap::from([("whole", whole)]);
        if self == Self::Split {
            made.insert("first", first);
        }
        made
    }

    /// The same for `sh`, with what was read in `x`.
    fn script(self) -> &'static str {
        match self {
            Self::Whole => r#"printf %s "$x" > {outputs.whole}/f"#,
            Self::First => r#"printf %.1s "$x" > {outputs.whole}/f"#,
            Self::Length => r#"printf %s "${#x}" > {outputs.whole}/f"#,
            Self::Parity => r#"printf %s "$((${#x} % 2))" > {outputs.whole}/f"#,
            Self::Constant => r#"printf k > {outputs.whole}/f"#,
            Self::Split => r#"printf %s "$x" > {outputs.whole}/f; printf %.1s "$x" > {outputs.first}/f"#,
        }
    }
}

impl Stage {
    /// The stages that it uses, each with the output.
    fn sources<'a>(&'a self, number: usize, dag: &'a Dag) -> impl Iterator<Item = (usize, &'static str)> + 'a {
        let before = if number == 0 { &[][..] } else { self.uses.as_slice() };
        before.iter().map(move |(source, second)| {
            let source = source % number;
            let outputs = dag.0[source].function.outputs();
            (source, if *second { outputs[outputs.len() - 1] } else { outputs[0] })
        })
    }

    fn script(&self, number: usize) -> String {
        let inputs: String = (0..if number == 0 { 0 } else { self.uses.len() })
            .map(|input| format!(" {{inputs.i{input}}}/f"))
            .chain((0..self.files.len()).map(|file| format!(" {{files.x{file}}}")))
            .collect();
        let folder = self.folder.map_or(
            "",
            |_| r#"for f in {files.d}/*; do if [ -f "$f" ]; then printf %s "${f##*/}"; cat "$f"; fi; done; "#,
        );
        format!("x=$(cat /dev/null{inputs}; {folder}printf %s {{parameters.p}}); {}", self.function.script())
    }
}

impl Dag {
    /// What the pipeline calls a stage.
    pub(crate) fn name(&self, stage: usize) -> String {
        format!("s{stage}-{}", self.0[stage].name)
    }

    /// The stage of that name.
    pub(crate) fn find(&self, name: &str) -> usize {
        (0..self.0.len()).find(|stage| self.name(*stage) == name).unwrap()
    }

    /// The stages that a stage is made from, itself among them.
    pub(crate) fn upstream(&self, stage: usize) -> Vec<usize> {
        let mut found = vec![stage];
        let mut next = 0;
        while next < found.len() {
            let sources: Vec<usize> =
                self.0[found[next]].sources(found[next], self).map(|(source, _)| source).collect();
            found.extend(sources);
            next += 1;
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// The pipeline's file.
    pub(crate) fn toml(&self, world: &World) -> String {
        let mut text = "name = \"m\"\n".to_owned();
        for (number, stage) in self.0.iter().enumerate() {
            let sources = stage.sources(number, self).enumerate();
            let inputs: Vec<String> =
                sources.map(|(input, (source, port))| format!("i{input} = \"{}.{port}\"", self.name(source))).collect();
            let files =
                stage.files.iter().enumerate().map(|(file, which)| format!("x{file} = \"{}\"", world.file(*which)));
            let folder = stage.folder.map(|which| format!("d = \"{}\"", world.folder(which)));
            let files: Vec<String> = files.chain(folder).collect();
            let outputs: Vec<String> =
                stage.function.outputs().iter().map(|output| format!("{output} = \"text\"")).collect();
            writeln!(
                text,
                "\n[stage.{}]\nuses = \"command\"\ncommand = [\"sh\", \"-c\", '{}']\ninputs = {{ {} }}\n\
                 files = {{ {} }}\noutputs = {{ {} }}\nparameters = {{ p = {} }}",
                self.name(number),
                stage.script(number),
                inputs.join(", "),
                files.join(", "),
                outputs.join(", "),
                stage.parameter
            )
            .unwrap();
        }
        text
    }

    /// Computes every stage from nothing.
    pub(crate) fn evaluate(&self, world: &World) -> Vec<Evaluated> {
        let mut all: Vec<Evaluated> = Vec::new();
        for (number, stage) in self.0.iter().enumerate() {
            let inputs: Vec<String> =
                stage.sources(number, self).map(|(source, port)| all[source].made[port].clone()).collect();
            let files: Vec<String> = stage.files.iter().map(|which| world.content(*which).to_owned()).collect();
            let folder = stage.folder.map(|which| world.listing(which));
            let spread: String = folder.iter().flatten().flat_map(|(name, content)| [name.as_str(), content]).collect();
            let read = format!("{}{}{spread}{}", inputs.concat(), files.concat(), stage.parameter);
            let identity = format!("{:?} {inputs:?} {files:?} {folder:?} {}", stage.function, stage.parameter);
            all.push(Evaluated { identity, made: stage.function.apply(&read) });
        }
        all
    }
}
