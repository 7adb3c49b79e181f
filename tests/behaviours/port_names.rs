//! The names of ports and labels: plain, so that no two sets of inputs have one key and no name leads out of a folder.

use crate::space::{Space, with_status};

/// Two stages that copy their files, and one that reads what both made.
const CHAIN: &str = r#"name = "p"

[stage.a]
uses = "command"
command = ["sh", "-c", "cp {files.x} {outputs.o}/v"]
files = { x = "a.txt" }
outputs = { o = "text" }

[stage.b]
uses = "command"
command = ["sh", "-c", "cp {files.x} {outputs.o}/v"]
files = { x = "b.txt" }
outputs = { o = "text" }

[stage.c]
uses = "command"
command = ["sh", "-c", "find -L inputs files -type f | sort | xargs cat > {outputs.o}/v"]
outputs = { o = "text" }
"#;

/// The chain whose last stage has these keys as well.
fn chain(more: &str) -> Space {
    let space = Space::new();
    space.write("p.toml", format!("{CHAIN}{more}\n"));
    for name in ["a.txt", "b.txt", "d.txt"] {
        space.write(name, name);
    }
    space
}

/// Checks that a pipeline is refused before anything runs, with an error that has these parts.
fn assert_refused(space: &Space, arguments: &[&str], code: i32, parts: &[&str]) {
    let outcome = space.pipe(&[&["run", "p"], arguments].concat());
    assert_eq!(outcome.code, code, "{}", outcome.err);
    for part in parts {
        assert!(outcome.err.contains(part), "'{part}' is not in:\n{}", outcome.err);
    }
    assert!(space.stored("actions").is_empty() && space.stored("store").is_empty(), "something was kept");
}

#[test]
fn a_port_with_a_dot_beside_a_labelled_port_is_refused() {
    let space = chain(r#"inputs = { "p.q" = "a.o", p = { q = "b.o" } }"#);
    let parts = ["'p.q' cannot name an input", "expected letters, digits, '-' and '_'", "p.toml:19:12", "LABEL"];
    assert_refused(&space, &[], 11, &parts);
}

#[test]
fn a_port_named_as_a_file_is_refused() {
    let space = chain("inputs = { \"files.x\" = \"a.o\" }\nfiles = { x = \"d.txt\" }");
    assert_refused(&space, &[], 11, &["'files.x' cannot name an input", "p.toml:19:12"]);
    let space = chain("inputs.files = { x = \"a.o\" }\nfiles = { x = \"d.txt\" }");
    assert_refused(&space, &[], 12, &["no input can be called 'files'", "p.toml:19"]);
}

#[test]
fn a_port_that_is_a_path_is_refused() {
    let space = chain("");
    let elsewhere = space.path("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    for name in [&*elsewhere.join("evil").to_string_lossy(), "../../x", "..", ".", "", "a/b", "ä", "a b", "a\\nb"] {
        let more = format!("inputs = {{ \"{name}\" = \"a.o\" }}");
        space.write("p.toml", format!("{CHAIN}{more}\n"));
        assert_refused(&space, &[], 11, &["cannot name an input", "p.toml:19:12"]);
    }
    assert_eq!(std::fs::read_dir(elsewhere).unwrap().count(), 0, "a link was left outside");
}

#[test]
fn every_place_of_a_name_is_checked() {
    for (more, noun, column) in [
        (r#"inputs = { p = { "../../x" = "a.o" } }"#, "a label", 18),
        (r#"inputs = { p = { "q.r" = "a.o", q = "b.o" } }"#, "a label", 18),
        (r#"inputs = { p = "a.o/../x" }"#, "an output", 16),
        (r#"inputs = { p = "a@k.o" }"#, "a stage", 16),
        (r#"files = { "../x" = "d.txt" }"#, "a file", 11),
        (r#"parameters = { "the command" = 1 }"#, "a parameter", 16),
        (r#"env = { "A=B" = "c" }"#, "a variable", 9),
        (r#"secret_env = [""]"#, "a variable", 15),
    ] {
        let place = format!("p.toml:19:{column}");
        assert_refused(&chain(more), &[], 11, &[&format!("cannot name {noun}"), &place]);
    }
    let space = chain("");
    space.write("p.toml", CHAIN.replacen("outputs = { o", "outputs = { \"../o\"", 1));
    assert_refused(&space, &[], 11, &["'../o' cannot name an output", "p.toml:7:13"]);
}

#[test]
fn a_name_in_a_sweep_or_an_argument_is_checked() {
    for (sweep, line, column) in [
        (r#""c.k.l" = [1]"#, 20, 1),
        (r#"points = [{ "c.../x" = 1 }]"#, 20, 13),
        (r#"zip = { "c.a/b" = [1] }"#, 20, 9),
        (r#"exclude = [{ "c." = 1 }]"#, 20, 14),
    ] {
        let space = chain(&format!("[sweep]\n{sweep}"));
        assert_refused(&space, &[], 11, &["names nothing that can vary", &format!("p.toml:{line}:{column}")]);
    }
    for setting in ["c.k.l=1", "c.../x=1", "c.=1"] {
        assert_refused(&chain(""), &["--set", setting], 13, &["cannot name a parameter", "letters, digits"]);
    }
}

#[test]
fn a_change_behind_each_of_near_names_runs_the_stage_again() {
    let space = chain("inputs = { p = { q = \"a.o\", files = \"b.o\" } }\nfiles = { x = \"d.txt\", q = \"a.txt\" }");
    assert_eq!(space.succeed(&["run", "p"]).code, 0);
    for name in ["b.txt", "d.txt", "a.txt"] {
        space.write(name, format!("another {name}"));
        let statuses = space.statuses(&["p"]);
        assert!(with_status(&statuses, "done").contains(&"c"), "{name}: {statuses:?}");
    }
}

#[test]
fn equal_names_of_different_fields_differ() {
    let space = Space::new();
    space.write("x", "");
    let keys = ["parameters = { x = \"1\" }", "env = { x = \"1\" }", "files = { x = \"x\" }", ""].map(|more| {
        space.write(
            "p.toml",
            format!("name = 'p'\n[stage.s]\nuses = 'command'\ncommand = ['sh', '-c', 'echo > {{outputs.o}}/v']\noutputs = {{ o = 'text' }}\n{more}\n"),
        );
        space.succeed(&["run", "p"]);
        std::fs::read_link(space.path("artifacts/p/s/action.json")).unwrap()
    });
    let differing: std::collections::BTreeSet<_> = keys.iter().collect();
    assert_eq!(differing.len(), keys.len());
}
