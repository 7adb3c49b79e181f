//! A small pipeline that runs in this process through the library, over any disk that a test puts under the store.

use contract::Event;
use pipe::error::Error;
use pipe::fs::{Disk, Watch};
use pipe::key::Key;
use pipe::key::StageName;
use pipe::machine::Machine;
use pipe::pipeline::parse;
use pipe::plan::{Graph, Outputs, Planner, Selection, SelectionOptions, outputs_of};
use pipe::run::{Ending, Observer};
use pipe::run::{Interrupt, Settings, run};
use pipe::source::Source;
use pipe::store::{Action, Lookup, Store};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Three stages in a chain: one reads a file outside, one has two outputs, one has a folder in its output.
const CHAIN: &str = r#"
name = "chain"

[stage.numbers]
uses = "command"
command = ["sh", "-c", "cat {files.list} > {outputs.numbers}/n.txt"]
files = { list = "list.txt" }
outputs = { numbers = "text" }

[stage.named]
uses = "command"
command = ["sh", "-c", "sed 's/$/ {parameters.unit}/' {inputs.numbers}/n.txt > {outputs.text}/t.txt; wc -l < {inputs.numbers}/n.txt > {outputs.count}/c.txt"]
inputs = { numbers = "numbers.numbers" }
outputs = { text = "text", count = "text" }
parameters = { unit = "m" }

[stage.total]
uses = "command"
command = ["sh", "-c", "mkdir {outputs.total}/inner; cat {inputs.text}/t.txt {inputs.count}/c.txt > {outputs.total}/inner/all.txt; cp {inputs.count}/c.txt {outputs.total}"]
inputs = { text = "named.text", count = "named.count" }
outputs = { total = "text" }
"#;

/// The files that the chain makes, by what is written at the end of each of its paths.
const CONTENTS: [(&str, &str); 5] = [
    ("n.txt", "1\n20\n300\n"),
    ("t.txt", "1 m\n20 m\n300 m\n"),
    ("inner/all.txt", "1 m\n20 m\n300 m\n3\n"),
    ("count/c.txt", "3\n"),
    ("total/c.txt", "3\n"),
];

/// The pipeline, and what a run of it on a good disk makes.
pub(crate) struct Engine {
    folder: tempfile::TempDir,
    graph: Graph,
    /// The result of each stage.
    pub(crate) good: BTreeMap<String, Action>,
}

/// What a run came to.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// The first failure.
    pub(crate) failure: Option<Error>,
    /// The stages whose results were kept, as the user was told.
    pub(crate) ran: Vec<String>,
    /// The stages whose results were there.
    pub(crate) cached: Vec<String>,
    /// The digests of what every stage made.
    pub(crate) outputs: BTreeMap<String, Outputs>,
}

impl Engine {
    /// The chain, run once on a good disk, with what it made read and compared.
    pub(crate) fn new() -> Self {
        Self::with_unit("m")
    }

    /// The chain with another parameter in its second stage.
    pub(crate) fn with_unit(unit: &str) -> Self {
        let folder = folder();
        std::fs::write(folder.path().join("list.txt"), CONTENTS[0].1).unwrap();
        let text = CHAIN.replace("unit = \"m\"", &format!("unit = \"{unit}\""));
        let path = folder.path().join("chain.toml");
        let pipeline = parse(&Arc::new(Source::File { path, text })).unwrap();
        let graph = Graph::build(&pipeline, &[], &BTreeMap::new(), folder.path()).unwrap();
        let mut engine = Self { folder, graph, good: BTreeMap::new() };
        let root = engine.folder.path().join("reference");
        let outcome = engine.run(&root, Disk::default(), &[]);
        assert!(outcome.failure.is_none() && outcome.ran.len() == 3, "{outcome:?}");
        let store = Store::new(root.clone());
        for stage in outcome.outputs.keys() {
            let action = store.newest("chain", &StageName::new(stage.as_str())).unwrap();
            engine.good.insert(stage.clone(), action);
        }
        for (path, content) in CONTENTS {
            let path = engine.outputs(&root).into_iter().find(|found| found.ends_with(path)).unwrap();
            assert_eq!(std::fs::read_to_string(path).unwrap(), content.replace('m', unit));
        }
        engine
    }

    /// The paths of all files that the chain makes, by the links for people.
    fn outputs(&self, root: &Path) -> Vec<PathBuf> {
        let files = self.good.iter().flat_map(|(stage, action)| {
            action.outputs.iter().flat_map(move |(port, artifact)| {
                let folder = root.join("chain").join(stage).join(port.as_str());
                artifact.files.iter().map(move |file| folder.join(&file.path))
            })
        });
        files.collect()
    }

    /// Runs the chain over the store at `root` on this disk, with some stages forced.
    pub(crate) fn run(&self, root: &Path, disk: Disk, forced: &[&str]) -> Outcome {
        self.run_told(root, disk, forced, &mut |_| {})
    }

    /// The same, telling of each result when the user is told that it is kept.
    pub(crate) fn run_told(&self, root: &Path, disk: Disk, forced: &[&str], kept: &mut dyn FnMut(&str)) -> Outcome {
        let store = Store::on(root.to_owned(), disk);
        let mut told = Told { ran: Vec::new(), cached: Vec::new(), kept };
        let summary = self.planned(&store, forced, |planner| {
            store.prepare().map(|()| {
                let settings = settings();
                run(planner, &store, &machine(), &settings, &mut told, &Interrupt::default())
            })
        });
        let (failure, outputs) = match summary {
            Ok(summary) => (summary.failure, summary.outputs),
            Err(error) => (Some(error), BTreeMap::new()),
        };
        let outputs =
            outputs.into_iter().map(|(stage, made)| (self.graph.stages[stage].name.to_string(), made)).collect();
        Outcome { failure, ran: told.ran, cached: told.cached, outputs }
    }

    /// Plans the chain over a store. Gives the number of stages in the plan.
    pub(crate) fn plan(&self, store: &Store) -> Result<usize, Error> {
        self.planned(store, &[], |planner| planner.plan().map(|plan| plan.len()))
    }

    fn planned<T>(&self, store: &Store, forced: &[&str], work: impl FnOnce(&mut Planner<'_>) -> T) -> T {
        let force = forced.iter().map(|&stage| stage.to_owned()).collect();
        let selection = Selection::of(&self.graph, &SelectionOptions { force, ..SelectionOptions::default() }).unwrap();
        let inputs = store.external_inputs("chain");
        let lacks = Box::new(|_: &pipe::plan::Node| Vec::new());
        work(&mut Planner::new(&self.graph, &selection, store, inputs, lacks))
    }

    /// Runs the chain on a good disk, which has to succeed with the right bytes.
    pub(crate) fn recover(&self, root: &Path, context: &str) -> Outcome {
        let outcome = self.run(root, Disk::default(), &[]);
        assert!(outcome.failure.is_none(), "{context}: the next run fails: {outcome:?}");
        assert_eq!(self.outputs_missed(&outcome), Vec::<String>::new(), "{context}: the next run makes something else");
        for (stage, action) in &self.good {
            let damage = damage(&Store::new(root.to_owned()), action);
            assert_eq!(damage, None, "{context}: {stage} is damaged after the next run");
        }
        outcome
    }

    /// The store of the run on a good disk.
    pub(crate) fn reference(&self) -> Store {
        Store::new(self.folder.path().join("reference"))
    }

    /// The stages whose outputs are not the right ones.
    pub(crate) fn outputs_missed(&self, outcome: &Outcome) -> Vec<String> {
        let differs = |(stage, action): (&String, &Action)| {
            (outcome.outputs.get(stage) != Some(&outputs_of(action))).then(|| stage.clone())
        };
        self.good.iter().filter_map(differs).collect()
    }

    /// Whether the store has the right result of a stage, to the last byte.
    pub(crate) fn has(&self, store: &Store, stage: &str) -> bool {
        let good = &self.good[stage];
        match store.lookup(good.key).unwrap() {
            Lookup::Cached(found) => found.outputs == good.outputs && damage(store, &found).is_none(),
            _ => false,
        }
    }
}

/// Every cached result that is not right to the last byte, and every record that cannot be used.
pub(crate) struct Audit {
    /// Hits with wrong bytes.
    pub(crate) wrong: Vec<String>,
    /// Records that are damaged, or whose artifacts are.
    pub(crate) damaged: Vec<String>,
}

/// Looks every record of a store up and reads every byte of what it names.
pub(crate) fn audit(root: &Path) -> Audit {
    let store = Store::new(root.to_owned());
    let mut audit = Audit { wrong: Vec::new(), damaged: Vec::new() };
    for name in names(&root.join("actions")) {
        let Some(key) = name.strip_suffix(".json").and_then(Key::parse) else { continue };
        match store.lookup(key).unwrap() {
            Lookup::Cached(action) => audit.wrong.extend(damage(&store, &action)),
            Lookup::Damaged { why, .. } => audit.damaged.push(why),
            Lookup::Miss => {}
        }
    }
    audit
}

/// What is wrong with a result, reading every byte.
pub(crate) fn damage(store: &Store, action: &Action) -> Option<String> {
    let mut artifacts = action.outputs.values();
    artifacts.find_map(|found| match found.damage_in(&Disk::default(), &store.artifact(&found.digest)) {
        Ok(damage) => damage,
        Err(error) => Some(error.to_string()),
    })
}

/// The names in a folder, sorted; none where there is no folder.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// A new folder, in memory where the system has a place for it: what is tested is which flushes are asked for.
pub(crate) fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// Copies a folder with all that is in it.
pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (kind, to) = (entry.file_type().unwrap(), to.join(entry.file_name()));
        if kind.is_dir() {
            copy(&entry.path(), &to);
        } else if kind.is_symlink() {
            std::os::unix::fs::symlink(std::fs::read_link(entry.path()).unwrap(), to).unwrap();
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// A disk that reports its calls to this watch.
pub(crate) fn watched(watch: &Arc<impl Watch + 'static>) -> Disk {
    Disk::watched(Arc::clone(watch) as Arc<dyn Watch>)
}

fn machine() -> Machine {
    Machine { host: "test".to_owned(), threads: 1, memory: 0, gpus: Vec::new() }
}

fn settings() -> Settings {
    Settings {
        worker: PathBuf::new(),
        supervisor: env!("CARGO_BIN_EXE_pipe").into(),
        jobs: 1,
        cluster_jobs: 1,
        slurm: pipe::pipeline::SlurmEntry::default(),
        detach: false,
        keep_going: false,
        device: "cpu".to_owned(),
        arguments: Vec::new(),
        label: pipe::store::RunLabel::default(),
        project: PathBuf::new(),
    }
}

/// Notes what the user is told.
struct Told<'a> {
    ran: Vec<String>,
    cached: Vec<String>,
    kept: &'a mut dyn FnMut(&str),
}

impl Observer for Told<'_> {
    fn started(&mut self, _: &StageName, _: &str) {}

    fn printed(&mut self, _: &StageName, _: &Event) {}

    fn waits(&mut self, _: &StageName, _: &str) {}

    fn ended(&mut self, stage: &StageName, ending: &Ending<'_>) {
        match ending {
            Ending::Done { .. } => {
                (self.kept)(stage.as_str());
                self.ran.push(stage.to_string());
            }
            Ending::Cached => self.cached.push(stage.to_string()),
            _ => {}
        }
    }
}
