//! A folder of a test's own with a store and pipelines in it, and the real `pipe` to run over them.

pub(crate) mod chain;
pub(crate) mod live;
pub(crate) mod walkers;

use live::Live;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// A chain of quick stages: made-up reviews, ingest, the popularity ranking and its metrics.
pub(crate) const QUICK: &str = r#"
name = "quick"
seed = 1

[stage.sample]
uses = "sample"
users = 120
items = 60

[stage.ingest]
uses = "ingest"
inputs = { reviews = "sample.reviews", metadata = "sample.metadata" }

[stage.popularity]
uses = "popularity"
inputs = { interactions = "ingest.interactions" }

[stage.metrics]
uses = "metrics"
inputs.interactions = "ingest.interactions"
inputs.rankings = { popularity = "popularity.rankings" }
"#;

/// The pipeline `p`: a small language model and its lists, on the data of [`QUICK`] in `quick.toml`.
pub(crate) const LANGUAGE_MODEL: &str = concat!(
    "extends = \"quick.toml\"\nname = \"p\"\n[stage.sample]\nflaws = 0.0\n\n",
    include_str!("../../fixtures/language_model.toml")
);

/// The folder.
pub(crate) struct Space {
    folder: tempfile::TempDir,
}

/// What a run of `pipe` came to.
pub(crate) struct Outcome {
    /// The exit code; -1 after a signal.
    pub(crate) code: i32,
    /// Standard output.
    pub(crate) out: String,
    /// Standard error.
    pub(crate) err: String,
}

impl Space {
    /// An empty folder.
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// A folder with the quick pipeline as `quick.toml`.
    pub(crate) fn quick() -> Self {
        let space = Self::new();
        space.write("quick.toml", QUICK);
        space
    }

    /// A path in the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file in the folder.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// Writes a gzipped file in the folder, cut to `keep` bytes if given.
    pub(crate) fn write_gzip(&self, name: &str, content: &str, keep: Option<usize>) {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(content.as_bytes()).unwrap();
        let mut bytes = encoder.finish().unwrap();
        bytes.truncate(keep.unwrap_or(bytes.len()));
        self.write(name, bytes);
    }

    /// `pipe` with these arguments, in this folder.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pipe"));
        command.current_dir(self.folder.path()).args(arguments);
        for name in ["PIPE_STORE", "PIPE_WORKER", "PIPE_REMOTE", "PIPE_REMOTE_MODE"] {
            command.env_remove(name);
        }
        command
    }

    /// Runs `pipe` to its end.
    pub(crate) fn pipe(&self, arguments: &[&str]) -> Outcome {
        Outcome::of(&self.command(arguments).output().unwrap())
    }

    /// Starts `pipe` with `--json`, to be watched while it goes on.
    pub(crate) fn start(&self, arguments: &[&str]) -> Live {
        Live::start(self.command(&[arguments, &["--json"]].concat()))
    }

    /// Runs `pipe` to its end, which must be a good one.
    pub(crate) fn succeed(&self, arguments: &[&str]) -> Outcome {
        let outcome = self.pipe(arguments);
        assert_eq!(outcome.code, 0, "pipe {}\n{}{}", arguments.join(" "), outcome.out, outcome.err);
        outcome
    }

    /// Runs `pipe` with `--json` to its end, which must be a good one, and reads the JSON value that it prints.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.succeed(&[arguments, &["--json"]].concat()).out).unwrap()
    }

    /// The text of a file in a current result, such as `p/stage/output/file`.
    pub(crate) fn result(&self, file: &str) -> String {
        std::fs::read_to_string(self.path("artifacts").join(file)).unwrap()
    }

    /// Runs a pipeline and gives what became of each stage.
    pub(crate) fn statuses(&self, arguments: &[&str]) -> BTreeMap<String, String> {
        let outcome = self.succeed(&[&["run"], arguments, &["--json"]].concat());
        outcome.statuses()
    }

    /// A copy of `pipe` in the folder. Another process writes it: a child that this one starts meanwhile would inherit the file
    /// open for writing, and the system runs no program that somebody may still write.
    pub(crate) fn copy_of_program(&self) -> PathBuf {
        let program = self.path("pipe");
        let status = Command::new("cp").arg(env!("CARGO_BIN_EXE_pipe")).arg(&program).status().unwrap();
        assert!(status.success());
        program
    }

    /// A worker that writes a line to `calls` each time it is started, then is the real one.
    pub(crate) fn counting_worker(&self) -> PathBuf {
        use std::os::unix::fs::PermissionsExt as _;
        let script = format!(
            "#!/bin/sh\necho \"$1\" >> '{}'\nexec '{}' \"$@\"\n",
            self.path("calls").display(),
            worker().display()
        );
        self.write("worker.sh", script);
        let path = self.path("worker.sh");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    /// How often the counting worker was started to run a stage.
    pub(crate) fn stage_calls(&self) -> usize {
        std::fs::read_to_string(self.path("calls")).unwrap_or_default().lines().filter(|line| *line == "stage").count()
    }

    /// How often the counting worker was started at all.
    pub(crate) fn calls(&self) -> usize {
        std::fs::read_to_string(self.path("calls")).unwrap_or_default().lines().count()
    }

    /// The names in a folder of the store, sorted; empty where there is none.
    pub(crate) fn stored(&self, folder: &str) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.path("artifacts").join(folder)) else { return Vec::new() };
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// A text with what differs from run to run replaced: the folder, digests, times.
    pub(crate) fn redact(&self, text: &str) -> String {
        let folder = self.folder.path().canonicalize().unwrap();
        let text = text.replace(folder.to_str().unwrap(), "[FOLDER]");
        let text = text.replace(self.folder.path().to_str().unwrap(), "[FOLDER]");
        let text = regex(r"\d{8}-\d{6}-\d{3}-\d+")(&text, "[RUN]");
        regex(r"after [\d.]+ (ms|s)|in [\d.]+ (ms|s)")(&text, "[TIME]")
    }
}

impl Outcome {
    pub(crate) fn of(output: &Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// The events of `--json`.
    pub(crate) fn events(&self) -> Vec<Value> {
        self.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// What became of each stage, from the events.
    pub(crate) fn statuses(&self) -> BTreeMap<String, String> {
        let events = self.events();
        let stages = events.iter().filter(|event| event["event"] == "stage");
        stages
            .map(|event| (event["stage"].as_str().unwrap().to_owned(), event["status"].as_str().unwrap().to_owned()))
            .collect()
    }
}

/// Whether a folder of `PATH` has a program of that name.
pub(crate) fn has_program(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(name).is_file())
}

/// Waits until a condition holds; `failure` is the message after a minute.
pub(crate) fn wait_until(failure: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(60), "{failure}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The stages of a map that have this status.
pub(crate) fn with_status<'a>(statuses: &'a BTreeMap<String, String>, wanted: &str) -> Vec<&'a str> {
    statuses.iter().filter(|(_, status)| *status == wanted).map(|(stage, _)| stage.as_str()).collect()
}

/// The worker beside `pipe`.
pub(crate) fn worker() -> PathBuf {
    let path = Path::new(env!("CARGO_BIN_EXE_pipe")).with_file_name("pipe-worker");
    assert!(path.is_file(), "{} is missing: run `cargo build --workspace` before the tests", path.display());
    path
}

/// The repository's root.
pub(crate) fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The folder of the real data, if it is there; otherwise says that the test is skipped.
pub(crate) fn data() -> Option<PathBuf> {
    let folder = std::env::var_os("PIPE_DATA").map_or_else(|| repository().join("../shared/data"), PathBuf::from);
    if folder.is_dir() {
        return Some(folder.canonicalize().unwrap());
    }
    eprintln!("skipped: there is no data at {}; set PIPE_DATA", folder.display());
    None
}

fn regex(pattern: &str) -> impl Fn(&str, &str) -> String {
    let pattern = regex_lite::Regex::new(pattern).unwrap();
    move |text, with| pattern.replace_all(text, with).into_owned()
}
