//! `NO_COLOR` and `CLICOLOR_FORCE` decide about colours, in help, errors, logs, plans and bars alike.

use crate::space::{self, Space};
use std::process::{Command, Stdio};

/// Both streams of `pipe` with these variables.
fn both(space: &Space, arguments: &[&str], variables: &[(&str, &str)]) -> String {
    let mut command = space.command(arguments);
    command.env_remove("NO_COLOR").env_remove("CLICOLOR").env_remove("CLICOLOR_FORCE").env("TERM", "xterm");
    let output = command.envs(variables.iter().copied()).output().unwrap();
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Help, an error of clap's, an error of ours, a warning of the log, a graph and the doctor.
const CALLS: [&[&str]; 6] =
    [&["--help"], &["--no-such"], &["plan", "nowhere"], &["metrics", "quick"], &["graph", "quick"], &["doctor"]];

/// A finished pipeline whose metrics are not cached, so that `metrics` warns.
fn stale() -> Space {
    let space = Space::quick();
    space.succeed(&["run", "quick"]);
    space.write("quick.toml", space::QUICK.replace("users = 120", "users = 121"));
    space
}

#[test]
fn a_pipe_gets_no_colours_unless_they_are_forced() {
    let space = stale();
    for call in CALLS {
        let plain = both(&space, call, &[]);
        assert!(!plain.contains('\x1b'), "{call:?}: {plain}");
        let forced = both(&space, call, &[("CLICOLOR_FORCE", "1")]);
        assert!(forced.contains('\x1b'), "{call:?}: {forced}");
        let forbidden = both(&space, call, &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]);
        assert!(!forbidden.contains('\x1b'), "{call:?}: {forbidden}");
    }
}

#[test]
fn a_terminal_gets_colours_unless_they_are_forbidden() {
    // `script` runs a program on a terminal of its own.
    let Ok(_) = Command::new("script").arg("--version").stdout(Stdio::null()).status() else {
        eprintln!("skipped: there is no script(1)");
        return;
    };
    let space = stale();
    let on_terminal = |arguments: &str, no_color: Option<&str>| {
        let line = format!("'{}' {arguments}", env!("CARGO_BIN_EXE_pipe"));
        let mut command = Command::new("script");
        command.args(["-qec", &line, "/dev/null"]).current_dir(space.path("")).env("TERM", "xterm");
        command.env_remove("NO_COLOR").env_remove("CLICOLOR").env_remove("CLICOLOR_FORCE").stdin(Stdio::null());
        let output = command.envs(no_color.map(|value| ("NO_COLOR", value))).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    // Bars move the cursor with codes of their own; colours are those that end in `m`.
    let colours = regex_lite::Regex::new("\x1b\\[[0-9;]*m").unwrap();
    for arguments in ["--help", "plan nowhere", "graph quick", "doctor"] {
        let coloured = on_terminal(arguments, None);
        assert!(colours.is_match(&coloured), "{arguments}: {coloured}");
    }
    for arguments in ["--help", "plan nowhere", "graph quick", "doctor", "run quick"] {
        let plain = on_terminal(arguments, Some("1"));
        assert!(!colours.is_match(&plain), "{arguments}: {plain}");
    }
}
