//! `uses = "command"`: any program as a stage.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test may panic, and says why it skips")]

mod space;

use serde_json::Value;
use space::{Outcome, Space, with_status};
use std::path::Path;

/// A pipeline of one stage `s` with an output `o` and this script; `more` are further lines.
fn script(script: &str, more: &str) -> Space {
    let space = Space::new();
    write_script(&space, script, more);
    space
}

fn write_script(space: &Space, script: &str, more: &str) {
    space.write(
        "p.toml",
        format!(
            "name = 'p'\n[stage.s]\nuses = 'command'\noutputs = {{ o = 'text' }}\n\
             command = ['sh', '-c', '''{script}''']\n{more}\n"
        ),
    );
}

/// What the stage `s` wrote to the file `v`.
fn made(space: &Space) -> String {
    std::fs::read_to_string(space.path("artifacts/p/s/o/v")).unwrap()
}

/// What is written down about how the result of `s` came about.
fn provenance(space: &Space) -> Value {
    let bytes = std::fs::read(space.path("artifacts/p/s/action.json")).unwrap();
    let record: Value = serde_json::from_slice(&bytes).unwrap();
    record["action"]["provenance"].clone()
}

fn failed(space: &Space, code: i32) -> Outcome {
    let outcome = space.pipe(&["run", "p"]);
    assert_eq!(outcome.code, code, "{}{}", outcome.out, outcome.err);
    assert!(space.stored("actions").is_empty());
    outcome
}

fn events(space: &Space) -> Vec<Value> {
    space.succeed(&["run", "p", "--json"]).events()
}

#[test]
fn names_in_braces_are_filled_in() {
    let space = script(
        "printf \"%s|%s|%s|%s\" {parameters.k} {seed} {threads} \"$(cat {files.words})\" > {outputs.o}/v",
        "seed = 7\nparameters = { k = 5 }\nfiles = { words = 'words.txt' }\nresources = { threads = 1 }",
    );
    space.write("words.txt", "hello");
    space.succeed(&["run", "p"]);
    assert_eq!(made(&space), "5|7|1|hello");
}

#[test]
fn the_same_is_in_the_environment() {
    let space = script(
        "printf \"%s|%s|%s|\" $PIPE_SEED $PIPE_THREADS $PIPE_INPUT_FILES_WORDS > $PIPE_OUTPUT_O/v; \
         cat $PIPE_PARAMETERS >> $PIPE_OUTPUT_O/v",
        "seed = 7\nparameters = { k = 5, name = \"x\" }\nfiles = { words = 'words.txt' }\nresources = { threads = 1 }",
    );
    space.write("words.txt", "hello");
    space.succeed(&["run", "p"]);
    let text = made(&space);
    let (words, parameters) = text.split_at(text.find('{').unwrap());
    assert_eq!(words, "7|1|files/words/words.txt|");
    assert_eq!(serde_json::from_str::<Value>(parameters).unwrap(), serde_json::json!({ "k": "5", "name": "x" }));
}

#[test]
fn a_command_sees_what_is_declared_and_no_more_of_the_environment() {
    let space = script("env > {outputs.o}/v", "env = { DECLARED = 'yes' }");
    let output = space.command(&["run", "p"]).env("STRAY", "no").env("LC_ALL", "de_DE").output().unwrap();
    assert!(output.status.success());
    let text = made(&space);
    let names: Vec<&str> = text.lines().filter_map(|line| line.split('=').next()).collect();
    assert!(text.contains("DECLARED=yes\n") && text.contains("LC_ALL=C.UTF-8\n"), "{text}");
    assert!(!names.contains(&"STRAY") && names.contains(&"PATH"), "{names:?}");
}

#[test]
fn inputs_of_one_port_have_labels() {
    let space = Space::new();
    let one = |name: &str| {
        format!(
            "[stage.{name}]\nuses = 'command'\noutputs = {{ o = 'text' }}\ncommand = ['sh', '-c', 'printf {name} > {{outputs.o}}/v']\n"
        )
    };
    let join = "[stage.s]\nuses = 'command'\noutputs = { o = 'text' }\n\
                command = ['sh', '-c', 'cat {inputs.parts.second}/v {inputs.parts.first}/v > {outputs.o}/v']\n\
                inputs.parts = { first = 'a.o', second = 'b.o' }\n";
    space.write("p.toml", format!("name = 'p'\n{}{}{join}", one("a"), one("b")));
    space.succeed(&["run", "p"]);
    assert_eq!(made(&space), "ba");
}

#[test]
fn a_program_of_the_project_is_an_input() {
    use std::os::unix::fs::PermissionsExt as _;
    let space = Space::new();
    space.write(
        "p.toml",
        "name = 'p'\n[stage.s]\nuses = 'command'\noutputs = { o = 'text' }\ncommand = ['./make.sh', '{outputs.o}']\n",
    );
    let write = |word: &str| {
        space.write("make.sh", format!("#!/bin/sh\nprintf {word} > $1/v\n"));
        std::fs::set_permissions(space.path("make.sh"), std::fs::Permissions::from_mode(0o755)).unwrap();
    };
    write("one");
    space.succeed(&["run", "p"]);
    assert_eq!(made(&space), "one");
    write("two");
    assert_eq!(with_status(&space.statuses(&["p"]), "ran"), ["s"]);
    assert_eq!(made(&space), "two");
}

/// Whether a text stands in any file beneath a folder, or in a name.
fn stands_in(folder: &Path, text: &str) -> bool {
    std::fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        let found = path.to_string_lossy().contains(text);
        let inside = if path.is_symlink() {
            false
        } else if path.is_dir() {
            stands_in(&path, text)
        } else {
            let bytes = std::fs::read(&path).unwrap();
            bytes.windows(text.len()).any(|window| window == text.as_bytes())
        };
        found || inside
    })
}

#[test]
fn a_secret_reaches_the_program_and_nothing_that_is_written() {
    const SECRET: &str = "tok3n-0f-a-t3st";
    let space = script(
        "test -n \"$TOKEN\"; echo on stdout $TOKEN; echo on stderr $TOKEN >&2; printf \"%s\" ${#TOKEN} > {outputs.o}/v",
        "secret_env = ['TOKEN']",
    );
    let output = space.command(&["run", "p", "--json"]).env("TOKEN", SECRET).env("PIPE_LOG", "trace").output().unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(output.status.success(), "{said}");
    assert_eq!(made(&space), SECRET.len().to_string(), "the program has it");
    assert!(said.contains("on stdout ***"), "{said}");
    assert!(!said.contains(SECRET));
    assert!(!stands_in(&space.path("artifacts"), SECRET));
    // With another secret, or none, the result is the same one.
    assert_eq!(with_status(&space.statuses(&["p"]), "hit"), ["s"]);
}

#[test]
fn a_secret_that_is_missing_is_named_before_anything_runs() {
    let space = script("true", "secret_env = ['PIPE_TEST_NO_SUCH_TOKEN']");
    let outcome = failed(&space, 14);
    assert!(outcome.err.contains("PIPE_TEST_NO_SUCH_TOKEN"), "{}", outcome.err);
}

#[test]
fn a_failure_says_how_the_command_ended() {
    let cases = [
        ("echo some words; exit 3", 20, "exit code 3; its last words: some words"),
        ("exit 3", 20, "exit code 3; it said nothing"),
        ("kill -TERM $$", 31, "signal 15"),
        ("true", 30, "output 'o': it is empty"),
        ("ln -s /etc/passwd {outputs.o}/v", 30, "neither a file nor a folder"),
        ("rmdir {outputs.o}", 30, "output 'o': it is not a folder any more"),
        ("rmdir {outputs.o}; ln -s / {outputs.o}", 30, "output 'o': it is not a folder any more"),
    ];
    for (text, code, words) in cases {
        let space = script(text, "");
        let outcome = space.pipe(&["run", "p"]);
        assert_eq!(outcome.code, code, "{text}: {}", outcome.err);
        assert!(outcome.err.contains(words), "{text}: {}", outcome.err);
        assert!(space.stored("actions").is_empty() && space.stored("store").is_empty(), "{text}");
    }
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let space = Space::new();
    space.write(
        "p.toml",
        "name = 'p'\n[stage.s]\nuses = 'command'\noutputs = { o = 'text' }\ncommand = ['no-such-program']\n",
    );
    let outcome = failed(&space, 20);
    assert!(outcome.err.contains("no-such-program cannot be started"), "{}", outcome.err);
    assert!(outcome.err.contains("PATH"), "{}", outcome.err);
}

#[test]
fn progress_that_a_program_reports_is_shown() {
    let space = script(
        r#"echo "{\"event\":\"progress\",\"done\":2,\"total\":5,\"message\":\"steps\"}"; echo x > {outputs.o}/v"#,
        "",
    );
    let events = events(&space);
    let progress = events.iter().find(|event| event["event"] == "progress").expect("an event of progress");
    assert_eq!((&progress["done"], &progress["total"]), (&2.into(), &5.into()));
}

#[test]
fn a_stage_that_fails_twice_and_then_succeeds_is_tried_three_times() {
    let space = Space::new();
    let calls = space.path("calls");
    write_script(
        &space,
        &format!("echo x >> {0}; test $(wc -l < {0}) -ge 3 && echo made > {{outputs.o}}/v", calls.display()),
        "retries = 3",
    );
    space.succeed(&["run", "p"]);
    assert_eq!(std::fs::read_to_string(calls).unwrap().lines().count(), 3);
    assert_eq!(provenance(&space)["attempts"], 3);
    assert_eq!(made(&space), "made\n");
}

#[test]
fn a_stage_that_takes_too_long_is_ended_with_all_that_it_started() {
    let space = Space::new();
    let file = space.path("pid");
    write_script(&space, &format!("sleep 300 & echo $! > {}; wait", file.display()), "timeout = '1s'");
    let outcome = failed(&space, 33);
    assert!(outcome.err.contains('s'), "{}", outcome.err);
    let pid = std::fs::read_to_string(file).unwrap();
    let begun = std::time::Instant::now();
    while Path::new("/proc").join(pid.trim()).exists() && !is_dead(pid.trim()) {
        assert!(begun.elapsed().as_secs() < 20, "what the stage started outlives it");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

/// Whether a process has ended and only waits to be collected.
fn is_dead(pid: &str) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default().contains(") Z ")
}

#[test]
fn a_checkpoint_outlives_a_failed_attempt_and_goes_with_success() {
    let space = script(
        "echo step >> {checkpoint}/steps; test $(wc -l < {checkpoint}/steps) -ge 2 && cp {checkpoint}/steps {outputs.o}/v",
        "retries = 1",
    );
    space.succeed(&["run", "p"]);
    assert_eq!(made(&space), "step\nstep\n");
    assert!(space.stored("checkpoints").is_empty());
}

#[test]
fn a_checkpoint_outlives_a_killed_run() {
    let space = Space::new();
    let ready = space.path("ready");
    write_script(
        &space,
        &format!(
            "if test -e {{checkpoint}}/half; then cp {{checkpoint}}/half {{outputs.o}}/v; \
             else echo half > {{checkpoint}}/half; touch {}; sleep 300; fi",
            ready.display()
        ),
        "",
    );
    let mut child = space.command(&["run", "p"]).stderr(std::process::Stdio::null()).spawn().unwrap();
    let begun = std::time::Instant::now();
    while !ready.exists() {
        assert!(begun.elapsed().as_secs() < 20, "the stage never began");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    space.succeed(&["run", "p"]);
    assert_eq!(made(&space), "half\n");
    assert!(space.stored("checkpoints").is_empty());
}

#[test]
fn stages_that_run_at_once_have_gpus_of_their_own() {
    let space = Space::new();
    let folder = space.path("taken");
    std::fs::create_dir(&folder).unwrap();
    let mut text = "name = 'p'\n".to_owned();
    for number in 0..6 {
        // A folder can be made only by one: a GPU given to two stages makes the second fail.
        text += &format!(
            "[stage.s{number}]\nuses = 'command'\noutputs = {{ o = 'text' }}\nresources = {{ gpus = 1, threads = 1 }}\n\
             command = ['sh', '-c', 'mkdir {0}/$CUDA_VISIBLE_DEVICES && sleep 0.1 && rmdir {0}/$CUDA_VISIBLE_DEVICES && \
             echo {number} $CUDA_VISIBLE_DEVICES > {{outputs.o}}/v']\n",
            folder.display()
        );
    }
    space.write("p.toml", text);
    let mut command = space.command(&["run", "p", "--slots", "gpus=2,threads=6", "-j", "6", "--json"]);
    let output = command.env_remove("CUDA_VISIBLE_DEVICES").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let seen: std::collections::BTreeSet<String> = (0..6)
        .map(|number| {
            let text = std::fs::read_to_string(space.path(&format!("artifacts/p/s{number}/o/v"))).unwrap();
            text.split_whitespace().nth(1).unwrap().to_owned()
        })
        .collect();
    assert_eq!(seen.len(), 2, "both GPUs were used: {seen:?}");
}

#[test]
fn what_can_never_fit_is_an_error_before_anything_runs_unless_its_result_is_there() {
    let space = script("echo $CUDA_VISIBLE_DEVICES > {outputs.o}/v", "resources = { gpus = 2 }");
    let run = |slots: &str| space.pipe(&["run", "p", "--slots", slots, "--json"]);
    let outcome = run("gpus=1");
    assert_eq!(outcome.code, 14, "{}{}", outcome.out, outcome.err);
    assert!(!outcome.out.contains("\"start\"") && space.stored("actions").is_empty());
    assert_eq!(run("gpus=2").code, 0);
    assert_eq!(made(&space).trim().split(',').count(), 2);
    let again = run("gpus=1");
    assert_eq!(again.code, 0, "{}", again.err);
    assert_eq!(with_status(&again.statuses(), "hit"), ["s"]);
}

/// A control group with little memory, removed with its value.
struct SmallGroup(std::path::PathBuf);

impl SmallGroup {
    /// The group, if this machine lets us make one.
    fn make() -> Result<Self, std::io::Error> {
        let name = format!("pipe-test-{}", std::process::id());
        let second = Path::new("/sys/fs/cgroup/cgroup.controllers").exists();
        let (root, limit) = if second {
            (Path::new("/sys/fs/cgroup"), "memory.max")
        } else {
            (Path::new("/sys/fs/cgroup/memory"), "memory.limit_in_bytes")
        };
        let folder = root.join(name);
        std::fs::create_dir(&folder)?;
        let group = Self(folder);
        std::fs::write(group.0.join(limit), "100M")?;
        let swap = if second { "memory.swap.max" } else { "memory.memsw.limit_in_bytes" };
        // Where there is no swap, there is no such file.
        drop(std::fs::write(group.0.join(swap), if second { "0" } else { "100M" }));
        Ok(group)
    }
}

impl Drop for SmallGroup {
    fn drop(&mut self) {
        drop(std::fs::remove_dir(&self.0));
    }
}

#[test]
fn a_stage_that_is_killed_for_memory_is_told_apart() {
    let group = match SmallGroup::make() {
        Ok(group) => group,
        Err(error) => return eprintln!("skipped: no control group with a memory limit can be made here: {error}"),
    };
    let space = script("head -c 1G /dev/zero | tail -c 1G > {outputs.o}/v", "");
    let pipe = env!("CARGO_BIN_EXE_pipe");
    let enter = format!("echo $$ > {}/cgroup.procs && exec {pipe} run p", group.0.display());
    let output = std::process::Command::new("sh").args(["-c", &enter]).current_dir(space.path("")).output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(32), "{err}");
    assert!(space.stored("actions").is_empty());
}
