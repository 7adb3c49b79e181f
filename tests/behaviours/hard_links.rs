//! Files of a result that have a second name elsewhere: the user's file stays as it is, and the result is the store's own.

use crate::space::Space;
use crate::space::chain::folder;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt};
use std::path::Path;

/// A pipeline of one command with two outputs, and a stage that reads the first.
fn pipeline(script: &str) -> Space {
    let space = Space::new();
    let script = script.replace("OUTSIDE", space.path("").to_str().unwrap());
    space.write(
        "chain.toml",
        format!(
            "name = 'chain'\n[stage.base]\nuses = 'command'\ncommand = ['sh', '-c', '''{script}''']\n\
             outputs = {{ one = 'text', two = 'text' }}\n\
             [stage.next]\nuses = 'command'\ncommand = ['sh', '-c', 'cat {{inputs.from}}/* > {{outputs.out}}/x']\n\
             inputs = {{ from = 'base.one' }}\noutputs = {{ out = 'text' }}\n"
        ),
    );
    space
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

/// Edits the user's file in place and looks what becomes of the result.
fn assert_apart(space: &Space, user_file: &Path, name: &str) {
    let stored = folder(space, "base.one", &[]).join(name);
    assert_eq!(mode(user_file) & 0o200, 0o200, "the user's own file stays writable");
    assert_eq!(std::fs::metadata(&stored).unwrap().nlink(), 1);
    assert_eq!(mode(&stored) & 0o222, 0);
    std::fs::write(user_file, "edited").unwrap();
    assert_eq!(std::fs::read_to_string(&stored).unwrap(), "content\n");
    space.succeed(&["cache", "verify", "--deep"]);
    assert_eq!(space.statuses(&["chain", "--from", "next"])["base"], "cached");
    let next = folder(space, "next.out", &[]).join("x");
    assert_eq!(std::fs::read_to_string(next).unwrap(), "content\n");
}

#[test]
fn a_file_linked_into_an_output_stays_the_users() {
    let space = pipeline("ln OUTSIDE/tool {outputs.one}/tool; echo x > {outputs.two}/x");
    space.write("tool", "content\n");
    std::fs::set_permissions(space.path("tool"), PermissionsExt::from_mode(0o640)).unwrap();
    space.succeed(&["run", "chain"]);
    assert_eq!(mode(&space.path("tool")), 0o640);
    assert_apart(&space, &space.path("tool"), "tool");
}

#[test]
fn a_hard_linked_output_stays_the_users() {
    let space = pipeline("echo content > {outputs.one}/x; ln {outputs.one}/x OUTSIDE/keep; echo x > {outputs.two}/x");
    space.succeed(&["run", "chain"]);
    assert_apart(&space, &space.path("keep"), "x");
}

#[test]
fn a_linked_executable_stays_executable_on_both_sides() {
    let space = pipeline("ln OUTSIDE/tool {outputs.one}/tool; echo x > {outputs.two}/x");
    space.write("tool", "content\n");
    std::fs::set_permissions(space.path("tool"), PermissionsExt::from_mode(0o755)).unwrap();
    space.succeed(&["run", "chain"]);
    assert_eq!(mode(&space.path("tool")), 0o755);
    assert_eq!(mode(&folder(&space, "base.one", &[]).join("tool")), 0o555);
}

#[test]
fn linked_outputs_are_kept_apart() {
    let space = pipeline(
        "echo content > {outputs.one}/a; ln {outputs.one}/a {outputs.one}/b; ln {outputs.one}/a {outputs.two}/c",
    );
    space.succeed(&["run", "chain"]);
    let (one, two) = (folder(&space, "base.one", &[]), folder(&space, "base.two", &[]));
    let files = [one.join("a"), one.join("b"), two.join("c")];
    let mut inodes = files.each_ref().map(|file| std::fs::metadata(file).unwrap().ino());
    inodes.sort_unstable();
    assert!(inodes[0] != inodes[1] && inodes[1] != inodes[2], "{inodes:?}");
    assert!(files.iter().all(|file| std::fs::read_to_string(file).unwrap() == "content\n" && mode(file) == 0o444));
    space.succeed(&["cache", "verify", "--deep"]);
}
