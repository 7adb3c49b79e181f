//! The suite of executors on a cluster of this machine, where one can be started.

#![allow(clippy::print_stderr, reason = "a test says why it skips")]

use super::*;
use crate::run::executor::suite;
use std::process::Command;

/// A cluster that ends with the test.
struct Cluster(tempfile::TempDir);

impl Cluster {
    fn start() -> std::result::Result<Self, String> {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let output = script("start", folder.path()).output().map_err(|error| error.to_string())?;
        // It ends whatever was started, also when not all could be.
        let cluster = Self(folder);
        if output.status.success() { Ok(cluster) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(script("stop", self.0.path()).output());
    }
}

fn script(action: &str, folder: &Path) -> Command {
    let mut command = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/slurm.sh"));
    command.arg(action).arg(folder);
    command
}

/// The suite, by this same program with the cluster's configuration in its environment.
#[test]
fn keeps_what_every_executor_must_keep() {
    if suite::program("pipe").is_none() {
        eprintln!("skipped: pipe is not built beside the tests");
        return;
    }
    let _turn = suite::turn();
    let cluster = match Cluster::start() {
        Ok(cluster) => cluster,
        Err(reason) => return eprintln!("skipped: {}", reason.trim()),
    };
    let mut tests = Command::new(std::env::current_exe().unwrap());
    tests.args(["--exact", "--ignored", "run::executor::slurm::tests::suite_in_a_cluster"]);
    let output = tests.env("SLURM_CONF", cluster.0.path().join("slurm.conf")).output().unwrap();
    let printed = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success() && printed.contains("1 passed"), "{printed}");
}

#[test]
#[ignore = "needs a cluster, which the test above starts"]
fn suite_in_a_cluster() {
    let entry = SlurmEntry { poll: Some(Duration::from_secs(2)), ..SlurmEntry::default() };
    suite::run(&Slurm::new(&suite::program("pipe").unwrap(), &entry));
}
