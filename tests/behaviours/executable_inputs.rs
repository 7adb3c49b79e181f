//! Whether an external input can be executed, and empty folders in it, decide what a command does with it.

use crate::space::{Space, with_status};
use std::os::unix::fs::PermissionsExt as _;

/// A pipeline that says of each file in `data` whether it can be executed, and lists the folders.
fn pipeline(data: &str) -> Space {
    let space = Space::new();
    space.write("data/tool", "#!/bin/sh\n");
    space.write(
        "p.toml",
        format!(
            "name = 'p'\n[stage.s]\nuses = 'command'\nfiles = {{ data = '{data}' }}\noutputs = {{ o = 'text' }}\n\
             command = ['sh', '-c', 'find -L {{files.data}} -perm -u+x -printf \"%y %f\\\\n\" | sort > {{outputs.o}}/v']\n"
        ),
    );
    space
}

fn set_mode(space: &Space, mode: u32) {
    std::fs::set_permissions(space.path("data/tool"), std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_change_of_the_executable_bit_runs_a_command_again() {
    for data in ["data", "data/tool"] {
        let space = pipeline(data);
        set_mode(&space, 0o644);
        space.succeed(&["run", "p"]);
        assert!(!space.result("p/s/o/v").contains("f tool"), "{data}");
        set_mode(&space, 0o755);
        assert_eq!(with_status(&space.statuses(&["p"]), "done"), ["s"], "{data}");
        assert!(space.result("p/s/o/v").contains("f tool"), "{data}");
        // Other permissions are no part of an input.
        set_mode(&space, 0o700);
        assert_eq!(with_status(&space.statuses(&["p"]), "cached"), ["s"], "{data}");
        set_mode(&space, 0o600);
        assert_eq!(with_status(&space.statuses(&["p"]), "cached"), ["s"], "{data}: back to the first result");
    }
}

#[test]
fn empty_folders_are_part_of_an_input() {
    let space = pipeline("data");
    set_mode(&space, 0o644);
    space.succeed(&["run", "p"]);
    std::fs::create_dir_all(space.path("data/one/two")).unwrap();
    assert_eq!(with_status(&space.statuses(&["p"]), "done"), ["s"]);
    assert!(space.result("p/s/o/v").contains("d two"));
    std::fs::remove_dir(space.path("data/one/two")).unwrap();
    assert_eq!(with_status(&space.statuses(&["p"]), "done"), ["s"]);
    std::fs::remove_dir(space.path("data/one")).unwrap();
    assert_eq!(with_status(&space.statuses(&["p"]), "cached"), ["s"], "as it was at first");
}
