//! What is written down of an attempt that goes on when the runner dies, so that the next run finds it again.

use crate::error::{Error, Result};
use crate::run::executor::spec::LaunchSpec;
use fs_err as fs;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// An attempt that was submitted, or was about to be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Submitted {
    /// What the executor finds it by.
    pub(crate) id: String,
    /// What was submitted.
    pub(crate) launch: LaunchSpec,
}

impl Submitted {
    /// Writes it down in a folder, whole or not at all.
    pub(crate) fn write(&self, folder: &Path) -> Result<()> {
        let (path, new) = (file(folder), folder.join(".job.new"));
        let bytes = serde_json::to_vec_pretty(self)
            .map_err(|error| Error::Internal(format!("an attempt cannot be written as JSON: {error}")))?;
        fs::write(&new, bytes)
            .and_then(|()| fs::rename(&new, &path))
            .map_err(|error| Error::io("writing", &path, error))
    }

    /// What is written down in a folder. What cannot be read was not written by this version, and is submitted again.
    pub(crate) fn read(folder: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(file(folder)).ok()?).ok()
    }
}

fn file(folder: &Path) -> PathBuf {
    folder.join("job.json")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::StageName;
    use crate::pipeline::JobResources;
    use crate::run::executor::spec::{LaunchProgram, LaunchResources};

    #[test]
    fn an_attempt_is_found_again_as_it_was_submitted() {
        use std::os::unix::ffi::OsStringExt as _;
        let folder = tempfile::tempdir().unwrap();
        let launch = LaunchSpec {
            id: "run/a/attempt-1".to_owned(),
            stage: StageName::new("a"),
            program: LaunchProgram::Command { arguments: vec!["sh".to_owned(), "-c".to_owned(), "true".to_owned()] },
            folder: folder.path().to_owned(),
            inputs: vec!["/data".into()],
            outputs: [("o".to_owned(), folder.path().join("outputs/o"))].into(),
            checkpoint: None,
            environment: [("PATH".to_owned(), std::ffi::OsString::from_vec(vec![b'/', 0xff]))].into(),
            secrets: vec!["TOKEN".to_owned()],
            resources: LaunchResources {
                ranks: 1,
                threads: 2,
                memory: 5,
                gpus: vec!["0".to_owned()],
                gpu_count: 1,
                job: JobResources { partition: Some("long".to_owned()), ..JobResources::default() },
            },
            timeout: Some(std::time::Duration::from_secs(3)),
            log: folder.path().join("a.log"),
        };
        let submitted = Submitted { id: "4711".to_owned(), launch };
        assert_eq!(Submitted::read(folder.path()), None);
        submitted.write(folder.path()).unwrap();
        assert_eq!(Submitted::read(folder.path()), Some(submitted));
        fs::write(file(folder.path()), "{").unwrap();
        assert_eq!(Submitted::read(folder.path()), None);
    }
}
