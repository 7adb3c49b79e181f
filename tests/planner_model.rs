//! Pipelines at random, through timelines of changes, losses, damage and kills: what `pipe` makes is what a computation from
//! nothing makes, and what it runs is what the rules say.
//!
//! `PIPE_SOAK=N` tries N pipelines.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test may panic, and says why it skips")]

mod live;
mod model;
mod space;

use live::{Ended, Live};
use model::dag::{Dag, Evaluated, Identity};
use model::reference::{Reference, Wanted};
use model::timeline::{Case, Step, cases};
use model::world::World;
use pipe::digest::Digest;
use pipe::plan::Key;
use pipe::store::{Action, Artifact, FileEntry};
use proptest::test_runner::{Config, TestRunner};
use rustix::process::Signal;
use space::Space;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How much was tried.
#[derive(Default)]
struct Counts {
    cases: Cell<usize>,
    runs: Cell<usize>,
    kills: Cell<usize>,
    outputs: Cell<usize>,
}

fn add(count: &Cell<usize>, more: usize) {
    count.set(count.get() + more);
}

#[test]
fn every_timeline_ends_in_what_a_computation_from_nothing_gives() {
    let cases_to_try = space::soak().unwrap_or(16);
    let config = Config {
        cases: u32::try_from(cases_to_try).unwrap(),
        max_shrink_iters: 400,
        failure_persistence: None,
        ..Config::default()
    };
    let counts = Counts::default();
    let tried = TestRunner::new(config).run(&cases(), |case| {
        add(&counts.cases, 1);
        Life::of(&case.dag, &counts).live(&case);
        Ok(())
    });
    let Counts { cases, runs, kills, outputs } = &counts;
    eprintln!(
        "{} pipelines, {} runs, {} kills; {} outputs compared: {}",
        cases.get(),
        runs.get(),
        kills.get(),
        outputs.get(),
        if tried.is_ok() { "0 stale, 0 wrong, 0 lost" } else { "one was wrong" }
    );
    if let Err(error) = tried {
        panic!("{error}");
    }
}

/// One pipeline with its store, and what the model knows of both.
struct Life<'a> {
    space: Space,
    dag: Dag,
    world: World,
    reference: Reference,
    /// The key of each identity.
    keys: BTreeMap<Identity, Key>,
    counts: &'a Counts,
}

impl<'a> Life<'a> {
    fn of(dag: &Dag, counts: &'a Counts) -> Self {
        let (space, world, reference) = (Space::new(), World::new(), Reference::default());
        Self { space, dag: dag.clone(), world, reference, keys: BTreeMap::new(), counts }
    }

    fn live(&mut self, case: &Case) {
        self.run(&[], &Wanted::all(&self.dag));
        for step in &case.steps {
            self.step(step);
        }
    }

    fn step(&mut self, step: &Step) {
        let count = self.dag.0.len();
        let stage = |which: usize| which % count;
        let mut wanted = Wanted::all(&self.dag);
        let mut arguments = Vec::new();
        match *step {
            Step::Force(which) => {
                wanted.forced.insert(stage(which));
                arguments.push(format!("--force={}", self.dag.name(stage(which))));
            }
            Step::From(which) => {
                let from = stage(which);
                wanted.forced.extend((0..count).filter(|other| self.dag.upstream(*other).contains(&from)));
                arguments.push(format!("--from={}", self.dag.name(from)));
            }
            Step::Until(which) => {
                wanted.scope = self.dag.upstream(stage(which)).into_iter().collect();
                arguments.push(format!("--until={}", self.dag.name(stage(which))));
            }
            Step::Kill(which, value, after) => {
                self.dag.0[stage(which)].parameter = value;
                return self.kill(after);
            }
            Step::KillRepair(which, after) => {
                self.lose(&Step::TruncateArtifact(which));
                return self.kill(after);
            }
            _ => {
                self.change(step);
                self.lose(step);
                wanted = Wanted::all(&self.dag);
            }
        }
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        self.run(&arguments, &wanted);
    }

    /// What a user does to the pipeline and the files outside.
    fn change(&mut self, step: &Step) {
        let count = self.dag.0.len();
        let path = |which: usize| self.space.path(&self.world.file(which));
        match *step {
            Step::SetParameter(which, value) => self.dag.0[which % count].parameter = value,
            Step::Rename(which) => self.dag.0[which % count].name += 1,
            Step::WriteFile(which, content) => self.world.set(which, content),
            Step::WriteBehindTheClock(which, content) => {
                let path = path(which);
                let before = std::fs::metadata(&path).unwrap().modified().unwrap();
                std::fs::write(&path, content).unwrap();
                std::fs::File::options().write(true).open(&path).unwrap().set_modified(before).unwrap();
                self.world.set(which, content);
            }
            Step::Touch(which) => {
                let file = std::fs::File::options().write(true).open(path(which)).unwrap();
                file.set_modified(std::time::SystemTime::now()).unwrap();
            }
            Step::ReplaceFile(which) => {
                let beside = self.space.path("out/beside");
                std::fs::write(&beside, self.world.content(which)).unwrap();
                std::fs::rename(&beside, path(which)).unwrap();
            }
            Step::WriteInFolder(which, name, content) => self.world.set_in(which, name, Some(content)),
            Step::RemoveInFolder(which, name) => self.world.set_in(which, name, None),
            _ => {}
        }
    }

    /// What happens to the store.
    fn lose(&mut self, step: &Step) {
        let store = self.space.path("artifacts");
        let stage = |which: usize| self.evaluate().swap_remove(which % self.dag.0.len());
        match *step {
            Step::DeleteArtifact(which) | Step::TruncateArtifact(which) => {
                let content = stage(which).made["whole"].clone();
                let folder = store.join("store").join(artifact_of(&content).to_string());
                let is_there = folder.is_dir();
                if matches!(step, Step::DeleteArtifact(_)) && is_there {
                    std::fs::remove_dir_all(folder).unwrap();
                    self.reference.lose_artifact(&content);
                } else if is_there && !content.is_empty() {
                    overwrite(&folder.join("f"), &content.as_bytes()[1..]);
                    self.reference.lose_artifact(&content);
                }
            }
            Step::DeleteRecord(which) | Step::DamageRecord(which, _) => {
                let identity = stage(which).identity;
                let Some(key) = self.keys.get(&identity).copied() else { return };
                let record = store.join("actions").join(format!("{key}.json"));
                let Ok(mut bytes) = std::fs::read(&record) else { return };
                if let Step::DamageRecord(_, place) = step {
                    let place = place % bytes.len();
                    bytes[place] ^= 1;
                    overwrite(&record, &bytes);
                } else {
                    std::fs::remove_file(&record).unwrap();
                }
                // The last byte is the end of the line, which nobody misses.
                if !record.exists() || Action::decode(&bytes, key).is_err() {
                    self.reference.lose_record(&identity);
                }
            }
            Step::DeleteIndex => drop(std::fs::remove_dir_all(store.join("index"))),
            Step::DamageIndex(place) => files_in(&store.join("index/sled")).iter().for_each(|file| {
                let mut bytes = std::fs::read(file).unwrap();
                let place = place % bytes.len().max(1);
                bytes.iter_mut().skip(place).take(16).for_each(|byte| *byte ^= 0x55);
                std::fs::write(file, bytes).unwrap();
            }),
            Step::DamageNotes => files_in(&store.join("index")).iter().for_each(|file| {
                let bytes = std::fs::read(file).unwrap();
                std::fs::write(file, &bytes[..bytes.len() / 2]).unwrap();
            }),
            _ => {}
        }
    }

    fn evaluate(&self) -> Vec<Evaluated> {
        self.dag.evaluate(&self.world)
    }

    fn start(&self, arguments: &[&str]) -> Live {
        self.world.write(&self.space.path(""));
        self.space.write("m.toml", self.dag.toml(&self.world));
        add(&self.counts.runs, 1);
        Live::start(self.space.command(&[&["run", "m", "--json"], arguments].concat()))
    }

    /// Runs to the end and compares.
    fn run(&mut self, arguments: &[&str], wanted: &Wanted) {
        let all = self.evaluate();
        let expected = self.reference.expected(&all, wanted);
        let ended = self.start(arguments).finish();
        assert_eq!(ended.code, Some(0), "{}{:#?}", ended.err, ended.events);
        let mut ran: BTreeMap<Identity, usize> = BTreeMap::new();
        for name in ended.stages("ran") {
            *ran.entry(all[self.dag.find(name)].identity.clone()).or_default() += 1;
        }
        for (identity, range) in &expected {
            let times = ran.remove(identity).unwrap_or(0);
            assert!(range.contains(&times), "{identity} ran {times} times, expected {range:?}\n{:#?}", ended.events);
        }
        assert!(ran.is_empty(), "ran out of scope: {ran:?}");
        assert_eq!(ended.stages("ran").len() + ended.stages("hit").len(), wanted.scope.len(), "{:#?}", ended.events);
        self.reference.ran(&all, wanted.scope.iter().copied());
        self.compare(&all, wanted);
    }

    /// Every output has the bytes of a computation from nothing, and one identity has one key.
    fn compare(&mut self, all: &[Evaluated], wanted: &Wanted) {
        for stage in &wanted.scope {
            let links = self.space.path("artifacts/m").join(self.dag.name(*stage));
            for (output, content) in &all[*stage].made {
                let path = links.join(output).join("f");
                let found = std::fs::read_to_string(&path).unwrap();
                assert_eq!(found, *content, "{} is stale or wrong", path.display());
                add(&self.counts.outputs, 1);
            }
            let record = std::fs::read_link(links.join("action.json")).unwrap();
            let key = Key::parse(record.file_stem().unwrap().to_str().unwrap()).unwrap();
            let identity = &all[*stage].identity;
            assert_eq!(*self.keys.entry(identity.clone()).or_insert(key), key, "{identity} has two keys");
        }
        let mut keys: Vec<&Key> = self.keys.values().collect();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), self.keys.len(), "two identities have one key");
    }

    /// Runs, and kills the run after so many milliseconds. What it told is kept; the rest may be.
    fn kill(&mut self, after: u64) {
        let live = self.start(&[]);
        std::thread::sleep(Duration::from_millis(after));
        live.signal(Signal::KILL);
        add(&self.counts.kills, 1);
        let ended: Ended = live.finish();
        assert!(ended.stages("failed").is_empty(), "{}{:#?}", ended.err, ended.events);
        let all = self.evaluate();
        let kept = ["ran", "hit"].into_iter().flat_map(|status| ended.stages(status));
        self.reference.ran(&all, kept.map(|name| self.dag.find(name)));
        self.reference.may_have_run(&all, 0..all.len());
        self.run(&[], &Wanted::all(&self.dag));
    }
}

/// The artifact with this content in its only file.
fn artifact_of(content: &str) -> Digest {
    let digest = Digest::from(blake3::hash(content.as_bytes()));
    let size = u64::try_from(content.len()).unwrap();
    Artifact::of(vec![FileEntry { path: "f".to_owned(), size, digest }]).digest
}

/// Puts another file in the place of one that may be read-only.
fn overwrite(path: &Path, bytes: &[u8]) {
    std::fs::remove_file(path).unwrap();
    std::fs::write(path, bytes).unwrap();
}

/// The files in a folder; none where there is no folder.
fn files_in(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.filter(|path| path.is_file()).collect()
}
