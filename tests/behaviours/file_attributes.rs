//! What a result keeps of its files and folders besides their bytes: the right to execute a file, and empty folders.

use crate::space::Space;
use crate::space::chain::folder;
use crate::whole::assert_whole;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// `base` runs a script, `next` reads what it made.
fn pipeline(base: &str, next: &str) -> Space {
    let space = Space::new();
    space.write(
        "chain.toml",
        format!(
            "name = 'chain'\n[stage.base]\nuses = 'command'\ncommand = ['sh', 'base.sh', '{{outputs.out}}']\n\
             files = {{ script = 'base.sh' }}\noutputs = {{ out = 'text' }}\n\
             [stage.next]\nuses = 'command'\ncommand = ['sh', '-c', \"{next}\"]\n\
             inputs = {{ from = 'base.out' }}\noutputs = {{ out = 'text' }}\n"
        )
        .replace("'base.sh', '{outputs.out}'", "'{files.script}', '{outputs.out}'"),
    );
    space.write("base.sh", base);
    space
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn an_executable_of_a_result_runs_in_the_next_stage() {
    let tool = "printf '#!/bin/sh\\necho made > \"$1\"\\n' > $1/tool; chmod 700 $1/tool; echo plain > $1/plain";
    let space = pipeline(tool, "{inputs.from}/tool {outputs.out}/text");
    space.succeed(&["run", "chain"]);
    let made = folder(&space, "next.out", &[]);
    assert_eq!(std::fs::read_to_string(made.join("text")).unwrap(), "made\n");
    let base = folder(&space, "base.out", &[]);
    assert_eq!((mode(&base.join("tool")), mode(&base.join("plain"))), (0o555, 0o444));
    assert_whole(&space.path("artifacts"));
    space.succeed(&["cache", "verify", "--deep"]);
}

#[test]
fn results_that_differ_by_the_right_to_execute_have_different_digests() {
    let space = pipeline("echo x > $1/x", "cp {inputs.from}/x {outputs.out}");
    space.succeed(&["run", "chain"]);
    let plain = folder(&space, "base.out", &[]);
    space.write("base.sh", "echo x > $1/x; chmod u+x $1/x");
    assert_eq!(space.statuses(&["chain"])["next"], "done");
    assert_ne!(folder(&space, "base.out", &[]), plain);
}

#[test]
fn an_executable_that_lost_its_permission_is_made_again() {
    let space = pipeline("echo true > $1/x; chmod +x $1/x", "{inputs.from}/x; echo done > {outputs.out}/x");
    space.succeed(&["run", "chain"]);
    let tool = folder(&space, "base.out", &[]).join("x");
    std::fs::set_permissions(&tool, PermissionsExt::from_mode(0o444)).unwrap();
    assert_eq!(space.pipe(&["cache", "verify"]).code, 44);
    assert_eq!(space.statuses(&["chain"])["base"], "done");
    assert_eq!(mode(&tool), 0o555);
}

#[test]
fn results_that_differ_by_an_empty_folder_have_different_digests() {
    let space = pipeline("echo x > $1/x", "ls {inputs.from} > {outputs.out}/list");
    space.succeed(&["run", "chain"]);
    let without = folder(&space, "base.out", &[]);
    space.write("base.sh", "echo x > $1/x; mkdir -p $1/empty/inner");
    assert_eq!(space.statuses(&["chain"])["next"], "done");
    assert_ne!(folder(&space, "base.out", &[]), without);
    let list = folder(&space, "next.out", &[]).join("list");
    assert_eq!(std::fs::read_to_string(list).unwrap(), "empty\nx\n");
    assert_whole(&space.path("artifacts"));
    space.succeed(&["cache", "verify", "--deep"]);
}

#[test]
fn an_empty_folder_that_is_gone_or_too_many_is_damage() {
    let space = pipeline("echo x > $1/x; mkdir $1/empty", "ls {inputs.from} > {outputs.out}/list");
    space.succeed(&["run", "chain"]);
    let base = folder(&space, "base.out", &[]);
    std::fs::create_dir(base.join("another")).unwrap();
    space.succeed(&["cache", "verify"]);
    assert_eq!(space.pipe(&["cache", "verify", "--deep"]).code, 44);
    std::fs::remove_dir(base.join("another")).unwrap();
    std::fs::remove_dir(base.join("empty")).unwrap();
    assert_eq!(space.pipe(&["cache", "verify"]).code, 44);
    assert_eq!(space.statuses(&["chain"])["base"], "done");
    assert!(base.join("empty").is_dir());
}

#[test]
fn reproduce_tells_results_apart_by_empty_folders_and_executables() {
    let space = pipeline("", "cp {inputs.from}/x {outputs.out}");
    for (change, words) in [("mkdir $1/empty", "out/empty/ was not there"), ("chmod u+x $1/x", "out/x is executable")] {
        space.write("flag", "");
        // What it does depends on a file that is no input.
        let flag = space.path("flag");
        space.write("base.sh", format!("echo x > $1/x; [ -s '{}' ] && {change}; true", flag.display()));
        space.succeed(&["run", "chain"]);
        space.succeed(&["lock", "chain"]);
        space.write("flag", "now");
        let outcome = space.pipe(&["reproduce", "chain"]);
        assert_eq!(outcome.code, 18, "{}{}", outcome.out, outcome.err);
        assert!((outcome.out.clone() + &outcome.err).contains(words), "{}{}", outcome.out, outcome.err);
    }
}

#[test]
fn an_export_keeps_executables_and_empty_folders() {
    let space = pipeline("echo x > $1/x; chmod +x $1/x; mkdir -p $1/a/empty", "cp {inputs.from}/x {outputs.out}");
    space.succeed(&["run", "chain"]);
    space.succeed(&["cache", "export", "chain", "base", "--to", "copy"]);
    assert_eq!(mode(&space.path("copy/base/out/x")) & 0o100, 0o100);
    assert!(space.path("copy/base/out/a/empty").is_dir());
}

#[test]
fn an_external_folder_is_told_apart_by_empty_folders_and_executables() {
    let space = Space::new();
    space.write(
        "chain.toml",
        "name = 'chain'\n[stage.base]\nuses = 'command'\ncommand = ['sh', '-c', 'ls -R {files.folder}/ > {outputs.out}/list']\n\
         files = { folder = 'folder' }\noutputs = { out = 'text' }\n",
    );
    space.write("folder/x", "x");
    assert_eq!(space.statuses(&["chain"])["base"], "done");
    std::fs::create_dir(space.path("folder/empty")).unwrap();
    assert_eq!(space.statuses(&["chain"])["base"], "done");
    std::fs::set_permissions(space.path("folder/x"), PermissionsExt::from_mode(0o755)).unwrap();
    assert_eq!(space.statuses(&["chain"])["base"], "done");
    assert_eq!(space.statuses(&["chain"])["base"], "cached");
}
