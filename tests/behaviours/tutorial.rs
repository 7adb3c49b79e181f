//! The tutorial works word for word: a shell runs its blocks of code in order, in an empty folder.

use crate::space::{Space, repository, worker};
use std::process::Command;

/// The blocks of a page that are for a shell.
fn blocks(text: &str) -> Vec<String> {
    let parts = text.split("```sh\n").skip(1);
    parts.map(|part| part.split("\n```").next().unwrap().to_owned()).collect()
}

#[test]
fn every_block_of_the_tutorial_runs_in_order() {
    let space = Space::new();
    let text = std::fs::read_to_string(repository().join("docs/tutorial.md")).unwrap();
    let blocks = blocks(&text);
    assert!(blocks.len() >= 8, "{} blocks", blocks.len());
    space.write("tutorial.sh", blocks.join("\n"));
    let programs = worker().parent().unwrap().to_owned();
    let path = std::env::join_paths(
        std::iter::once(programs).chain(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())),
    )
    .unwrap();
    let mut shell = Command::new("bash");
    shell.args(["-e", "tutorial.sh"]).current_dir(space.path("")).env("PATH", path);
    let output = shell.env_remove("PIPE_STORE").env_remove("PIPE_WORKER").output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}");
    for said in ["HR@10", "NDCG@10", "against popularity", "longer-lists", "wrote report.html", "0 done, 6 cached"] {
        assert!(out.contains(said) || err.contains(said), "'{said}' was not said:\n{out}\n{err}");
    }
    assert!(space.path("my-shop/report.html").is_file());
}
