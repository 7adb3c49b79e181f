//! External inputs on a file system whose time stamps are whole seconds: an edit in the second of a run is not missed.

use crate::coarse::{CoarseDisk, begin_second, stamps};
use crate::space::{Space, with_status};
use std::path::Path;

/// A pipeline of a stage that copies what is in `data`, after `before` was done.
fn pipeline(space: &Space, data: &Path, before: &str) {
    space.write(
        "p.toml",
        format!(
            "name = 'p'\n[stage.s]\nuses = 'command'\nfiles = {{ data = '{}' }}\noutputs = {{ o = 'text' }}\n\
             command = ['sh', '-c', '{before} cat $(find -L {{files.data}} -type f | sort) > {{outputs.o}}/v']\n",
            data.display()
        ),
    );
}

/// Edits `file`, an input by itself or in the folder `data`, in the very second of a run, and runs again.
fn assert_edit_is_seen(data: &Path, file: &Path) {
    let space = Space::new();
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    pipeline(&space, data, "");
    for (iteration, (before, after)) in [("one", "two"), ("abc", "abd")].into_iter().enumerate() {
        begin_second();
        std::fs::write(file, before).unwrap();
        let written = stamps(file);
        space.succeed(&["run", "p"]);
        assert_eq!(space.result("p/s/o/v"), before);
        std::fs::write(file, after).unwrap();
        if stamps(file) != written {
            eprintln!("iteration {iteration}: the run took longer than its second");
        }
        space.succeed(&["run", "p"]);
        assert_eq!(space.result("p/s/o/v"), after, "the edit was missed");
    }
    // Once its status can be trusted, nothing is read and nothing runs.
    std::thread::sleep(std::time::Duration::from_millis(2200));
    space.succeed(&["run", "p"]);
    assert_eq!(with_status(&space.statuses(&["p"]), "cached"), ["s"]);
}

#[test]
fn an_edit_of_a_file_within_a_second_is_seen() {
    let Some(disk) = CoarseDisk::mount() else { return };
    assert_edit_is_seen(&disk.path().join("data"), &disk.path().join("data"));
}

#[test]
fn an_edit_in_a_folder_within_a_second_is_seen() {
    let Some(disk) = CoarseDisk::mount() else { return };
    assert_edit_is_seen(&disk.path().join("data"), &disk.path().join("data/inner/file"));
}

#[test]
fn an_edit_while_a_stage_reads_is_noticed() {
    let Some(disk) = CoarseDisk::mount() else { return };
    let (space, data) = (Space::new(), disk.path().join("data"));
    for name in ["alone", "folder/file"] {
        let file = data.join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        let input = data.join(name.split('/').next().unwrap());
        pipeline(&space, &input, &format!("printf new > {};", file.display()));
        begin_second();
        std::fs::write(&file, "old").unwrap();
        let written = stamps(&file);
        let outcome = space.pipe(&["run", "p"]);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "new");
        if stamps(&file) == written {
            assert_eq!(outcome.code, 16, "{name}: {}{}", outcome.out, outcome.err);
        } else {
            eprintln!("{name}: the run took longer than its second");
        }
        assert!(space.stored("actions").is_empty(), "{name}: {:?}", space.stored("actions"));
    }
}

#[test]
fn a_write_into_an_artifact_in_its_second_is_noticed() {
    let Some(disk) = CoarseDisk::mount() else { return };
    let (space, store) = (Space::new(), disk.path().join("store"));
    let stages = |before: &str| {
        format!(
            "name = 'p'\n[stage.first]\nuses = 'command'\noutputs = {{ o = 'text' }}\n\
             command = ['sh', '-c', 'printf whole > {{outputs.o}}/v']\n\
             [stage.s]\nuses = 'command'\noutputs = {{ o = 'text' }}\ninputs = {{ i = 'first.o' }}\n\
             command = ['sh', '-c', '{before} cat {{inputs.i}}/v > {{outputs.o}}/v']\n"
        )
    };
    space.write("p.toml", stages("chmod u+w {inputs.i}/v; printf WHOLE > {inputs.i}/v; chmod u-w {inputs.i}/v;"));
    begin_second();
    let store = store.to_str().unwrap();
    let outcome = space.pipe(&["run", "p", "--store", store]);
    assert_eq!(outcome.code, 16, "{}{}", outcome.out, outcome.err);
    space.write("p.toml", stages(""));
    space.succeed(&["run", "p", "--store", store]);
    assert_eq!(std::fs::read_to_string(disk.path().join("store/p/s/o/v")).unwrap(), "whole");
}
