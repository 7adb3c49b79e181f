//! Any byte of any file of the store is damaged. The next run has the right bytes, and damage is found and kept aside.

use crate::engine::{Engine, audit, copy, damage, folder, names};
use crate::soak;
use pipe::fs::Disk;
use pipe::store::{Lookup, Store};
use std::path::{Path, PathBuf};

/// How a file is damaged.
#[derive(Clone, Copy, Debug)]
enum Damage {
    /// One bit of the byte there is flipped.
    Flip(usize),
    /// The byte there is zero.
    Zero(usize),
    /// The file ends there.
    Truncate(usize),
    /// Something is added to its end.
    Append,
    /// It is empty.
    Empty,
    /// It is gone.
    Remove,
    /// A folder is in its place.
    Folder,
}

impl Damage {
    fn to(self, file: &Path) {
        let mut bytes = std::fs::read(file).unwrap();
        std::fs::remove_file(file).unwrap();
        match self {
            Self::Flip(at) => bytes[at] ^= 1 << (at % 8),
            Self::Zero(at) => bytes[at] = 0,
            Self::Truncate(at) => bytes.truncate(at),
            Self::Append => bytes.extend(b"{}"),
            Self::Empty => bytes.clear(),
            Self::Remove => return,
            Self::Folder => return std::fs::create_dir(file).unwrap(),
        }
        std::fs::write(file, bytes).unwrap();
    }

    /// All that can be done to a file of that length, at every `stride`-th byte.
    fn all(length: usize, stride: usize) -> impl Iterator<Item = Self> {
        let places = (0..length).step_by(stride.max(1));
        let there = places.flat_map(|at| [Self::Flip(at), Self::Zero(at), Self::Truncate(at)]);
        there.chain([Self::Append, Self::Empty, Self::Remove, Self::Folder])
    }
}

/// What was tried.
#[derive(Debug, Default)]
struct Tried {
    damaged: usize,
    unnoticed_by_a_run: usize,
    ran_again: usize,
}

fn report(label: &str, tried: &Tried) {
    let Tried { damaged, unnoticed_by_a_run, ran_again } = tried;
    eprintln!(
        "{label}: {damaged} damaged, {ran_again} stages made again, {unnoticed_by_a_run} of equal size found by reading every byte; wrong results 0"
    );
    assert!(*damaged > 10, "{label}: too little was tried");
}

/// A store with the results of the chain, to be copied and damaged.
struct Bench {
    engine: Engine,
    template: tempfile::TempDir,
    space: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let (engine, template) = (Engine::new(), folder());
        // The file outside has to be older than a tick of the clock for its digest to be remembered.
        std::thread::sleep(std::time::Duration::from_millis(80));
        engine.recover(template.path(), "before the damage");
        Self { engine, template, space: folder() }
    }

    fn root(&self) -> PathBuf {
        self.space.path().join("artifacts")
    }

    /// A fresh copy of the store.
    fn copy(&self) -> PathBuf {
        let root = self.root();
        if root.exists() {
            std::fs::remove_dir_all(&root).unwrap();
        }
        copy(self.template.path(), &root);
        root
    }

    /// The files in a folder of the store, relative to it.
    fn files(&self, within: &str) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut open = vec![self.template.path().join(within)];
        while let Some(next) = open.pop() {
            for name in names(&next) {
                let path = next.join(name);
                if path.is_dir() { open.push(path) } else { found.push(path) }
            }
        }
        found.sort();
        found.into_iter().map(|path| path.strip_prefix(self.template.path()).unwrap().to_owned()).collect()
    }

    fn length(&self, file: &Path) -> usize {
        usize::try_from(std::fs::metadata(self.template.path().join(file)).unwrap().len()).unwrap()
    }

    /// Runs over the damaged store: it succeeds with the right digests, and every cached result is right to the last byte but for
    /// contents of equal size, which reading every byte finds and running the stage again repairs.
    fn survive(&self, context: &str, tried: &mut Tried) {
        let (engine, root) = (&self.engine, self.root());
        tried.damaged += 1;
        let outcome = engine.run(&root, Disk::default(), &[]);
        assert!(outcome.failure.is_none(), "{context}: {:?}", outcome.failure);
        assert!(engine.outputs_missed(&outcome).is_empty(), "{context}: {outcome:?}");
        tried.ran_again += outcome.ran.len();
        let store = Store::new(root.clone());
        for (stage, good) in &engine.good {
            let Some(found) = damage(&store, good) else { continue };
            assert!(
                found.contains("is not what was stored") || found.contains("does not belong"),
                "{context}: {found}"
            );
            tried.unnoticed_by_a_run += 1;
            let again = engine.run(&root, Disk::default(), &[stage]);
            assert!(again.failure.is_none() && again.ran.contains(stage), "{context}: {again:?}");
            assert_eq!(damage(&store, good), None, "{context}: making {stage} again did not repair it");
            assert!(!names(&root.join("quarantine")).is_empty(), "{context}: what was damaged was not quarantined");
        }
        assert_eq!(audit(&root).wrong, Vec::<String>::new(), "{context}");
    }

    fn damage(&self, file: &Path, damage: Damage, tried: &mut Tried) {
        let root = self.copy();
        damage.to(&root.join(file));
        self.survive(&format!("{}: {damage:?}", file.display()), tried);
    }
}

/// In the short form every so many bytes, with `PIPE_SOAK` every byte.
fn stride(short: usize) -> usize {
    soak::long().map_or(short, |_| 1)
}

#[test]
fn every_byte_of_every_record() {
    let bench = Bench::new();
    let mut looked = 0;
    let root = bench.copy();
    let store = Store::new(root.clone());
    for action in bench.engine.good.values() {
        let file = root.join("actions").join(format!("{}.json", action.key));
        let whole = std::fs::read(&file).unwrap();
        let Lookup::Cached(before) = store.lookup(action.key).unwrap() else {
            panic!("{} is not cached", file.display())
        };
        for damage in Damage::all(whole.len(), 1) {
            damage.to(&file);
            looked += 1;
            match store.lookup(action.key).unwrap() {
                Lookup::Cached(found) => assert_eq!(found, before, "{damage:?}"),
                Lookup::Damaged { artifact, .. } => assert_eq!(artifact, None, "{damage:?}"),
                Lookup::Miss => assert!(matches!(damage, Damage::Remove), "{damage:?}"),
            }
            drop(std::fs::remove_dir(&file));
            std::fs::write(&file, &whole).unwrap();
        }
    }
    let mut tried = Tried::default();
    for file in bench.files("actions") {
        let length = bench.length(&file);
        // Every byte was looked up; making the stages again is slow.
        for damage in Damage::all(length, length / (20 * (1 + soak::cases(0)))) {
            bench.damage(&file, damage, &mut tried);
        }
    }
    eprintln!("records: {looked} damaged and looked up, none was taken for another");
    report("records", &tried);
}

#[test]
fn every_byte_of_every_artifact() {
    let bench = Bench::new();
    let mut tried = Tried::default();
    for file in bench.files("store") {
        for damage in Damage::all(bench.length(&file), stride(2)) {
            bench.damage(&file, damage, &mut tried);
        }
    }
    report("artifacts", &tried);
    assert!(tried.unnoticed_by_a_run > 0);
}

#[test]
fn every_byte_of_the_notes_and_some_of_the_index() {
    let bench = Bench::new();
    let mut tried = Tried::default();
    for file in bench.files("index").into_iter().chain(bench.files("runs")) {
        let length = bench.length(&file);
        let is_note = file.extension().is_some_and(|ending| ending == "json");
        let places = if is_note { stride(length / 8) } else { length / (4 + soak::cases(0)) };
        for damage in Damage::all(length, places) {
            bench.damage(&file, damage, &mut tried);
        }
    }
    report("notes, index and runs", &tried);
}

#[test]
fn files_that_changed_places() {
    let bench = Bench::new();
    let mut tried = Tried::default();
    let files: Vec<PathBuf> = ["actions", "store", "index"].iter().flat_map(|folder| bench.files(folder)).collect();
    for (number, one) in files.iter().enumerate() {
        for other in files[number + 1..].iter().step_by(stride(3)) {
            let root = bench.copy();
            let between = root.join("between");
            std::fs::rename(root.join(one), &between).unwrap();
            std::fs::rename(root.join(other), root.join(one)).unwrap();
            std::fs::rename(&between, root.join(other)).unwrap();
            bench.survive(&format!("{} and {} changed places", one.display(), other.display()), &mut tried);
        }
    }
    report("files that changed places", &tried);
}

#[test]
fn whole_folders_that_are_gone() {
    let bench = Bench::new();
    let mut tried = Tried::default();
    let artifacts = names(&bench.template.path().join("store")).into_iter().map(|name| format!("store/{name}"));
    let folders = ["store", "actions", "index", "runs", "tmp", "chain", "chain/named", "lock"].map(str::to_owned);
    for name in folders.into_iter().chain(artifacts) {
        for with_a_file in [false, true] {
            // A file in the place of one of the store's own folders is the user's doing and an error of its own.
            if with_a_file && !name.starts_with("store/") {
                continue;
            }
            let path = bench.copy().join(&name);
            if path.is_dir() {
                std::fs::remove_dir_all(&path).unwrap();
            } else {
                std::fs::remove_file(&path).unwrap();
            }
            if with_a_file {
                std::fs::write(&path, "not a folder").unwrap();
            }
            bench.survive(&format!("{name} is gone"), &mut tried);
        }
    }
    report("folders that are gone", &tried);
}
