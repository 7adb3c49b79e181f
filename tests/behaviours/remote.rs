//! Results that machines share over a remote: a folder, and object storage that is not there or not set up.

use crate::space::chain::{CHAIN, chain, word};
use crate::space::{Outcome, Space};
use crate::whole;
use std::path::PathBuf;

/// Machines that share a folder.
struct Team {
    folder: tempfile::TempDir,
}

impl Team {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn url(&self) -> String {
        format!("file://{}", self.folder.path().display())
    }

    fn run(&self, machine: &Space, more: &[&str]) -> Outcome {
        machine.succeed(&[&["run", "chain", "--remote", &self.url(), "--json"], more].concat())
    }

    /// How many stages a machine runs.
    fn runs(&self, machine: &Space, more: &[&str]) -> usize {
        self.run(machine, more).statuses().values().filter(|state| *state == "done").count()
    }

    fn files(&self, folder: &str) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.folder.path().join(folder)).into_iter().flatten();
        entries.map(|entry| entry.unwrap().path()).collect()
    }
}

#[test]
fn a_second_machine_runs_nothing_that_the_first_has_run() {
    let team = Team::new();
    let (first, second) = (chain(), chain());
    assert_eq!(team.runs(&first, &[]), 3);
    assert_eq!(team.runs(&second, &[]), 0);
    assert_eq!(first.stored("store"), second.stored("store"));
    assert_eq!(whole::assert_whole(&second.path("artifacts")), 3);
    assert_eq!(team.runs(&second, &["--set", &word("b")]), 3, "what nobody has run");
    assert_eq!(team.runs(&first, &["--set", &word("b")]), 0);
    std::fs::remove_dir_all(team.folder.path().join("records")).unwrap();
    assert_eq!(team.runs(&first, &[]), 0, "what was pulled is here");
}

#[test]
fn the_file_names_the_remote_and_the_mode_says_what_is_done_with_it() {
    let team = Team::new();
    let machine = |mode: &str| {
        let space = Space::new();
        space.write("chain.toml", format!("{CHAIN}\n[remote]\nurl = '{}'\nmode = '{mode}'\n", team.url()));
        space
    };
    let done = |space: &Space| space.statuses(&["chain"]).values().filter(|state| *state == "done").count();
    assert_eq!(done(&machine("read")), 3);
    assert!(team.files("records").is_empty(), "who reads gives nothing");
    assert_eq!(done(&machine("write")), 3);
    assert_eq!(done(&machine("write")), 3, "who writes takes nothing");
    assert_eq!(done(&machine("read")), 0);
    let elsewhere = machine("read");
    elsewhere.succeed(&["run", "chain", "--remote", ""]);
    assert_eq!(elsewhere.stored("runs").len(), 1, "an empty URL is no remote, so the stages ran");
}

#[test]
fn the_remote_is_no_part_of_keys() {
    let team = Team::new();
    let (with, without) = (chain(), chain());
    team.run(&with, &[]);
    without.succeed(&["run", "chain"]);
    assert_eq!(with.stored("actions"), without.stored("actions"));
}

#[test]
fn a_damaged_artifact_is_refused_quarantined_and_made_again() {
    let team = Team::new();
    team.run(&chain(), &[]);
    for artifact in team.files("artifacts") {
        let file = std::fs::read_dir(artifact).unwrap().next().unwrap().unwrap().path();
        let mut bytes = std::fs::read(&file).unwrap();
        bytes[0] ^= 1;
        std::fs::write(file, bytes).unwrap();
    }
    let (second, third) = (chain(), chain());
    let outcome = team.run(&second, &[]);
    assert!(outcome.err.contains("is damaged, moved to its quarantine and made again"), "{}", outcome.err);
    assert_eq!(whole::assert_whole(&second.path("artifacts")), 3);
    assert!(!team.files("quarantine").is_empty());
    assert_eq!(team.runs(&third, &[]), 0);
}

#[test]
fn machines_at_once_run_each_stage_once() {
    let team = Team::new();
    let machines = [chain(), chain(), chain(), chain()];
    let runs: usize = std::thread::scope(|threads| {
        let started = machines.each_ref().map(|machine| threads.spawn(|| team.runs(machine, &[])));
        started.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(runs, 3);
}

#[test]
fn push_pull_and_status_transfer_and_count_what_lacks() {
    let team = Team::new();
    let (first, second, third) = (chain(), chain(), chain());
    first.succeed(&["run", "chain"]);
    first.succeed(&["run", "chain", "--set", &word("b")]);
    let status = |space: &Space| {
        let found = space.json(&["cache", "status", "--remote", &team.url()]);
        let count = |name: &str| found[name].as_array().unwrap().len();
        (found["both"].as_u64().unwrap(), count("only_here"), count("only_there"))
    };
    assert_eq!(status(&first), (0, 6, 0));
    let push = |more: &[&str]| first.json(&[&["cache", "push", "--remote", &team.url()], more].concat());
    assert_eq!(push(&["chain"])["transferred"], 3, "the current results of a pipeline");
    let pushed = push(&[]);
    assert_eq!((&pushed["transferred"], &pushed["present"]), (&3.into(), &3.into()));
    assert_eq!(status(&second), (0, 0, 6));
    assert_eq!(second.json(&["cache", "pull", "chain", "--remote", &team.url()])["transferred"], 3);
    assert_eq!(status(&second), (3, 0, 3));
    assert_eq!(third.json(&["cache", "pull", "--remote", &team.url()])["transferred"], 6);
    assert_eq!(whole::assert_whole(&third.path("artifacts")), 6);
    let statuses = second.statuses(&["chain"]);
    assert!(statuses.values().all(|state| state == "cached"), "{statuses:?}");
}

#[test]
fn collecting_keeps_what_results_name() {
    let team = Team::new();
    let machine = chain();
    team.run(&machine, &[]);
    let collect = |more: &[&str]| machine.json(&[&["cache", "remote-gc", "--remote", &team.url()], more].concat());
    assert_eq!(collect(&[])["records"], serde_json::json!([]));
    assert_eq!(team.runs(&chain(), &[]), 0);
    let short = machine.pipe(&["cache", "remote-gc", "--remote", &team.url(), "--grace-days", "1"]);
    assert_eq!(short.code, 2, "{}", short.err);
    let old = std::time::SystemTime::now() - std::time::Duration::from_secs(40 * 24 * 3600);
    for path in ["records", "artifacts"].iter().flat_map(|folder| team.files(folder)) {
        std::fs::File::open(path).unwrap().set_modified(old).unwrap();
    }
    let gone = collect(&["--keep-days", "30"]);
    assert_eq!((gone["records"].as_array().unwrap().len(), team.files("artifacts").len()), (3, 0), "{gone}");
    assert_eq!(team.runs(&chain(), &[]), 3);
}

/// `pipe` with a bucket as its remote, and no credentials but those that are given.
fn with_bucket(space: &Space, arguments: &[&str], variables: &[(&str, &str)]) -> Outcome {
    let mut command = space.command(arguments);
    let names = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_ENDPOINT_URL"];
    for name in names {
        command.env_remove(name);
    }
    command.env("PIPE_REMOTE", "s3://bucket/team").env("AWS_EC2_METADATA_DISABLED", "true");
    command.env("HOME", space.path("")).envs(variables.iter().copied());
    Outcome::of(&command.output().unwrap())
}

#[test]
fn what_is_missing_of_the_credentials_is_named() {
    let space = chain();
    for arguments in [["run", "chain"].as_slice(), &["cache", "status"]] {
        let none = with_bucket(&space, arguments, &[]);
        assert_eq!(none.code, 47, "{}", none.err);
        assert!(none.err.contains("AWS_ACCESS_KEY_ID") && none.err.contains("~/.aws/credentials"), "{}", none.err);
    }
    let half = with_bucket(&space, &["run", "chain"], &[("AWS_ACCESS_KEY_ID", "AK")]);
    assert_eq!(half.code, 47);
    assert!(half.err.contains("AWS_SECRET_ACCESS_KEY is not"), "{}", half.err);
    space.write(".aws/credentials", "[team]\naws_access_key_id = AK\n");
    let profile = with_bucket(&space, &["run", "chain"], &[("AWS_PROFILE", "team")]);
    assert!(profile.err.contains("profile 'team' has no aws_secret_access_key"), "{}", profile.err);
    assert!(space.stored("actions").is_empty(), "nothing ran");
}

#[test]
fn a_run_goes_on_without_a_server_that_does_not_answer() {
    let space = chain();
    // A port that nobody listens at: its listener is gone again.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let endpoint = format!("http://127.0.0.1:{port}");
    let secret = "never-printed";
    let variables = [("AWS_ENDPOINT_URL", &*endpoint), ("AWS_ACCESS_KEY_ID", "AK"), ("AWS_SECRET_ACCESS_KEY", secret)];
    let run = with_bucket(&space, &["run", "chain"], &variables);
    assert_eq!(run.code, 0, "{}", run.err);
    assert_eq!(run.err.matches("this run goes on without it").count(), 1, "{}", run.err);
    assert_eq!(space.stored("actions").len(), 3);
    let push = with_bucket(&space, &["cache", "push"], &variables);
    assert_eq!(push.code, 47, "{}", push.err);
    assert!(!run.err.contains(secret) && !push.err.contains(secret));
}

#[test]
fn a_url_that_means_no_remote_is_refused() {
    let space = chain();
    for (url, code) in [("ftp://host/a", 2), ("file://relative", 2), ("s3://", 2), ("s3://key:hidden@bucket/a", 2)] {
        let outcome = space.pipe(&["run", "chain", "--remote", url]);
        assert_eq!(outcome.code, code, "{url}: {}", outcome.err);
        assert!(!outcome.err.contains("hidden"), "{}", outcome.err);
    }
    space.write("bad.toml", format!("{CHAIN}\n[remote]\nmode = 'read'\n"));
    let outcome = space.pipe(&["run", "bad"]);
    assert_eq!(outcome.code, 11);
    assert!(outcome.err.contains("'remote' has no 'url'"), "{}", outcome.err);
}

#[test]
fn nothing_is_started_where_no_remote_is_set_or_needed() {
    let space = chain();
    space.succeed(&["run", "chain"]);
    // With a remote that cannot be used, a run that finds everything here does not notice.
    let missing = space.path("no-such-program");
    let mut command = space.command(&["run", "chain"]);
    command.env("PIPE_REMOTE", "s3://bucket/team").env("PIPE_REMOTE_PROGRAM", &missing);
    assert!(command.output().unwrap().status.success());
    let mut command = space.command(&["run", "chain", "--set", &word("b")]);
    command.env("PIPE_REMOTE", "s3://bucket/team").env("PIPE_REMOTE_PROGRAM", &missing);
    let outcome = Outcome::of(&command.output().unwrap());
    assert_eq!(outcome.code, 43, "{}", outcome.err);
    assert!(outcome.err.contains("no-such-program"), "{}", outcome.err);
}
