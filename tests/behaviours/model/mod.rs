//! What `pipe` is to do, in a few lines: a map of what has a result, and functions worked out from nothing.

use super::mapped::{MappedFile, keeps_no_pages};
use super::space::Space;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What lies outside the store: two files and a folder.
pub(crate) const ITEMS: [&str; 3] = ["f0", "f1", "folder"];

/// What a stage makes of the texts that enter it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Function {
    /// All of them and the parameter.
    Join,
    /// The same, as a hard link to a file that the program keeps elsewhere.
    Linked,
    /// The first character of that.
    First,
    /// Always the same.
    Constant,
}

/// A stage that is a command.
#[derive(Clone, Debug)]
pub(crate) struct Stage {
    pub(crate) name: String,
    pub(crate) function: Function,
    pub(crate) parameter: u8,
    /// Stages before it, by place.
    pub(crate) uses: Vec<usize>,
    /// Files outside, by place.
    pub(crate) items: Vec<usize>,
}

/// A step of a timeline. Places are taken modulo what there is.
#[derive(Clone, Debug)]
pub(crate) enum Edit {
    Parameter(usize, u8),
    Function(usize, Function),
    Write(usize, String),
    Touch(usize),
    AddFile(String, String),
    RemoveFile(String),
    Rename(usize),
    LoseArtifact(usize),
    DamageArtifact(usize, bool),
    LoseRecord(usize),
    DamageRecord(usize, u16, bool),
    Force(usize),
    From(usize),
    Kill(u64),
    LoseIndex,
    DamageIndex,
    /// Another text of the same size, and after a run the first one again.
    SameSize(usize),
    /// The same through a memory map that stays.
    Mapped(usize),
    /// Through another name of the file.
    OtherName(usize, String),
    /// By a hard link to another file.
    Replace(usize, String),
    Executable(usize, bool),
    MakeFolder(String),
    RemoveFolder(String),
    /// Into the files to which outputs were hard links.
    WriteKept(String),
}

/// A file of an item, or a folder in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Entry {
    File { text: String, executable: bool },
    EmptyFolder,
}

impl Entry {
    fn file(text: &str) -> Self {
        Self::File { text: text.to_owned(), executable: false }
    }

    /// What a stage reads of it.
    fn read(&self) -> String {
        match self {
            Self::File { text, executable: true } => format!("{text}x"),
            Self::File { text, executable: false } => text.clone(),
            Self::EmptyFolder => "d".to_owned(),
        }
    }
}

/// Everything that decides what a stage makes, as the model sees it.
type Identity = (Function, u8, Vec<String>, Vec<(usize, BTreeMap<String, Entry>)>);

/// A pipeline, its files, and what the store should have.
pub(crate) struct World {
    space: Space,
    stages: Vec<Stage>,
    /// The content of each item; a file has the name `""`.
    items: Vec<BTreeMap<String, Entry>>,
    /// Where they are.
    root: PathBuf,
    /// Maps of files of items, by path.
    maps: BTreeMap<PathBuf, MappedFile>,
    /// What has a record that can be read, with the real key of each where it was seen.
    records: BTreeMap<Identity, String>,
    keys: BTreeMap<Identity, String>,
    /// Results whose artifact is not whole.
    broken: BTreeSet<String>,
    /// How many stages ran, and how many were cached.
    pub(crate) ran: usize,
    pub(crate) cached: usize,
}

type Checked = Result<(), String>;

fn expect(holds: bool, failure: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(failure()) }
}

impl World {
    /// A pipeline that never ran.
    pub(crate) fn new(stages: Vec<Stage>) -> Self {
        let space = Space::new();
        let root = space.path("");
        Self::over(space, root, stages)
    }

    /// The same with the items elsewhere.
    pub(crate) fn with_items_in(root: &Path, stages: Vec<Stage>) -> Self {
        Self::over(Space::new(), root.to_owned(), stages)
    }

    fn over(space: Space, root: PathBuf, stages: Vec<Stage>) -> Self {
        let file = |text: &str| BTreeMap::from([(String::new(), Entry::file(text))]);
        let folder = BTreeMap::from([("w".to_owned(), Entry::file("q"))]);
        space.write("kept/none", "");
        let world = Self {
            space,
            stages,
            root,
            maps: BTreeMap::new(),
            items: vec![file("a"), file("b"), folder],
            records: BTreeMap::new(),
            keys: BTreeMap::new(),
            broken: BTreeSet::new(),
            ran: 0,
            cached: 0,
        };
        (0..ITEMS.len()).for_each(|item| world.write_item(item));
        world
    }

    /// Makes a step and the run after it.
    pub(crate) fn step(&mut self, edit: &Edit) -> Checked {
        let stage = |place: &usize| place % self.stages.len();
        match edit {
            Edit::Parameter(place, value) => {
                let place = stage(place);
                self.stages[place].parameter = *value;
            }
            Edit::Function(place, function) => {
                let place = stage(place);
                self.stages[place].function = *function;
            }
            Edit::Rename(place) => {
                let place = stage(place);
                self.stages[place].name += "x";
            }
            Edit::Force(place) => return self.run(&[format!("--force={}", self.stages[stage(place)].name)]),
            Edit::From(place) => return self.run(&["--from".to_owned(), self.stages[stage(place)].name.clone()]),
            Edit::Kill(after) => return self.killed(Duration::from_millis(*after)),
            Edit::LoseArtifact(place) | Edit::DamageArtifact(place, _) => self.damage_artifact(stage(place), edit),
            Edit::LoseRecord(place) | Edit::DamageRecord(place, ..) => self.damage_record(stage(place), edit),
            Edit::LoseIndex => drop(std::fs::remove_dir_all(self.space.path("artifacts/index"))),
            Edit::DamageIndex => damage_all(self.space.path("artifacts/index")),
            Edit::SameSize(item) => {
                self.flip(*item, false);
                self.run(&[])?;
                self.flip(*item, false);
            }
            Edit::Mapped(item) => {
                self.flip(*item, true);
                self.run(&[])?;
                self.flip(*item, true);
            }
            Edit::WriteKept(text) => {
                for entry in std::fs::read_dir(self.space.path("kept")).unwrap() {
                    std::fs::write(entry.unwrap().path(), text).unwrap();
                }
            }
            external => self.change_item(external),
        }
        self.run(&[])
    }

    /// Writes another text of the same size into the first file of an item.
    fn flip(&mut self, item: usize, mapped: bool) {
        let path = self.path(item, main_file(item));
        let Some(Entry::File { text, .. }) = self.items[item].get_mut(main_file(item)) else { unreachable!() };
        if text.is_empty() {
            "b".clone_into(text);
        }
        let flipped: String = text.chars().map(|letter| if letter == 'a' { 'b' } else { 'a' }).collect();
        flipped.clone_into(text);
        if std::fs::metadata(&path).unwrap().len() != flipped.len() as u64 || !mapped || keeps_no_pages(&self.root) {
            std::fs::write(&path, flipped).unwrap();
        } else {
            self.maps.entry(path).or_insert_with_key(|path| MappedFile::open(path)).write(flipped.as_bytes());
        }
    }

    fn path(&self, item: usize, name: &str) -> PathBuf {
        let path = self.root.join(ITEMS[item]);
        if name.is_empty() { path } else { path.join(name) }
    }

    fn change_item(&mut self, edit: &Edit) {
        match edit {
            Edit::Write(item, text) => {
                self.set_text(*item, text);
                self.write_item(*item);
            }
            Edit::OtherName(item, text) => {
                self.set_text(*item, text);
                let (path, other) = (self.path(*item, main_file(*item)), self.root.join("other").join(ITEMS[*item]));
                std::fs::create_dir_all(self.root.join("other")).unwrap();
                let inode = |path: &Path| std::fs::metadata(path).map(|found| found.ino()).ok();
                if inode(&other) != inode(&path) {
                    std::fs::remove_file(&other).ok();
                    std::fs::hard_link(&path, &other).unwrap();
                }
                std::fs::write(&other, text).unwrap();
            }
            Edit::Replace(item, text) => {
                self.set_text(*item, text);
                let path = self.path(*item, main_file(*item));
                let [source, link] = ["source", "link"].map(|name| self.root.join(name));
                std::fs::remove_file(&source).ok();
                std::fs::write(&source, text).unwrap();
                std::fs::set_permissions(&source, std::fs::metadata(&path).unwrap().permissions()).unwrap();
                std::fs::hard_link(&source, &link).unwrap();
                std::fs::rename(&link, &path).unwrap();
                self.maps.remove(&path);
            }
            Edit::Executable(item, yes) => {
                if let Some(Entry::File { executable, .. }) = self.items[*item].get_mut(main_file(*item)) {
                    *executable = *yes;
                }
                let mode = std::fs::Permissions::from_mode(if *yes { 0o755 } else { 0o644 });
                std::fs::set_permissions(self.path(*item, main_file(*item)), mode).unwrap();
            }
            Edit::MakeFolder(name) => {
                self.items[2].insert(name.clone(), Entry::EmptyFolder);
                std::fs::create_dir_all(self.path(2, name)).unwrap();
            }
            Edit::RemoveFolder(name) => {
                self.items[2].remove(name);
                std::fs::remove_dir(self.path(2, name)).ok();
            }
            Edit::Touch(item) => self.write_item(*item),
            Edit::AddFile(name, text) => {
                self.items[2].insert(name.clone(), Entry::file(text));
                self.write_item(2);
            }
            Edit::RemoveFile(name) => {
                self.items[2].remove(name);
                std::fs::remove_file(self.path(2, name)).ok();
            }
            other => unreachable!("{other:?} changes no item"),
        }
    }

    fn set_text(&mut self, item: usize, new: &str) {
        if let Some(Entry::File { text, .. }) = self.items[item].get_mut(main_file(item)) {
            new.clone_into(text);
        }
    }

    fn write_item(&self, item: usize) {
        for (name, entry) in &self.items[item] {
            if let Entry::File { text, .. } = entry {
                let path = self.path(item, name);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, text).unwrap();
            }
        }
    }

    /// What each stage makes, worked out from nothing, with what identifies it.
    fn made(&self) -> Vec<(Identity, String)> {
        let mut made: Vec<(Identity, String)> = Vec::new();
        for stage in &self.stages {
            let entering: Vec<String> = stage.uses.iter().map(|place| made[*place].1.clone()).collect();
            let items: Vec<_> = stage.items.iter().map(|item| (*item, self.items[*item].clone())).collect();
            let mut text = entering.concat();
            text.extend(items.iter().flat_map(|(_, entries)| entries.values().map(Entry::read)));
            text += &stage.parameter.to_string();
            let result = match stage.function {
                Function::Join | Function::Linked => text,
                Function::First => text[..1].to_owned(),
                Function::Constant => "k".to_owned(),
            };
            made.push(((stage.function, stage.parameter, entering, items), result));
        }
        made
    }

    fn write_pipeline(&self) {
        let mut text = "name = 'p'\n".to_owned();
        for stage in &self.stages {
            let inputs: Vec<String> = (0..)
                .zip(&stage.uses)
                .map(|(number, place): (usize, _)| format!("a{number} = '{}.o'", self.stages[*place].name))
                .collect();
            let files: Vec<String> = stage
                .items
                .iter()
                .map(|item| format!("{} = '{}'", ITEMS[*item], self.path(*item, "").display()))
                .collect();
            let reads: String = (0..stage.uses.len()).map(|number| format!("cat {{inputs.a{number}}}/v; ")).collect();
            let outside: String = stage
                .items
                .iter()
                .map(|item| match ITEMS[*item] {
                    "folder" => "for f in {files.folder}/*; do read_one $f; done; ".to_owned(),
                    file => format!("read_one {{files.{file}}}; "),
                })
                .collect();
            let end = match stage.function {
                Function::Join | Function::Linked => "cat",
                Function::First => "head -c 1",
                Function::Constant => "cat > /dev/null; printf k",
            };
            let kept = self.space.path("kept");
            let (to, after) = match stage.function {
                Function::Linked => {
                    (format!("$(mktemp -p {} > name; cat name)", kept.display()), "; ln $(cat name) {outputs.o}/v")
                }
                _ => ("{outputs.o}/v".to_owned(), ""),
            };
            text += &format!(
                "[stage.{}]\nuses = 'command'\noutputs = {{ o = 'text' }}\nparameters = {{ p = {} }}\n\
                 inputs = {{ {} }}\nfiles = {{ {} }}\n\
                 command = ['sh', '-c', '{READ_ONE} ({reads}{outside}printf {{parameters.p}}) | ({end}) > {to}{after}']\n",
                stage.name,
                stage.parameter,
                inputs.join(", "),
                files.join(", ")
            );
        }
        self.space.write("p.toml", text);
    }

    /// Runs the pipeline and compares.
    pub(crate) fn run(&mut self, arguments: &[String]) -> Checked {
        self.write_pipeline();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let outcome = self.space.pipe(&[&["run", "p", "--json", "-j", "2"], &arguments[..]].concat());
        expect(outcome.code == 0, || format!("exit {}\n{}{}", outcome.code, outcome.out, outcome.err))?;
        let statuses = outcome.statuses();
        let made = self.made();
        let forced = self.forced(&arguments);
        self.check_what_ran(&made, &statuses, &forced, &BTreeSet::new())?;
        self.settle(&made, &statuses)
    }

    fn forced(&self, arguments: &[&str]) -> BTreeSet<usize> {
        let name = |name: &str| self.stages.iter().position(|stage| stage.name == name);
        let mut forced: BTreeSet<usize> =
            arguments.iter().filter_map(|word| name(word.trim_start_matches("--force="))).collect();
        if arguments.first() == Some(&"--from") {
            for (place, stage) in self.stages.iter().enumerate() {
                if stage.uses.iter().any(|used| forced.contains(used)) {
                    forced.insert(place);
                }
            }
        }
        forced
    }

    /// What ran is what had no whole result, each once. `maybe` has what a killed run may have finished.
    fn check_what_ran(
        &self,
        made: &[(Identity, String)],
        statuses: &BTreeMap<String, String>,
        forced: &BTreeSet<usize>,
        maybe: &BTreeSet<Identity>,
    ) -> Checked {
        expect(statuses.len() == self.stages.len(), || format!("{statuses:?} are not all stages"))?;
        let ran = |place: usize| statuses[&self.stages[place].name] == "done";
        for (place, (identity, result)) in made.iter().enumerate() {
            let name = &self.stages[place].name;
            let twins: Vec<usize> = (0..made.len()).filter(|other| made[*other].0 == *identity).collect();
            let runs = twins.iter().filter(|twin| ran(**twin)).count();
            let options = twins.iter().filter(|twin| forced.contains(twin)).count();
            let kept = self.records.contains_key(identity);
            let whole = kept && !self.broken.contains(result);
            let failure = |problem: &str| format!("{name} {problem}: {runs} of its twins ran; {statuses:?}");
            expect(!whole || runs <= options, || failure("has a result and ran"))?;
            expect(kept || runs > 0 || maybe.contains(identity), || failure("has no result and did not run"))?;
            expect(options == 0 || runs > 0, || failure("was forced and did not run"))?;
            expect(runs <= options.max(1) + usize::from(options > 0 && !whole), || failure("ran too often"))?;
            // Whichever stage makes it again makes it for all that have this result.
            let makers = (0..made.len()).filter(|other| made[*other].1 == *result && ran(*other)).count();
            let needed = self.broken.contains(result) && maybe.is_empty();
            expect(!needed || makers > 0, || failure("had a damaged result that nobody made again"))?;
        }
        Ok(())
    }

    /// Compares every output, and notes what the store has now.
    fn settle(&mut self, made: &[(Identity, String)], statuses: &BTreeMap<String, String>) -> Checked {
        for (stage, (identity, result)) in self.stages.iter().zip(made) {
            let path = self.space.path(&format!("artifacts/p/{}/o/v", stage.name));
            let found = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            expect(found == *result, || format!("stale: {} is '{found}', expected '{result}'", stage.name))?;
            self.records.insert(identity.clone(), result.clone());
            self.broken.remove(result);
            let record = self.space.path(&format!("artifacts/p/{}/action.json", stage.name));
            let target = std::fs::read_link(record).unwrap();
            let key = target.file_stem().unwrap().to_str().unwrap().to_owned();
            let before = self.keys.insert(identity.clone(), key.clone());
            expect(before.as_ref().is_none_or(|before| *before == key), || format!("{} has two keys", stage.name))?;
        }
        let different: BTreeSet<&String> = self.keys.values().collect();
        expect(different.len() == self.keys.len(), || "two identities have one key".to_owned())?;
        self.ran += statuses.values().filter(|status| *status == "done").count();
        self.cached += statuses.values().filter(|status| *status == "cached").count();
        Ok(())
    }

    /// A run that is killed, and one that goes on: what was acknowledged is cached, what had a result still has it.
    fn killed(&mut self, after: Duration) -> Checked {
        // Something to do.
        self.stages[0].parameter = (self.stages[0].parameter + 1) % 3;
        self.write_pipeline();
        let run = self.space.start(&["run", "p"]);
        std::thread::sleep(after);
        let events = run.kill().events;
        let made = self.made();
        let mut maybe = BTreeSet::new();
        for (stage, (identity, result)) in self.stages.iter().zip(&made) {
            let ran = |event: &Value| event["stage"] == *stage.name && event["status"] == "done";
            if events.iter().any(ran) {
                self.records.insert(identity.clone(), result.clone());
                self.broken.remove(result);
            } else {
                maybe.insert(identity.clone());
            }
        }
        let outcome = self.space.pipe(&["run", "p", "--json"]);
        expect(outcome.code == 0, || format!("after a kill: exit {}\n{}", outcome.code, outcome.err))?;
        let statuses = outcome.statuses();
        self.check_what_ran(&made, &statuses, &BTreeSet::new(), &maybe)?;
        self.settle(&made, &statuses)
    }

    fn damage_artifact(&mut self, place: usize, edit: &Edit) {
        let result = self.made()[place].1.clone();
        let folder = self.space.path(&format!("artifacts/p/{}/o", self.stages[place].name));
        // An edit before may have left the stage with another result than its links have.
        let Ok(folder) = folder.canonicalize() else { return };
        assert_eq!(std::fs::read_to_string(folder.join("v")).unwrap(), result);
        if let Edit::DamageArtifact(_, longer) = edit {
            std::fs::remove_file(folder.join("v")).unwrap();
            let damaged = if *longer || result.is_empty() { result.clone() + "z" } else { String::new() };
            std::fs::write(folder.join("v"), damaged).unwrap();
        } else {
            std::fs::remove_dir_all(folder).unwrap();
        }
        self.broken.insert(result);
    }

    fn damage_record(&mut self, place: usize, edit: &Edit) {
        let (identity, _) = self.made().swap_remove(place);
        let path = self.space.path(&format!("artifacts/actions/{}.json", self.keys[&identity]));
        match edit {
            Edit::DamageRecord(_, at, cut) => {
                let mut bytes = std::fs::read(&path).unwrap();
                let at = usize::from(*at) % (bytes.len() - 1);
                if *cut {
                    bytes.truncate(at);
                } else {
                    bytes[at] ^= 1;
                }
                std::fs::write(&path, bytes).unwrap();
            }
            _ => std::fs::remove_file(&path).unwrap(),
        }
        self.records.remove(&identity);
    }
}

/// How a stage reads one file or empty folder.
const READ_ONE: &str =
    "read_one() { if test -d $1; then printf d; else cat $1; if test -x $1; then printf x; fi; fi; };";

/// The file of an item that edits are made to.
fn main_file(item: usize) -> &'static str {
    if ITEMS[item] == "folder" { "w" } else { "" }
}

/// Puts nonsense into every file of a folder.
fn damage_all(folder: PathBuf) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            damage_all(entry.path());
        } else {
            std::fs::write(entry.path(), "nonsense").unwrap();
        }
    }
}
