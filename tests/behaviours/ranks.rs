//! Stages that several processes run together: the same results, their ends, and what cannot be split.
//!
//! Skipped where Open MPI is not installed.

use crate::space::live::Live;
use crate::space::{self, Space, wait_until};
use serde_json::Value;
use std::path::PathBuf;

/// Whether there is an `mpirun`; says so if not.
fn has_mpirun() -> bool {
    let found = space::has_program("mpirun");
    if !found {
        eprintln!("skipped: mpirun of Open MPI is not in PATH");
    }
    found
}

/// A small training and its lists, each by so many ranks.
fn pipeline(finetune: usize, precache: usize) -> String {
    let resources = |ranks: usize| format!("resources = {{ threads = 1, ranks = {ranks} }}");
    space::LANGUAGE_MODEL
        .replace("epochs = 1\n", &format!("epochs = 2\nbatch_tokens = 1024\n{}\n", resources(finetune)))
        .replace("uses = \"precache\"", &format!("uses = \"precache\"\nbatch = 4\n{}", resources(precache)))
}

/// What the output of a stage is linked to, which its digest names.
fn linked(space: &Space, output: &str) -> PathBuf {
    std::fs::read_link(space.path(&format!("artifacts/p/{output}"))).unwrap()
}

fn losses(space: &Space) -> Vec<f64> {
    let report = std::fs::read(space.path("artifacts/p/finetune/curve/report.json")).unwrap();
    let report: Value = serde_json::from_slice(&report).unwrap();
    report["curve"].as_array().unwrap().iter().map(|point| point["loss"].as_f64().unwrap()).collect()
}

#[test]
fn ranks_end_like_one_process_and_repeat_exactly() {
    if !has_mpirun() {
        return;
    }
    let [alone, two, again] = [1, 2, 2].map(|ranks| {
        let space = Space::quick();
        space.write("p.toml", pipeline(ranks, 1));
        space.succeed(&["run", "p"]);
        space
    });
    assert_eq!(linked(&two, "finetune/model"), linked(&again, "finetune/model"));
    let (expected, found) = (losses(&alone), losses(&two));
    assert_eq!(expected.len(), found.len());
    assert!((expected[0] - found[0]).abs() < 1e-5, "{} {}", expected[0], found[0]);
    for (expected, found) in expected.iter().zip(&found) {
        assert!((expected - found).abs() < 1e-2, "{expected} {found}");
    }
    // Lists of the same model are the same.
    for ranks in [2, 4] {
        let before = linked(&two, "precache/rankings");
        two.write("p.toml", pipeline(2, ranks));
        let run = two.succeed(&["run", "p", "--force", "precache"]);
        assert!(run.err.contains("1 done") && !run.err.contains("it made something else"), "{}", run.err);
        assert_eq!(linked(&two, "precache/rankings"), before, "{ranks} ranks");
    }
}

/// The processes of a space's stages that are ranks of that number.
fn ranks_of(space: &Space, number: usize) -> Vec<i32> {
    let (rank, worker) = (format!("OMPI_COMM_WORLD_RANK={number}\0"), "pipe-worker\0rank\0");
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let read = |process: &i32, file: &str| {
        String::from_utf8_lossy(&std::fs::read(format!("/proc/{process}/{file}")).unwrap_or_default()).into_owned()
    };
    let is_rank = |process: &i32| {
        let folder = std::fs::read_link(format!("/proc/{process}/cwd")).unwrap_or_default();
        read(process, "cmdline").ends_with(worker)
            && read(process, "environ").contains(&rank)
            && folder.starts_with(space.path(""))
    };
    numbers.filter(is_rank).collect()
}

/// Starts the pipeline with two ranks, and waits until some steps are done.
fn start(space: &Space) -> Live {
    space.write("p.toml", pipeline(2, 1).replace("epochs = 2\nbatch_tokens", "epochs = 12\nbatch_tokens"));
    let mut command = space.command(&["run", "p", "--json", "--until", "finetune"]);
    command.env("PIPE_CHECKPOINT_SECONDS", "0");
    let mut run = Live::start(command);
    run.wait_until("the training never came to its third step", |event| {
        event["event"] == "progress" && event["stage"] == "finetune" && event["done"].as_u64().unwrap_or(0) >= 3
    });
    run
}

#[test]
fn the_end_of_one_rank_ends_all() {
    if !has_mpirun() {
        return;
    }
    let space = Space::quick();
    let run = start(&space);
    let [second] = ranks_of(&space, 1)[..] else { panic!("there is one second rank") };
    rustix::process::kill_process(rustix::process::Pid::from_raw(second).unwrap(), rustix::process::Signal::KILL)
        .unwrap();
    let ended = run.finish();
    assert_eq!(ended.code, Some(31), "{}", ended.err);
    assert!(ended.err.contains("signal 9 to one of its 2 ranks"), "{}", ended.err);
    assert!(ranks_of(&space, 0).is_empty(), "the first rank still runs");
}

#[test]
fn a_killed_run_leaves_no_rank_and_another_number_of_ranks_goes_on() {
    if !has_mpirun() {
        return;
    }
    let space = Space::quick();
    let run = start(&space);
    assert_eq!([ranks_of(&space, 0).len(), ranks_of(&space, 1).len()], [1, 1]);
    run.kill();
    wait_until("ranks outlive the run", || ranks_of(&space, 0).is_empty() && ranks_of(&space, 1).is_empty());
    space.write("p.toml", pipeline(1, 1).replace("epochs = 2\nbatch_tokens", "epochs = 12\nbatch_tokens"));
    let again = space.succeed(&["run", "p", "--json", "--until", "finetune"]);
    let went_on = |event: &Value| event["message"].as_str().is_some_and(|text| text.contains("going on from step"));
    assert!(again.events().iter().any(went_on), "{}", again.out);
}

#[test]
fn a_stage_that_cannot_be_split_refuses_ranks() {
    let space = Space::new();
    let refused = |ranks: &str, code: i32, expected: &str| {
        space.write("p.toml", format!("name = 'p'\n[stage.a]\nuses = 'sample'\nresources = {{ ranks = {ranks} }}\n"));
        let outcome = space.pipe(&["plan", "p"]);
        assert_eq!(outcome.code, code, "{}", outcome.err);
        assert!(outcome.err.contains(expected), "{}", outcome.err);
    };
    refused("2", 12, "a: resources.ranks is 2, but sample runs as one process");
    refused("0", 11, "'ranks' is 0: expected at least 1");
    space.write("p.toml", "name = 'p'\n[stage.a]\nuses = 'sample'\nresources = { ranks = 1 }\n");
    space.succeed(&["plan", "p"]);
}
