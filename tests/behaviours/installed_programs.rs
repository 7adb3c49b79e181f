//! A program in a folder `bin` runs by its own path, so that it finds its libraries; a program of the project does not.

use crate::space::Space;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

fn pipeline(program: &str) -> String {
    format!(
        "name = \"p\"\n\n[stage.a]\nuses = \"command\"\ncommand = [\"{program}\", \"{{outputs.o}}\"]\noutputs.o = \"text\"\n"
    )
}

#[test]
fn an_installed_program_finds_what_lies_beside_its_folder() {
    let space = Space::new();
    let script =
        "#!/bin/sh\ncat \"$(dirname \"$0\")\"/../lib/data > \"$1\"/found 2>/dev/null || echo none > \"$1\"/found\n";
    for place in ["tool/bin/program", "scripts/program"] {
        space.write(place, script);
        std::fs::set_permissions(space.path(place), std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    space.write("tool/lib/data", "its library\n");
    space.write("lib/data", "no input\n");
    space.write("p.toml", pipeline("tool/bin/program"));
    space.succeed(&["run", "p"]);
    assert_eq!(space.result("p/a/o/found"), "its library\n");
    space.write("p.toml", pipeline("scripts/program"));
    space.succeed(&["run", "p", "--store", space.path("other").to_str().unwrap()]);
    let found = Command::new("find").arg(space.path("other/store")).args(["-name", "found"]).output().unwrap();
    let found = String::from_utf8(found.stdout).unwrap();
    assert_eq!(std::fs::read_to_string(found.trim()).unwrap(), "none\n");
}

#[test]
fn the_python_of_a_virtual_environment_is_that_of_the_environment() {
    let space = Space::new();
    let made = Command::new("python3").args(["-m", "venv", "--without-pip"]).arg(space.path("venv")).output();
    if !made.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: python3 has no module venv");
        return;
    }
    let program = "import sys; open(sys.argv[1] + '/prefix', 'w').write(sys.prefix)";
    space.write(
        "p.toml",
        format!(
            "name = \"p\"\n\n[stage.a]\nuses = \"command\"\ncommand = [\"venv/bin/python\", \"-c\", \"{program}\", \
             \"{{outputs.o}}\"]\noutputs.o = \"text\"\n"
        ),
    );
    space.succeed(&["run", "p"]);
    let prefix = std::path::PathBuf::from(space.result("p/a/o/prefix"));
    assert_eq!(prefix.canonicalize().unwrap(), space.path("venv").canonicalize().unwrap());
}
