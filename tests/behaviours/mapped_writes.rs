//! External inputs that a program writes to through a memory map, which sets their time stamps only now and then.

use crate::mapped::{self, MappedFile};
use crate::space::{Space, with_status};
use std::path::Path;

fn pipeline(space: &Space, data: &str, before: &str) {
    space.write(
        "p.toml",
        format!(
            "name = 'p'\n[stage.s]\nuses = 'command'\nfiles = {{ data = '{data}' }}\noutputs = {{ o = 'text' }}\n\
             command = ['sh', '-c', '{before} cat $(find -L {{files.data}} -type f | sort) | head -c 3 > {{outputs.o}}/v']\n"
        ),
    );
}

fn settle() {
    std::thread::sleep(std::time::Duration::from_millis(100));
}

/// A file of two pages with `old` at its beginning, of which the first page has been written to through the map.
fn written(path: &Path) -> MappedFile {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut map = MappedFile::create(path, 8192);
    map.write(b"old");
    map
}

fn is_seen(data: &str, file: &str) {
    let space = Space::new();
    if mapped::keeps_no_pages(&space.path("")) {
        return;
    }
    let mut map = written(&space.path(file));
    pipeline(&space, data, "");
    settle();
    space.succeed(&["run", "p"]);
    assert_eq!(space.result("p/s/o/v"), "old");
    settle();
    for word in ["new", "net"] {
        map.write(word.as_bytes());
        settle();
        space.succeed(&["run", "p"]);
        assert_eq!(space.result("p/s/o/v"), word, "the write was missed");
    }
    assert_eq!(with_status(&space.statuses(&["p"]), "cached"), ["s"]);
}

#[test]
fn a_mapped_write_to_a_file_after_a_run_is_seen() {
    is_seen("data", "data");
}

#[test]
fn a_mapped_write_after_a_run_is_seen() {
    is_seen("data", "data/inner/file");
}

#[test]
fn a_mapped_write_while_a_stage_reads_is_noticed() {
    let space = Space::new();
    if mapped::keeps_no_pages(&space.path("")) {
        return;
    }
    let mut map = written(&space.path("data"));
    let (began, gate) = (space.path("began"), space.path("gate"));
    let wait = format!("touch {}; while ! test -e {}; do sleep 0.01; done;", began.display(), gate.display());
    pipeline(&space, "data", &wait);
    settle();
    let child = space.command(&["run", "p"]).stderr(std::process::Stdio::piped()).spawn().unwrap();
    while !began.exists() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    map.write(b"new");
    space.write("gate", "");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(16), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(space.stored("actions").is_empty(), "{:?}", space.stored("actions"));
}
