//! What no file system and no program can take is refused before anything runs, with its place: names that are too long,
//! and NUL characters.

use crate::space::Space;

/// A pipeline of two commands with these names, the second of which reads what the first made.
fn pipeline(pipeline: &str, stage: &str, port: &str, label: &str) -> String {
    format!(
        "name = '{pipeline}'\n\
         [stage.{stage}]\n\
         uses = 'command'\n\
         command = ['sh', '-c', 'echo {{parameters.k}} > {{outputs.{port}}}/v']\n\
         outputs = {{ {port} = 'text' }}\n\
         parameters = {{ k = 1 }}\n\
         [stage.user]\n\
         uses = 'command'\n\
         command = ['sh', '-c', 'cat {{inputs.{port}.{label}}}/v {{files.{label}}} > {{outputs.o}}/v']\n\
         inputs = {{ {port} = {{ {label} = '{stage}.{port}' }} }}\n\
         files = {{ {label} = 'x' }}\n\
         outputs = {{ o = 'text' }}\n\
         [profile.quick]\n\
         seed = 2\n"
    )
}

/// Runs a pipeline file, which must be refused with that exit code and this message before anything is written.
fn assert_refused(text: &str, arguments: &[&str], code: i32, message: &[&str]) {
    let space = Space::new();
    space.write("p.toml", text);
    space.write("x", "x");
    let outcome = space.pipe(&[&["run", "p"], arguments].concat());
    assert_eq!(outcome.code, code, "{}", outcome.err);
    for expected in message {
        assert!(outcome.err.contains(expected), "'{expected}' is not in:\n{}", outcome.err);
    }
    assert!(space.stored("runs").is_empty() && space.stored("tmp").is_empty(), "a run was begun");
}

#[test]
fn the_longest_names_are_run_and_looked_up() {
    let long = "n".repeat(200);
    let space = Space::new();
    space.write("p.toml", pipeline(&long, &long, &long, &long));
    space.write("x", "x");
    space.succeed(&["run", "p"]);
    assert_eq!(
        space.succeed(&["run", "p", "--json"]).statuses().values().filter(|state| *state == "cached").count(),
        2
    );
    space.succeed(&["logs", "latest", &long]);
    space.succeed(&["why", "p", &long]);
    space.succeed(&["cache", "export", "p", "--to", "exported"]);
}

#[test]
fn a_name_that_is_too_long_is_refused_with_the_limit() {
    let long = "n".repeat(201);
    for (text, line) in [
        (pipeline(&long, "s", "o", "l"), 1),
        (pipeline("p", &long, "o", "l"), 2),
        (pipeline("p", "s", &long, "l"), 5),
        (pipeline("p", "s", "o", &long), 10),
    ] {
        assert_refused(&text, &[], 11, &["is 201 bytes long", "at most 200", &format!("p.toml:{line}:")]);
    }
}

#[test]
fn names_that_are_too_long_together_are_refused_with_the_limit() {
    let long = "n".repeat(190);
    let text = pipeline("p", &long, "o", "l") + &format!("[sweep]\n'{long}.k' = [1, 2]\n");
    assert_refused(&text, &[], 11, &["longer than 120", "p.toml:16:"]);
    let text =
        pipeline("p", &long, "o", "l") + &format!("[sweep]\npoints = [{{ name = 'a-long-point', '{long}.k' = 2 }}]\n");
    assert_refused(&text, &[], 11, &["is 203 bytes long", "a stage at a point has at most 200", "p.toml:16:"]);
    let text = pipeline(&"n".repeat(195), "s", "o", "l");
    assert_refused(&text, &["--profile", "quick"], 2, &["is 201 bytes long", "at most 200"]);
}

#[test]
fn a_nul_character_is_refused_with_its_place() {
    let with = |key: &str| {
        format!("name = 'p'\n[stage.s]\nuses = 'command'\noutputs = {{ o = 'text' }}\ncommand = ['sh']\n{key}\n")
    };
    for (key, column) in [
        (r#"env = { A = "a\u0000b" }"#, 13),
        (r#"env = { "A\u0000" = "a" }"#, 9),
        (r#"secret_env = ["A\u0000"]"#, 15),
        (r#"files = { x = "x\u0000" }"#, 15),
        (r#"parameters = { k = "\u0000" }"#, 20),
        (r#"parameters = { k = [1, ["\u0000"]] }"#, 20),
        (r#"resources = { device = "cpu\u0000" }"#, 24),
    ] {
        assert_refused(&with(key), &[], 11, &["NUL", &format!("p.toml:6:{column}")]);
    }
    let text = with("").replace("['sh']", r#"["sh", "-c", "echo \u0000"]"#);
    assert_refused(&text, &[], 11, &["NUL", "p.toml:5:24"]);
    assert_refused(&with("parameters = { k = 1 }"), &["--set", r#"s.k="\u0000""#], 13, &["NUL"]);
    let worker = "name = 'p'\n[stage.s]\nuses = 'ingest'\nreviews = \"x\\u0000\"\n";
    assert_refused(worker, &[], 11, &["NUL", "p.toml:4:11"]);
    let extends = "extends = \"x\\u0000\"\n";
    assert_refused(extends, &[], 11, &["NUL", "p.toml:1:11"]);
}
