//! A shell completes the names of pipelines and of their stages.

use crate::space::{QUICK, Space};
use std::process::Command;

/// What is offered for the last of these words, in bash's way of asking.
fn offered(space: &Space, words: &[&str]) -> Vec<String> {
    let mut command = space.command(&["--"]);
    command.args(words).env("COMPLETE", "bash").env("_CLAP_IFS", "\n");
    command.env("_CLAP_COMPLETE_INDEX", (words.len() - 1).to_string());
    let output = command.output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// A project with a pipeline here, two in `pipelines`, and a TOML file that is none.
fn project() -> Space {
    let space = Space::quick();
    space.write("Cargo.toml", "[package]\nname = \"other\"\n");
    space.write("pipelines/games.toml", format!("#:schema x.json\n# Games of 2018. And more\n# of them.\n{QUICK}"));
    space.write("pipelines/broken.toml", "[stage.");
    space
}

#[test]
fn pipelines_are_offered_by_name_from_here_and_from_the_project() {
    let space = project();
    let mut names = offered(&space, &["pipe", "run", ""]);
    names.retain(|name| !name.starts_with('-'));
    assert_eq!(names, ["broken", "games", "quick"]);
    assert_eq!(offered(&space, &["pipe", "plan", "g"]), ["games"]);
    assert_eq!(offered(&space, &["pipe", "graph", "pipelines/g"]), ["pipelines/games.toml"]);
}

#[test]
fn stages_are_those_of_the_pipeline_on_the_line() {
    let space = project();
    let all = ["sample", "ingest", "popularity", "metrics"];
    for argument in ["--from", "--until", "--only"] {
        assert_eq!(offered(&space, &["pipe", "run", "quick", argument, ""]), all);
    }
    assert_eq!(offered(&space, &["pipe", "run", "--keep-going", "games", "--from", "p"]), ["popularity"]);
    assert_eq!(offered(&space, &["pipe", "run", "quick", "--force=m"]), ["--force=metrics"]);
}

#[test]
fn nothing_is_offered_and_nothing_said_where_nothing_can_be_found() {
    let space = project();
    assert!(offered(&space, &["pipe", "run", "--from", ""]).is_empty());
    assert!(offered(&space, &["pipe", "run", "broken", "--from", ""]).is_empty());
    assert!(offered(&space, &["pipe", "run", "nowhere", "--only", "x"]).is_empty());
    assert!(!space.path("artifacts").exists(), "completing opens no store");
}

#[test]
fn fish_gets_the_pipelines_first_sentence() {
    let space = project();
    let output = space.command(&["--", "pipe", "run", "g"]).env("COMPLETE", "fish").output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "games\tGames of 2018\n");
}

#[test]
fn another_use_of_the_variable_does_not_stop_a_command() {
    let space = project();
    let output = space.command(&["--version"]).env("COMPLETE", "yes").output().unwrap();
    assert!(output.status.success() && output.stdout.starts_with(b"pipe "), "{output:?}");
}

#[test]
fn bash_itself_completes_with_the_script() {
    let Ok(found) = Command::new("bash").arg("-c").arg("echo ${BASH_VERSINFO[0]}").output() else {
        eprintln!("skipped: there is no bash");
        return;
    };
    if String::from_utf8_lossy(&found.stdout).trim().parse::<u32>().unwrap_or(0) < 4 {
        eprintln!("skipped: bash is older than 4");
        return;
    }
    let space = project();
    let pipe = env!("CARGO_BIN_EXE_pipe");
    let script = format!(
        "source <('{pipe}' completions bash) || exit 1\n\
         COMP_WORDS=(pipe run quick --from i); COMP_CWORD=4; COMP_TYPE=9\n\
         _clap_complete_pipe pipe i --from\n\
         printf '%s\\n' \"${{COMPREPLY[@]}}\"\n\
         COMP_WORDS=(pipe plan \"\"); COMP_CWORD=2\n\
         _clap_complete_pipe pipe '' plan\n\
         printf '%s\\n' \"${{COMPREPLY[@]:0:3}}\"\n\
         complete -p pipe\n"
    );
    let output = Command::new("bash").args(["--norc", "-c", &script]).current_dir(space.path("")).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let (names, registered) = text.split_at(text.find("complete ").unwrap_or_default());
    assert_eq!(names, "ingest\nbroken\ngames\nquick\n", "{}", String::from_utf8_lossy(&output.stderr));
    assert!(registered.contains("-F _clap_complete_pipe pipe"), "{registered}");
}

#[test]
fn every_shell_has_a_script_and_an_unknown_one_is_refused() {
    let space = Space::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = space.succeed(&["completions", shell]).out;
        assert!(script.contains("COMPLETE"), "{script}");
        assert!(script.contains(env!("CARGO_BIN_EXE_pipe")), "{script}");
    }
    assert_eq!(space.pipe(&["completions", "tcsh"]).code, 2);
}
