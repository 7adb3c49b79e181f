//! Stages share the machine out: GPUs, memory and threads are never given twice.

use crate::space::{Space, with_status};

/// `count` commands that each note their start, their GPUs and their end, with these resources.
fn noting(count: usize, resources: &str) -> Space {
    let space = Space::new();
    let notes = space.path("notes");
    let mut pipeline = "name = 'p'\n".to_owned();
    for number in 0..count {
        pipeline += &format!(
            "[stage.s{number}]\nuses = 'command'\noutputs = {{ out = 'text' }}\nresources = {{ {resources} }}\n\
             command = ['sh', '-c', 'echo start {number} $CUDA_VISIBLE_DEVICES >> {0}; sleep 0.2; \
             echo end {number} $CUDA_VISIBLE_DEVICES >> {0}; echo {number} > {{outputs.out}}/x']\n",
            notes.display()
        );
    }
    space.write("p.toml", pipeline);
    space
}

/// What was noted, as words, in the order of time.
fn notes(space: &Space) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(space.path("notes")).unwrap_or_default();
    text.lines().map(|line| line.split(' ').map(str::to_owned).collect()).collect()
}

/// The most stages that ran at once.
fn most_at_once(space: &Space) -> usize {
    let (mut now, mut most) = (0, 0);
    for note in notes(space) {
        now = if note[0] == "start" { now + 1 } else { now - 1 };
        most = most.max(now);
    }
    most
}

#[test]
fn a_gpu_is_one_stages_own_while_it_runs() {
    let space = noting(5, "gpus = 1, threads = 1");
    space.succeed(&["run", "p", "--slots", "gpus=2,threads=8", "-j", "8"]);
    let mut held: Vec<String> = Vec::new();
    for note in notes(&space) {
        let gpu = note[2].clone();
        assert!(["0", "1"].contains(&gpu.as_str()), "{note:?}");
        if note[0] == "start" {
            assert!(!held.contains(&gpu), "{gpu} was given twice: {:?}", notes(&space));
            held.push(gpu);
        } else {
            held.retain(|other| *other != gpu);
        }
    }
    assert_eq!(notes(&space).len(), 10);
    assert_eq!(most_at_once(&space), 2);
}

#[test]
fn two_gpus_at_once_are_two() {
    let space = noting(2, "gpus = 2, threads = 1");
    space.succeed(&["run", "p", "--slots", "gpus=3,threads=8", "-j", "8"]);
    assert_eq!(most_at_once(&space), 1);
    let gpus: Vec<String> = notes(&space).into_iter().map(|note| note[2].clone()).collect();
    assert!(gpus.iter().all(|gpus| gpus == "0,1"), "{gpus:?}");
}

#[test]
fn visible_gpus_are_the_ones_that_are_shared_out() {
    let space = noting(1, "gpus = 1");
    assert!(space.command(&["run", "p"]).env("CUDA_VISIBLE_DEVICES", "7,5").status().unwrap().success());
    assert_eq!(notes(&space)[0][2], "7");
}

#[test]
fn what_can_never_fit_is_said_before_anything_runs() {
    let space = noting(1, "gpus = 1");
    let free = "[stage.free]\nuses = 'command'\noutputs = { out = 'text' }\ncommand = ['sh', '-c', 'echo x > {outputs.out}/x']\n";
    let pipeline = std::fs::read_to_string(space.path("p.toml")).unwrap();
    space.write("p.toml", pipeline + free);
    for command in ["plan", "run"] {
        let outcome = space.pipe(&[command, "p", "--slots", "gpus=0"]);
        assert_eq!(outcome.code, 14, "{command}: {}", outcome.err);
        assert!(outcome.err.contains("s0: it asks for 1 GPU(s), this machine has 0"), "{}", outcome.err);
    }
    assert!(space.stored("actions").is_empty());
    space.succeed(&["run", "p", "--slots", "gpus=1"]);
    let statuses = space.statuses(&["p", "--slots", "gpus=0"]);
    assert_eq!(with_status(&statuses, "cached"), ["free", "s0"], "what is there needs no GPU");
}

#[test]
fn everything_that_can_never_fit_is_listed() {
    let space = noting(1, "gpus = 3, threads = 9, memory = '20G'");
    let outcome = space.pipe(&["run", "p", "--slots", "gpus=2,threads=2,memory=10G"]);
    assert_eq!(outcome.code, 14);
    insta::assert_snapshot!(outcome.err);
}

#[test]
fn memory_and_threads_are_shared_out() {
    for resources in ["memory = '6G', threads = 1", "threads = 3"] {
        let space = noting(3, resources);
        space.succeed(&["run", "p", "--slots", "threads=4,memory=10G", "-j", "8"]);
        assert_eq!((notes(&space).len(), most_at_once(&space)), (6, 1), "{resources}");
    }
    let space = noting(2, "memory = '5G', threads = 2");
    space.succeed(&["run", "p", "--slots", "threads=4,memory=10G", "-j", "8"]);
    assert_eq!(most_at_once(&space), 2, "what fits runs side by side");
}
