//! What is in the way is named: folders where files belong, files that are no text, stores that cannot be written.

use crate::space::Space;
use crate::space::chain::chain;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

/// The chain, run once.
fn finished() -> Space {
    let space = chain();
    space.succeed(&["run", "chain"]);
    space
}

#[test]
fn a_folder_in_the_place_of_the_stores_lock_is_named() {
    let space = finished();
    std::fs::remove_file(space.path("artifacts/lock")).ok();
    std::fs::create_dir(space.path("artifacts/lock")).unwrap();
    let outcome = space.pipe(&["run", "chain"]);
    assert_eq!(outcome.code, 44, "{}", outcome.err);
    assert!(outcome.err.contains("artifacts/lock is a folder, expected a lock file"), "{}", outcome.err);
    assert!(outcome.err.contains("remove the folder"), "{}", outcome.err);
}

#[test]
fn a_lock_that_is_no_text_is_an_error() {
    let space = finished();
    space.write("chain.lock", b"pipe-lock 2\nbase \xff\n");
    for arguments in [&["plan", "chain", "--locked"][..], &["lock", "chain", "--check"]] {
        let outcome = space.pipe(arguments);
        assert_eq!(outcome.code, 11, "{}", outcome.err);
        assert!(outcome.err.contains("chain.lock:2:6"), "{}", outcome.err);
        assert!(outcome.err.contains("a lock is UTF-8, and this byte is not"), "{}", outcome.err);
    }
    std::fs::remove_file(space.path("chain.lock")).unwrap();
    std::fs::create_dir(space.path("chain.lock")).unwrap();
    let outcome = space.pipe(&["plan", "chain", "--locked"]);
    assert_eq!(outcome.code, 11, "{}", outcome.err);
    assert!(outcome.err.contains("chain.lock is a folder, expected a lock"), "{}", outcome.err);
}

#[test]
fn an_unwritable_index_is_reported_as_that() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: only root can run as somebody without rights");
        return;
    }
    let space = finished();
    // The temporary folder is its owner's alone.
    std::fs::set_permissions(space.path(""), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let store = space.path("artifacts");
    let program = space.copy_of_program();
    let mut command = Command::new(&program);
    command.args(["cache", "rebuild-index", "--store", store.to_str().unwrap()]).uid(65534).gid(65534);
    let output = command.output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(40), "{error}");
    assert!(error.contains("cannot be written") && !error.contains("another process"), "{error}");
}

#[test]
fn a_result_of_a_command_is_shown() {
    let space = finished();
    let outcome = space.pipe(&["peek", "chain", "base"]);
    assert!(!outcome.err.contains("No such file or directory"), "{}", outcome.err);
    let nowhere = space.path("nowhere");
    let outcome = space.pipe(&["peek", "chain", "base", "--worker", nowhere.to_str().unwrap()]);
    assert_eq!(outcome.code, 43, "{}", outcome.err);
    assert!(outcome.err.contains("there is no worker at"), "{}", outcome.err);
}
