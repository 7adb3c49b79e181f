//! `pipe man` makes the manual pages of the command line as it is.

use crate::space::Space;

#[test]
fn the_page_of_pipe_is_printed() {
    let page = Space::new().succeed(&["man"]).out;
    assert!(page.contains(".TH pipe 1"), "{page}");
    assert!(page.contains(r"pipe\-run(1)") && page.contains(r"pipe\-graph(1)"), "{page}");
}

#[test]
fn a_folder_gets_a_page_for_each_command() {
    let space = Space::new();
    space.succeed(&["man", "--out", "share/man1"]);
    for name in ["pipe.1", "pipe-run.1", "pipe-plan.1", "pipe-metrics.1", "pipe-graph.1", "pipe-doctor.1", "pipe-man.1"]
    {
        let page = std::fs::read_to_string(space.path("share/man1").join(name)).unwrap();
        assert!(page.contains(&format!(".TH {} 1", name.trim_end_matches(".1"))), "{page}");
    }
    let run = std::fs::read_to_string(space.path("share/man1/pipe-run.1")).unwrap();
    assert!(run.contains(r"\-\-keep\-going"), "{run}");
    assert!(!space.path("share/man1/pipe-help.1").exists());
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let space = Space::new();
    space.write("file", "");
    let outcome = space.pipe(&["man", "--out", "file/man1"]);
    assert_eq!(outcome.code, 42);
    assert!(outcome.err.contains("making pages in file/man1"), "{}", outcome.err);
}
