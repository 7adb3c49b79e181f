//! From the text of a pipeline file to its form. Every error points at the place and says what was expected.

use crate::error::Result;
use crate::key::{InputName, Label, PortName, RESERVED, StageName};
use crate::pipeline::executor_parse::JOB_KEYS;
use crate::pipeline::layer::{Layer, StageLayer, assemble};
use crate::pipeline::model::{Binding, CommandEntry, Pipeline, Resources, Setting};
use crate::pipeline::values::Reader;
use crate::source::{Place, Placed, Source};
use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// What `uses` says for a stage that is any program.
pub(crate) const COMMAND: &str = "command";

/// The keys that every stage may have, beside its parameters and the paths at its ports.
pub const KEYS: [&str; 7] = ["uses", "inputs", "seed", "resources", "retries", "timeout", "executor"];

/// Reads the text of a pipeline file that stands alone.
pub fn parse(source: &Arc<Source>) -> Result<Pipeline> {
    assemble(vec![layer(source)?], &Place::new(source, 0..0))
}

/// Reads what the text of a pipeline file says.
pub(super) fn layer(source: &Arc<Source>) -> Result<Layer> {
    let text = match &**source {
        Source::File { text, .. } | Source::Argument(text) => text,
    };
    let reader = Reader { source };
    let document = DeTable::parse(text).map_err(|error| {
        let span = error.span().unwrap_or(0..0);
        reader.error(span, error.message().to_owned(), None)
    })?;
    reader.layer(
        document.get_ref(),
        "a pipeline",
        &["name", "extends", "seed", "executor", "slurm", "stage", "sweep", "search", "compare", "remote", "profile"],
    )
}

impl Reader<'_> {
    fn layer(&self, table: &DeTable<'_>, noun: &str, keys: &[&str]) -> Result<Layer> {
        let mut layer = Layer::default();
        for (key, value) in table {
            match key.get_ref().as_ref() {
                unknown if !keys.contains(&unknown) => return Err(self.unknown(key, noun, keys)),
                "name" => layer.name = Some(self.pipeline_name(value)?),
                "extends" => layer.extends = Some(self.placed(value, "extends")?),
                "seed" => layer.seed = Some(self.unsigned(value, "seed")?),
                "executor" => layer.executor = Some(self.executor(value)?),
                "slurm" => layer.slurm = self.slurm(value)?,
                "stage" => {
                    for (name, stage) in self.table(value, "stage")? {
                        layer.stages.push(self.stage(name, stage)?);
                    }
                }
                "sweep" | "search" if layer.sweep.is_some() => {
                    let hint = Some("keep one: a search has the axes of its trials itself".to_owned());
                    return Err(self.error(key.span(), format!("{noun} has both a sweep and a search"), hint));
                }
                "sweep" => layer.sweep = Some(self.sweep(key.span(), value)?),
                "search" => {
                    let (search, sweep) = self.search(key.span(), value)?;
                    (layer.search, layer.sweep) = (Some(search), Some(sweep));
                }
                "compare" => layer.compare = Some(self.compare(value)?),
                "remote" => layer.remote = Some(self.remote(value)?),
                _ => {
                    for (name, profile) in self.table(value, "profile")? {
                        layer.profiles.push(self.profile(name, profile)?);
                    }
                }
            }
        }
        Ok(layer)
    }

    fn profile(&self, name: &Spanned<Cow<'_, str>>, value: &Spanned<DeValue<'_>>) -> Result<(Placed<String>, Layer)> {
        self.plain(name.span(), name.get_ref(), "a profile")?;
        let table = self.table(value, name.get_ref())?;
        let keys = ["extends", "seed", "executor", "slurm", "stage", "sweep", "search", "compare", "remote"];
        let layer = self.layer(table, "a profile", &keys)?;
        Ok((Placed { value: name.get_ref().to_string(), place: self.place(name.span()) }, layer))
    }

    fn pipeline_name(&self, value: &Spanned<DeValue<'_>>) -> Result<String> {
        let name = self.text(value, "name")?;
        self.plain(value.span(), &name, "a pipeline")?;
        if RESERVED.contains(&name.as_str()) {
            let message = format!("'{name}' is the name of a folder of the store");
            return Err(self.error(value.span(), message, Some("choose another name".to_owned())));
        }
        Ok(name)
    }

    fn stage(&self, name: &Spanned<Cow<'_, str>>, value: &Spanned<DeValue<'_>>) -> Result<StageLayer> {
        let stage = name.get_ref();
        self.plain(name.span(), stage, "a stage")?;
        let table = self.table(value, stage)?;
        let uses = table.get("uses").map(|uses| self.placed(uses, "uses")).transpose()?;
        let is_command = uses.as_ref().is_some_and(|uses| uses.value == COMMAND);
        let mut entry = StageLayer {
            name: StageName::new(stage.as_ref()),
            place: self.place(name.span()),
            command: is_command.then(CommandEntry::default),
            uses,
            seed: None,
            inputs: Vec::new(),
            settings: Vec::new(),
            resources: None,
            retries: None,
            timeout: None,
            executor: None,
        };
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "uses" => {}
                "seed" => entry.seed = Some(self.unsigned(value, "seed")?),
                "inputs" => entry.inputs = self.inputs(value)?,
                "resources" => entry.resources = Some(self.resources(value)?),
                "retries" => entry.retries = Some(self.count(value, "retries")?),
                "timeout" => entry.timeout = Some(self.duration(value, "timeout")?),
                "executor" => entry.executor = Some(self.executor(value)?),
                _ if entry.command.is_some() => self.of_command(&mut entry, key, value)?,
                "parameters" if entry.uses.is_none() => {
                    for (key, value) in self.table(value, "parameters")? {
                        entry.settings.push(self.setting(key, value)?);
                    }
                }
                _ => entry.settings.push(self.setting(key, value)?),
            }
        }
        Ok(entry)
    }

    pub(super) fn setting(&self, key: &Spanned<Cow<'_, str>>, value: &Spanned<DeValue<'_>>) -> Result<Setting> {
        Ok(Setting {
            key: Placed { value: key.get_ref().to_string(), place: self.place(key.span()) },
            value: Placed { value: self.json(value)?, place: self.place(value.span()) },
        })
    }

    /// A key that only `uses = "command"` has.
    fn of_command(
        &self,
        entry: &mut StageLayer,
        key: &Spanned<Cow<'_, str>>,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<()> {
        const KEYS: [&str; 7] = ["command", "files", "outputs", "tolerances", "parameters", "env", "secret_env"];
        let Some(command) = &mut entry.command else { return Ok(()) };
        match key.get_ref().as_ref() {
            "command" => command.arguments = self.texts(value, "command")?,
            "files" => {
                let check = |name: &Spanned<Cow<'_, str>>| self.plain(name.span(), name.get_ref(), "a file");
                command.files = self.named(value, "files", check)?;
            }
            "outputs" => {
                let check = |name: &Spanned<Cow<'_, str>>| self.plain(name.span(), name.get_ref(), "an output");
                command.outputs = self.named(value, "outputs", check)?;
            }
            "tolerances" => command.tolerances = self.tolerances(value)?,
            "env" => {
                command.environment = self.named(value, "env", |name| self.variable(name.span(), name.get_ref()))?;
            }
            "secret_env" => {
                command.secrets = self.texts(value, "secret_env")?;
                command.secrets.iter().try_for_each(|name| self.variable(name.place.span.clone(), &name.value))?;
            }
            "parameters" => {
                for (key, value) in self.table(value, "parameters")? {
                    self.plain(key.span(), key.get_ref(), "a parameter")?;
                    entry.settings.push(self.setting(key, value)?);
                }
            }
            _ => return Err(self.unknown(key, "a stage that is a command", &KEYS)),
        }
        Ok(())
    }

    /// Checks the name of a variable of the environment.
    fn variable(&self, span: Range<usize>, name: &str) -> Result<()> {
        if !name.is_empty() && !name.contains(['=', '\0']) {
            return Ok(());
        }
        let message = format!("'{}' cannot name a variable: expected a name without '=' and NUL", name.escape_debug());
        Err(self.error(span, message, None))
    }

    /// A table of texts by name.
    fn named(
        &self,
        value: &Spanned<DeValue<'_>>,
        key: &str,
        check: impl Fn(&Spanned<Cow<'_, str>>) -> Result<()>,
    ) -> Result<Vec<(Placed<String>, Placed<String>)>> {
        let entries = self.table(value, key)?.iter();
        entries
            .map(|(name, value)| {
                check(name)?;
                let name_placed = Placed { value: name.get_ref().to_string(), place: self.place(name.span()) };
                Ok((name_placed, self.placed(value, name.get_ref())?))
            })
            .collect()
    }

    fn tolerances(&self, value: &Spanned<DeValue<'_>>) -> Result<Vec<(Placed<String>, f64)>> {
        let entries = self.table(value, "tolerances")?.iter();
        entries
            .map(|(name, value)| {
                let tolerance = self.json(value)?.as_f64().filter(|tolerance| *tolerance >= 0.0);
                let tolerance =
                    tolerance.ok_or_else(|| self.mistyped(value, name.get_ref(), "a number, zero or more"))?;
                Ok((Placed { value: name.get_ref().to_string(), place: self.place(name.span()) }, tolerance))
            })
            .collect()
    }

    fn inputs(&self, value: &Spanned<DeValue<'_>>) -> Result<Vec<Binding>> {
        let mut bindings = Vec::new();
        for (port, bound) in self.table(value, "inputs")? {
            self.input_port(port)?;
            match bound.get_ref() {
                DeValue::Table(labels) => {
                    for (label, bound) in labels {
                        self.plain(label.span(), label.get_ref(), "a label")?;
                        bindings.push(self.binding(port, label.get_ref(), label.span(), bound)?);
                    }
                }
                _ => bindings.push(self.binding(port, "", port.span(), bound)?),
            }
        }
        Ok(bindings)
    }

    fn input_port(&self, name: &Spanned<Cow<'_, str>>) -> Result<()> {
        let hint = "a label goes into a table of its own: inputs.PORT = { LABEL = \"STAGE.OUTPUT\" }";
        let hint = name.get_ref().contains('.').then(|| hint.to_owned());
        self.plain_or(name.span(), name.get_ref(), "an input", hint)
    }

    fn binding(
        &self,
        port: &Spanned<Cow<'_, str>>,
        label: &str,
        span: Range<usize>,
        bound: &Spanned<DeValue<'_>>,
    ) -> Result<Binding> {
        let from = self.text(bound, port.get_ref())?;
        let (stage, output) = self.output(bound, &from)?;
        Ok(Binding {
            input_name: InputName { port: PortName::new(port.get_ref().as_ref()), label: Label::new(label) },
            place: self.place(span),
            stage: Placed { value: stage, place: self.place(bound.span()) },
            output,
        })
    }

    fn resources(&self, value: &Spanned<DeValue<'_>>) -> Result<Resources> {
        let mut resources = Resources::default();
        for (key, value) in self.table(value, "resources")? {
            match key.get_ref().as_ref() {
                "gpus" => resources.gpus = self.count(value, "gpus")?,
                "threads" => resources.threads = Some(self.count(value, "threads")?),
                "ranks" => resources.ranks = Some(self.ranks(value)?),
                "memory" => resources.memory = self.memory(value)?,
                "device" => resources.device = Some(self.device(value)?),
                name if self.job_resource(&mut resources.job, name, value)? => {}
                _ => {
                    let own = ["gpus", "threads", "ranks", "memory", "device"];
                    return Err(self.unknown(key, "'resources'", &[&own[..], &JOB_KEYS].concat()));
                }
            }
        }
        Ok(resources)
    }

    fn ranks(&self, value: &Spanned<DeValue<'_>>) -> Result<usize> {
        match self.count(value, "ranks")? {
            0 => Err(self.error(value.span(), "'ranks' is 0: expected at least 1".to_owned(), None)),
            ranks => Ok(ranks),
        }
    }

    fn device(&self, value: &Spanned<DeValue<'_>>) -> Result<String> {
        let device = self.text(value, "device")?;
        if ["auto", "cpu", "cuda"].contains(&device.as_str()) {
            return Ok(device);
        }
        Err(self.error(value.span(), format!("there is no device '{device}': expected auto, cpu or cuda"), None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse_text(text: &str) -> Result<Pipeline> {
        parse(&Arc::new(Source::File { path: "test.toml".into(), text: text.to_owned() }))
    }

    #[test]
    fn stages_keep_the_order_of_the_file() {
        let text = "name = 'a'\n[stage.z]\nuses = 'x'\n[stage.b]\nuses = 'y'\n";
        let names: Vec<String> = parse_text(text).unwrap().stages.iter().map(|stage| stage.name.to_string()).collect();
        assert_eq!(names, ["z", "b"]);
    }

    #[test]
    fn labelled_inputs_are_bindings_of_one_port() {
        let text = "name = 'a'\n[stage.m]\nuses = 'm'\ninputs.rankings = { pipe = 'p.r', dccf = 'd.r' }\n";
        let pipeline = parse_text(text).unwrap();
        let input_names: Vec<String> = pipeline.stages[0].inputs.iter().map(|b| b.input_name.to_string()).collect();
        assert_eq!(input_names, ["rankings.pipe", "rankings.dccf"]);
    }

    #[test]
    fn memory_is_in_bytes() {
        let text = "name = 'a'\n[stage.m]\nuses = 'm'\nresources = { memory = '2G' }\n";
        assert_eq!(parse_text(text).unwrap().stages[0].resources.memory, 2 << 30);
    }

    #[test]
    fn a_misspelt_key_is_pointed_at() {
        let error = parse_text("nmae = 'a'\n").unwrap_err();
        assert_eq!(error.place().unwrap().span, 0..4);
        assert_eq!(error.hint().unwrap(), "did you mean 'name'?");
    }

    /// Pieces of pipelines, and what does not belong in one.
    fn pieces() -> impl Strategy<Value = String> {
        let pieces = [
            "name = 'a'\n",
            "extends = 'a'\n",
            "[sweep]\n",
            "zip = { 's.k' = [1",
            "points = [{ name = 'a', 's.k' = ",
            "exclude = [",
            "'s.k' = [",
            "[profile.p]\n",
            "[compare]\n",
            "columns = { c = 's.o:p",
            "differs = [",
            "seed = ",
            "[stage.s]\n",
            "[stage.é]\n",
            "uses = 'command'\n",
            "uses = 'x'\n",
            "command = ",
            "inputs = { i = 's.o' }\n",
            "inputs.i = { l = 's' }\n",
            "resources = { memory = '9G', gpus = ",
            "executor = 'slurm'\n",
            "[slurm]\n",
            "poll = '",
            "retries = ",
            "timeout = '",
            "outputs = { o = 'text' }\n",
            "tolerances = { o = ",
            "parameters = { k = ",
            "[",
            "]",
            "{",
            "}\n",
            "'",
            "\"\"\"",
            "=",
            "\n",
            "1e999",
            "0x7f",
            "-1",
            "1979-05-27",
            "é",
            "\u{0}",
            "\r",
            "99999999999999999999",
            ".",
            "true\n",
            "nan\n",
            "3\n",
        ];
        let piece = prop_oneof![proptest::sample::select(pieces.to_vec()).prop_map(str::to_owned), "\\PC{0,3}"];
        proptest::collection::vec(piece, 0..16).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn any_text_is_a_pipeline_or_an_error_with_a_place(text in pieces()) {
            if let Err(error) = parse_text(&text) {
                let span = error.place().unwrap().span.clone();
                prop_assert!(text.get(span.clone()).is_some(), "{:?}: {}", span, error);
                prop_assert_eq!(error.exit_code(), 11);
                prop_assert!(crate::terminal::diagnostic(&error).contains("test.toml"));
            }
        }
    }
}
