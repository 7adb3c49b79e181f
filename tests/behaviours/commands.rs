//! Any program as a stage: what it is told, what it may not see, and which errors it gives.

use crate::space::{Outcome, Space, with_status};
use std::path::Path;

/// A pipeline of one command, whose script is `script` and which has the other keys `more`.
fn with_script(script: &str, more: &str) -> Space {
    let space = Space::new();
    let more = if more.contains("outputs") { more.to_owned() } else { format!("outputs = {{ out = 'text' }}\n{more}") };
    space.write(
        "p.toml",
        format!("name = 'p'\nseed = 3\n[stage.a]\nuses = 'command'\ncommand = ['sh', '-c', '''{script}''']\n{more}\n"),
    );
    space
}

fn output(space: &Space, name: &str) -> String {
    std::fs::read_to_string(space.path("artifacts/p/a/out").join(name)).unwrap()
}

fn run(space: &Space) -> Outcome {
    space.pipe(&["run", "p"])
}

#[test]
fn names_in_braces_and_variables_say_the_same() {
    let script = "echo {files.notes} {parameters.k} {seed} {threads} > {outputs.out}/words; \
                  echo $PIPE_INPUT_FILES_NOTES 1.5 $PIPE_SEED $PIPE_THREADS > $PIPE_OUTPUT_OUT/variables; \
                  cat {files.notes} > {outputs.out}/notes; cat $PIPE_PARAMETERS > {outputs.out}/parameters";
    let more = "files = { notes = 'some/notes.csv' }\nparameters = { k = 1.5, on = true, name = 'x', list = [1, 2] }";
    let space = with_script(script, more);
    space.write("some/notes.csv", "noted\n");
    space.succeed(&["run", "p"]);
    assert_eq!(output(&space, "words"), "files/notes/notes.csv 1.5 3 1\n");
    assert_eq!(output(&space, "words"), output(&space, "variables"));
    assert_eq!(output(&space, "notes"), "noted\n");
    let parameters: serde_json::Value = serde_json::from_str(&output(&space, "parameters")).unwrap();
    assert_eq!(parameters, serde_json::json!({ "k": 1.5, "on": true, "name": "x", "list": [1, 2] }));
}

#[test]
fn set_reaches_the_parameters_of_a_command() {
    let space = with_script("echo {parameters.k} > {outputs.out}/k", "parameters = { k = 5 }");
    space.succeed(&["run", "p", "--set", "a.k=7"]);
    assert_eq!(output(&space, "k"), "7\n");
}

#[test]
fn labelled_inputs_have_a_folder_each() {
    let space = with_script(
        "cat {inputs.from.left}/v {inputs.from.right}/v > {outputs.out}/v",
        "inputs.from = { left = 'left.out', right = 'right.out' }",
    );
    let side = |name: &str| {
        format!(
            "[stage.{name}]\nuses = 'command'\noutputs = {{ out = 'text' }}\ncommand = ['sh', '-c', 'echo {name} > {{outputs.out}}/v']\n"
        )
    };
    let pipeline = std::fs::read_to_string(space.path("p.toml")).unwrap();
    space.write("p.toml", pipeline + &side("right") + &side("left"));
    space.succeed(&["run", "p"]);
    assert_eq!(output(&space, "v"), "left\nright\n");
}

#[test]
fn only_declared_variables_and_a_few_known_ones_are_there() {
    let space = with_script("env > {outputs.out}/env", "env = { MINE = 'yes', LC_ALL = 'C' }");
    let outcome = space.command(&["run", "p"]).env("SECRETLY_THERE", "1").env("LD_PRELOAD", "").output().unwrap();
    assert!(outcome.status.success());
    let text = output(&space, "env");
    let mut names: Vec<&str> = text.lines().filter_map(|line| Some(line.split_once('=')?.0)).collect();
    names.sort_unstable();
    names.retain(|name| !["HOME", "USER", "PWD", "_", "SHLVL", "OLDPWD"].contains(name));
    insta::assert_snapshot!(names.join(" "), @"LC_ALL MINE MKL_NUM_THREADS OMP_NUM_THREADS OMP_WAIT_POLICY PATH PIPE_ATTEMPT PIPE_OUTPUT_OUT PIPE_PARAMETERS PIPE_THREADS POLARS_MAX_THREADS PYTHONDONTWRITEBYTECODE RAYON_NUM_THREADS TMPDIR");
    assert!(text.contains("MINE=yes\n") && text.contains("LC_ALL=C\n"), "{text}");
}

/// A secret with all that a shell, JSON and a log could stumble over.
const SECRET: &str = "hunter\"2\\ñ\nsecond-line";

/// The files beneath a folder that have one of the secret's lines in them.
fn files_with_the_secret(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            found.extend(files_with_the_secret(&path));
        } else if has_secret(&String::from_utf8_lossy(&std::fs::read(&path).unwrap())) {
            found.push(path.display().to_string());
        }
    }
    found
}

fn has_secret(text: &str) -> bool {
    ["hunter", "second-line"].iter().any(|part| text.contains(part))
}

#[test]
fn a_secret_is_passed_on_and_never_written_down_nor_shown() {
    let script = r#"printf %s "$TOKEN" | wc -c > {outputs.out}/length; printf '%s\n' "$TOKEN"; printf '%s\n' "$TOKEN" >&2
        j=$(printf '%s' "$TOKEN" | head -n 1 | sed 's/[\\"]/\\&/g')
        printf '{"event":"progress","done":1,"total":2,"message":"%s"}\n' "$j"
        printf '{"event":"log","message":"%s"}\n' "$j"
        [ {parameters.fail} = false ] && exit 0
        printf '{"event":"failed","failure":{"kind":"stage","message":"%s"}}\n' "$j"; exit 1"#;
    let space = with_script(script, "secret_env = ['TOKEN']\nparameters = { fail = false }");
    for (fail, json, code) in [("false", true, 0), ("true", true, 20), ("true", false, 20)] {
        let set = format!("a.fail={fail}");
        let mut command = space.command(&["run", "p", "--set", &set]);
        let output = command.args(json.then_some("--json")).env("TOKEN", SECRET).output().unwrap();
        let message = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{message}");
        assert!(!has_secret(&message), "{message}");
        assert!(message.contains("***"), "{message}");
        assert_eq!(files_with_the_secret(&space.path("artifacts")), Vec::<String>::new());
    }
    assert_eq!(output(&space, "length").trim(), SECRET.len().to_string());
}

#[test]
fn a_secret_is_not_shown_in_the_escapes_that_programs_print() {
    let secret = "pässwörd/😀 \"x\\y";
    let forms = [
        r#"p\u00e4ssw\u00f6rd/\ud83d\ude00 \"x\\y"#,
        r#"p\u00E4ssw\u00F6rd\/\uD83D\uDE00 \"x\\y"#,
        r#"p\\u00e4ssw\\u00f6rd/\\ud83d\\ude00 \\\"x\\\\y"#,
        "p%C3%A4ssw%C3%B6rd%2F%F0%9F%98%80%20%22x%5Cy",
        "p%c3%a4ssw%c3%b6rd/%f0%9f%98%80+%22x%5cy",
        "cMOkc3N3w7ZyZC/wn5iAICJ4XHk=",
        "70c3a4737377c3b672642ff09f98802022785c79",
    ];
    let space = with_script(
        "cat {files.forms}; cat {files.forms} >&2; tail -n 1 {files.end}; exit 1",
        "secret_env = ['TOKEN']\nfiles = { forms = 'forms', end = 'end' }",
    );
    let mut lines = String::new();
    for form in &forms[..2] {
        lines += &format!("{{\"event\":\"log\",\"message\":\"token: {form}\"}}\n");
        lines += &format!("{{\"event\":\"progress\",\"done\":1,\"total\":2,\"message\":\"{form}\"}}\n");
    }
    space.write("forms", lines + &forms.join("\n") + "\n");
    for form in &forms[..2] {
        space.write(
            "end",
            format!("{{\"event\":\"failed\",\"failure\":{{\"kind\":\"stage\",\"message\":\"{form}\"}}}}\n"),
        );
        for json in [true, false] {
            let output =
                space.command(&["run", "p"]).args(json.then_some("--json")).env("TOKEN", secret).output().unwrap();
            let mut message =
                String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(20), "{message}");
            for run in std::fs::read_dir(space.path("artifacts/runs")).unwrap() {
                for file in std::fs::read_dir(run.unwrap().path()).unwrap() {
                    message += &std::fs::read_to_string(file.unwrap().path()).unwrap();
                }
            }
            for part in ["ssw", "u00e4", "u00E4", "%C3", "%c3", "c3a473", "N3w7Zy", "ud83d", "uD83D"] {
                assert!(!message.contains(part), "'{part}' is left: {message}");
            }
        }
    }
}

#[test]
fn a_missing_secret_matters_only_to_a_stage_that_would_run() {
    let space = with_script("echo x > {outputs.out}/x", "secret_env = ['PIPE_TEST_TOKEN']");
    let refused = run(&space);
    assert_eq!(refused.code, 14, "{}", refused.err);
    assert!(refused.err.contains("PIPE_TEST_TOKEN"), "{}", refused.err);
    assert!(space.stored("actions").is_empty());
    assert!(space.command(&["run", "p"]).env("PIPE_TEST_TOKEN", "a").status().unwrap().success());
    assert_eq!(with_status(&space.statuses(&["p"]), "cached"), ["a"]);
    let other = space.command(&["run", "p", "--json"]).env("PIPE_TEST_TOKEN", "b").output().unwrap();
    assert!(String::from_utf8_lossy(&other.stdout).contains(r#""status":"cached""#), "its value is in no key");
}

#[test]
fn files_and_the_program_come_with_their_names_and_by_content() {
    use std::os::unix::fs::PermissionsExt as _;
    let space = Space::new();
    let pipeline = "name = 'p'\n[stage.a]\nuses = 'command'\ncommand = ['./tools/make-it.sh', '{files.list}', '{outputs.out}']\n\
                    files = { list = 'lists' }\noutputs = { out = 'text' }\n";
    space.write("p.toml", pipeline);
    space.write("lists/b.txt", "b");
    space.write("tools/make-it.sh", "#!/bin/sh\nls $1 > $2/list; basename $0 > $2/name; basename $1 > $2/folder\n");
    std::fs::set_permissions(space.path("tools/make-it.sh"), std::fs::Permissions::from_mode(0o755)).unwrap();
    space.succeed(&["run", "p"]);
    assert_eq!((output(&space, "list"), output(&space, "name")), ("b.txt\n".to_owned(), "make-it.sh\n".to_owned()));
    assert_eq!(output(&space, "folder"), "lists\n");
    assert_eq!(with_status(&space.statuses(&["p"]), "done"), Vec::<&str>::new());
    space.write("lists/a.txt", "a");
    assert_eq!(with_status(&space.statuses(&["p"]), "done"), ["a"]);
    let script = std::fs::read_to_string(space.path("tools/make-it.sh")).unwrap();
    space.write("tools/make-it.sh", script + "echo more > $2/more\n");
    assert_eq!(with_status(&space.statuses(&["p"]), "done"), ["a"]);
}

#[test]
fn each_way_to_fail_has_its_code_and_says_what_happened() {
    let cases = [
        ("exit 3", 20, "exit code 3; it printed nothing"),
        ("echo no such user >&2; exit 1", 20, "exit code 1; the last line it printed: no such user"),
        ("kill -TERM $$", 31, "signal 15"),
        ("kill -KILL $$", 31, "signal 9"),
        ("true", 30, "output 'out': it is empty"),
        ("mkdir {outputs.out}/empty", 30, "output 'out'"),
        ("ln -s /etc/passwd {outputs.out}/x", 30, "output 'out'"),
        ("mkfifo {outputs.out}/x", 30, "output 'out'"),
    ];
    for (script, code, words) in cases {
        let space = with_script(script, "");
        let outcome = run(&space);
        assert_eq!(outcome.code, code, "{script}\n{}", outcome.err);
        assert!(outcome.err.contains(words), "{script}\n{}", outcome.err);
        assert!(space.stored("actions").is_empty() && space.stored("store").is_empty(), "{script}");
    }
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let space = Space::new();
    let pipeline =
        "name = 'p'\n[stage.a]\nuses = 'command'\ncommand = ['no-such-program']\noutputs = { out = 'text' }\n";
    space.write("p.toml", pipeline);
    let outcome = run(&space);
    assert_eq!(outcome.code, 20, "{}", outcome.err);
    assert!(outcome.err.contains("no-such-program") && outcome.err.contains("PATH"), "{}", outcome.err);
    space.write("p.toml", pipeline.replace("no-such-program", "./no-such-program"));
    let outcome = run(&space);
    assert_eq!(outcome.code, 14, "a file of the project is missed before anything runs: {}", outcome.err);
}

#[test]
fn a_line_that_is_an_event_is_shown_as_one() {
    let script = r#"echo "{\"event\":\"progress\",\"done\":3,\"total\":9,\"message\":\"epoch\"}"; echo plain; echo x > {outputs.out}/x"#;
    let space = with_script(script, "");
    let events = space.succeed(&["run", "p", "--json"]).events();
    let progress = events.iter().find(|event| event["event"] == "progress").unwrap();
    assert_eq!(
        *progress,
        serde_json::json!({ "event": "progress", "stage": "a", "done": 3, "total": 9, "message": "epoch" })
    );
    assert!(events.iter().any(|event| event["event"] == "log" && event["message"] == "plain"));
}

#[test]
fn what_a_command_starts_ends_with_it() {
    let script = "sleep 1000 & echo $! > {outputs.out}/pid";
    let space = with_script(script, "");
    space.succeed(&["run", "p"]);
    let pid: i32 = output(&space, "pid").trim().parse().unwrap();
    let gone = || std::fs::read_to_string(format!("/proc/{pid}/stat")).map_or(true, |stat| stat.contains(") Z "));
    assert!(
        (0..500).any(|_| gone() || {
            std::thread::sleep(std::time::Duration::from_millis(20));
            false
        }),
        "{pid}"
    );
}

#[test]
fn the_seed_is_in_the_key_where_it_is_used() {
    let unused = with_script("echo x > {outputs.out}/x", "");
    unused.succeed(&["run", "p"]);
    assert_eq!(with_status(&unused.statuses(&["p", "--set", "seed=9"]), "cached"), ["a"]);
    let used = with_script("echo {seed} > {outputs.out}/x", "");
    used.succeed(&["run", "p"]);
    assert_eq!(with_status(&used.statuses(&["p", "--set", "seed=9"]), "done"), ["a"]);
    assert_eq!(output(&used, "x"), "9\n");
}

#[test]
fn a_bad_entry_is_pointed_at() {
    let entry = "command = ['sh', '-c', 'true']\noutputs = { out = 'text' }\n";
    let cases = [
        ("no command", "outputs = { out = 'text' }\n".to_owned()),
        ("an empty command", entry.replace("'sh', '-c', 'true'", "")),
        ("no outputs", "command = ['true']\n".to_owned()),
        ("an unknown input", entry.replace("true", "cat {inputs.x}")),
        ("a misspelt parameter", entry.replace("true", "{parameters.kk}") + "parameters = { k = 1, j = 2 }\n"),
        ("an unknown output", entry.replace("true", "{outputs.ouch}")),
        ("an unknown file", entry.replace("true", "{files.script}")),
        ("an unknown key", entry.to_owned() + "script = 'x'\n"),
        ("a name with a slash", entry.to_owned() + "files = { 'a/b' = 'x' }\n"),
        ("a file called program", entry.to_owned() + "files = { program = 'x' }\n"),
        ("a number among the words", entry.replace("'-c'", "3")),
        ("a bad timeout", entry.to_owned() + "timeout = 'soon'\n"),
    ];
    let message: Vec<String> = cases
        .iter()
        .map(|(case, entry)| {
            let space = Space::new();
            space.write("p.toml", format!("name = 'p'\n[stage.a]\nuses = 'command'\n{entry}"));
            let outcome = run(&space);
            format!("## {case}: {}\n{}", outcome.code, space.redact(&outcome.err))
        })
        .collect();
    insta::assert_snapshot!(message.join("\n"));
}

#[test]
fn a_parameter_that_a_command_has_not_cannot_be_set() {
    let space = with_script("true", "parameters = { depth = 1 }");
    let outcome = space.pipe(&["run", "p", "--set", "a.dept=2"]);
    assert_eq!(outcome.code, 13, "{}", outcome.err);
    insta::assert_snapshot!(outcome.err);
}
