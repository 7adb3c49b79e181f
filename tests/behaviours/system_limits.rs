//! A limit of the system that is reached is named in the error, and ends the run instead of hanging it.

use crate::space::{Outcome, Space};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::time::{Duration, Instant};

fn stage(command: &str) -> Space {
    let space = Space::new();
    space.write(
        "p.toml",
        format!("name = 'p'\n[stage.a]\nuses = 'command'\ncommand = {command}\noutputs = {{ o = 'text' }}\n"),
    );
    space
}

/// The same command started by other programs, such as `prlimit`.
fn beneath(space: &Space, wrapper: &[&str], arguments: &[&str]) -> Outcome {
    let mut command = Command::new(wrapper[0]);
    command.current_dir(space.path("")).args(&wrapper[1..]).arg(env!("CARGO_BIN_EXE_pipe")).args(arguments);
    Outcome::of(&command.env_remove("PIPE_STORE").env_remove("PIPE_WORKER").output().unwrap())
}

#[test]
fn a_run_ends_when_no_process_or_thread_can_be_started() {
    const USER: &str = "61237";
    let drop_rights = ["setpriv", "--reuid", USER, "--regid", USER, "--clear-groups"];
    let mut can_start = Command::new(drop_rights[0]);
    can_start.args(&drop_rights[1..]).arg(env!("CARGO_BIN_EXE_pipe")).arg("--version");
    if !can_start.status().is_ok_and(|status| status.success()) {
        eprintln!("skipped: rights cannot be dropped with setpriv, or another user cannot start pipe");
        return;
    }
    for limit in 1..=8 {
        let space = stage("['sh', '-c', 'echo x > {outputs.o}/x']");
        std::fs::set_permissions(space.path(""), std::fs::Permissions::from_mode(0o777)).unwrap();
        let limits = format!("--nproc={limit}");
        let wrapper = [&["timeout", "--signal=KILL", "60"], &drop_rights[..], &["prlimit", &limits]].concat();
        let begun = Instant::now();
        let outcome = beneath(&space, &wrapper, &["run", "p"]);
        assert!(begun.elapsed() < Duration::from_secs(50), "{limit} processes: it hangs: {}", outcome.err);
        assert!([0, 20, 45].contains(&outcome.code), "{limit} processes: {}: {}", outcome.code, outcome.err);
        assert!(!outcome.err.contains("panicked"), "{limit} processes: {}", outcome.err);
    }
}

#[test]
fn arguments_that_are_too_long_are_said_to_be_that() {
    let space = stage(&format!("['sh', '-c', 'true', '{}']", "x".repeat(200_000)));
    let outcome = space.pipe(&["run", "p"]);
    assert_eq!(outcome.code, 45, "{}", outcome.err);
    assert!(outcome.err.contains("arguments and environment are longer"), "{}", outcome.err);
    assert!(!outcome.err.contains("cargo build"), "{}", outcome.err);
}

#[test]
fn too_many_open_files_are_said_to_be_that() {
    let space = stage("['sh', '-c', 'echo x > {outputs.o}/x']");
    let mut refused = 0;
    for limit in 5..=16 {
        let limits = format!("--nofile={limit}");
        let outcome = beneath(&space, &["prlimit", &limits], &["run", "p", "--force"]);
        assert!(!outcome.err.contains("cargo build"), "{limit} files: {}", outcome.err);
        assert!(
            [0, 20, 42, 45].contains(&outcome.code) || outcome.code == 127,
            "{limit}: {} {}",
            outcome.code,
            outcome.err
        );
        refused += usize::from(outcome.code == 45 && outcome.err.contains("open files"));
    }
    assert!(refused > 0, "no limit was reached");
}

#[test]
fn a_limit_for_the_size_of_files_is_an_error() {
    let space = stage("['sh', '-c', 'echo x > {outputs.o}/x']");
    let outcome = beneath(&space, &["prlimit", "--fsize=0"], &["run", "p"]);
    assert_eq!(outcome.code, 45, "{}", outcome.err);
    assert!(outcome.err.contains("limit for files"), "{}", outcome.err);
}

#[test]
fn a_full_disk_has_its_own_exit_code() {
    let space = stage("['sh', '-c', 'head -c 20000000 /dev/zero > {outputs.o}/x']");
    let disk = space.path("disk");
    std::fs::create_dir(&disk).unwrap();
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=4m", "tmpfs"]).arg(&disk).status();
    if !mounted.is_ok_and(|status| status.success()) {
        eprintln!("skipped: no tmpfs can be mounted");
        return;
    }
    let outcome = space.pipe(&["run", "p", "--store", "disk/store"]);
    let unmounted = Command::new("umount").arg("-l").arg(&disk).status().unwrap();
    assert!(unmounted.success());
    assert_eq!(outcome.code, 41, "{}", outcome.err);
}

#[test]
fn output_that_nobody_reads_does_not_fill_memory() {
    let space = stage(
        "['sh', '-c', 'yes 0123456789012345678901234567890123456789 | head -c 50000000; echo x > {outputs.o}/x']",
    );
    let mut child = space.command(&["run", "p", "--json"]).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let status = || std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
    // Nobody reads: the run comes to rest.
    std::thread::sleep(Duration::from_secs(5));
    let peak =
        status().lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().split(' ').next()?.parse::<u64>().ok());
    let peak = peak.unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    eprintln!("peak memory with 50 MB of unread lines: {peak} KiB");
    assert!(peak < 40_000, "{peak} KiB");
}
