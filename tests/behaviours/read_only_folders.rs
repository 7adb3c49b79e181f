//! Folders that a stage leaves read-only are kept, moved and removed, also for a user without rights.

use crate::space::Space;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

/// The number of the user `nobody`.
const NOBODY: &str = "65534";

/// Leaves folders read-only in the output, in the checkpoint and in the folder for what is temporary.
const PIPELINE: &str = r#"
name = "p"

[stage.a]
uses = "command"
command = ["sh", "-c", '''
make() { mkdir -p "$1/mod/inner"; echo x > "$1/mod/inner/file"; chmod 444 "$1/mod/inner/file"; chmod 555 "$1/mod/inner" "$1/mod"; }
make {outputs.out}; make "$TMPDIR"; make {checkpoint}
chmod 555 {outputs.out}
exit {parameters.code}
''']
outputs = { out = "text" }
parameters = { code = 0 }
"#;

/// `pipe` as a user whom permissions bind, or nothing, with the reason printed.
fn as_nobody(space: &Space) -> Option<impl Fn(&[&str]) -> (i32, String)> {
    let is_root = rustix::process::geteuid().is_root();
    if is_root && !can_drop_rights() {
        eprintln!("skipped: setpriv cannot drop root's rights here");
        return None;
    }
    open(&space.path(""));
    let folder = space.path("");
    // A user without rights may not enter the folder that the tests are built in.
    let program = space.copy_of_program();
    std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
    Some(move |arguments: &[&str]| {
        let mut command = if is_root { Command::new("setpriv") } else { Command::new(&program) };
        if is_root {
            command.args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", "--"]).arg(&program);
        }
        let output = command.args(arguments).current_dir(&folder).env_remove("PIPE_STORE").output().unwrap();
        let message = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        (output.status.code().unwrap_or(-1), message)
    })
}

fn can_drop_rights() -> bool {
    let arguments = ["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", "--", "true"];
    Command::new("setpriv").args(arguments).status().is_ok_and(|status| status.success())
}

fn open(folder: &Path) {
    std::fs::set_permissions(folder, PermissionsExt::from_mode(0o777)).unwrap();
}

#[test]
fn read_only_folders_can_be_removed() {
    let space = Space::new();
    space.write("p.toml", PIPELINE);
    let Some(pipe) = as_nobody(&space) else { return };
    let (code, message) = pipe(&["run", "p"]);
    assert_eq!(code, 0, "{message}");
    assert!(space.stored("checkpoints").is_empty(), "the checkpoint of a stage that succeeded goes");
    let left: Vec<String> = space.stored("tmp").into_iter().filter(|name| name != "locks").collect();
    assert!(left.is_empty(), "{left:?}");
    let (code, message) = pipe(&["cache", "gc", "--max-size", "0"]);
    assert_eq!(code, 0, "{message}");
    assert!(space.stored("store").is_empty(), "{message}");
}

#[test]
fn read_only_folders_of_a_killed_stage_go() {
    let space = Space::new();
    space.write("p.toml", PIPELINE);
    let Some(pipe) = as_nobody(&space) else { return };
    let (code, message) = pipe(&["run", "p", "--set", "a.code=1"]);
    assert_eq!(code, 20, "{message}");
    let left: Vec<String> = space.stored("tmp").into_iter().filter(|name| name != "locks").collect();
    assert!(left.is_empty(), "{left:?}");
    let (code, message) = pipe(&["run", "p"]);
    assert_eq!(code, 0, "{message}");
}
