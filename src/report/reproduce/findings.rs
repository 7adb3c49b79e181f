//! What differs between the outputs of a stage and those that it made before, file by file.

use crate::error::Result;
use crate::key::PortName;
use crate::report::lock::Locked;
use crate::report::reproduce::Comparison;
use crate::report::reproduce::bytes::first_difference;
use crate::report::reproduce::numbers;
use crate::store::{Action, Artifact, Lookup};
use contract::questions::LargestDifference;
use std::collections::{BTreeMap, BTreeSet};

/// A file of an output that is not what it was, or an output of which no more is known than that.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The output.
    pub output: PortName,
    /// The file in it.
    pub file: Option<String>,
    /// What is different.
    pub change: Change,
    /// The largest difference between its numbers, where it has some that can be compared.
    pub largest: Option<LargestDifference>,
}

/// What is different about a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Its bytes from this offset on; its sizes before and now.
    Bytes {
        /// The first byte that differs, counted from 0.
        offset: u64,
        /// Its size before.
        before: u64,
        /// Its size now.
        now: u64,
    },
    /// Whether it may be executed.
    Executable,
    /// It was not there before.
    Added,
    /// It is not there any more.
    Removed,
    /// The content that it had before is not in the store, so only the digest tells.
    Digest,
}

/// All files that differ, by output and name.
pub(super) fn find(of: &Comparison<'_>, made: &Action, locked: &Locked) -> Result<Vec<Finding>> {
    let before = match of.store.lookup(locked.key())? {
        Lookup::Cached(action) if crate::plan::outputs_of(&action) == locked.outputs => Some(action),
        _ => None,
    };
    let mut findings = Vec::new();
    for (port, digest) in &locked.outputs {
        let now = made.outputs.get(port);
        if now.is_some_and(|artifact| artifact.digest == *digest) {
            continue;
        }
        match (before.as_ref().and_then(|action| action.outputs.get(port)), now) {
            (Some(before), Some(now)) => findings.extend(between(of, port, before, now)?),
            _ => findings.push(Finding { output: port.clone(), file: None, change: Change::Digest, largest: None }),
        }
    }
    Ok(findings)
}

/// The files that differ between two artifacts.
fn between(of: &Comparison<'_>, port: &PortName, before: &Artifact, now: &Artifact) -> Result<Vec<Finding>> {
    let folders = [of.store.artifact(&before.digest), of.again.artifact(&now.digest)];
    let finding =
        |file: &str, change| Finding { output: port.clone(), file: Some(file.to_owned()), change, largest: None };
    let now_by_path: BTreeMap<&str, _> = now.files.iter().map(|file| (file.path.as_str(), file)).collect();
    let mut findings = Vec::new();
    for old in &before.files {
        match now_by_path.get(old.path.as_str()) {
            None => findings.push(finding(old.path.as_str(), Change::Removed)),
            Some(new) if new.executable != old.executable => {
                findings.push(finding(old.path.as_str(), Change::Executable));
            }
            Some(new) if new.digest == old.digest => {}
            Some(new) => {
                let [a, b] = folders.each_ref().map(|folder| folder.join(&old.path));
                // What a digest tells apart differs somewhere, unless somebody has written to the store.
                if let Some(offset) = first_difference(&a, &b)? {
                    findings
                        .push(finding(old.path.as_str(), Change::Bytes { offset, before: old.size, now: new.size }));
                }
            }
        }
    }
    let old_paths: BTreeSet<&str> = before.files.iter().map(|file| file.path.as_str()).collect();
    let added = now.files.iter().map(|file| file.path.as_str()).filter(|path| !old_paths.contains(path));
    findings.extend(added.map(|path| finding(path, Change::Added)));
    for (folders, others, change) in [
        (&before.empty_folders, &now.empty_folders, Change::Removed),
        (&now.empty_folders, &before.empty_folders, Change::Added),
    ] {
        let differs = folders.iter().filter(|folder| !others.contains(folder));
        findings.extend(differs.map(|folder| finding(&format!("{folder}/"), change)));
    }
    let changed: Vec<&str> = findings
        .iter()
        .filter(|finding| matches!(finding.change, Change::Bytes { .. }))
        .filter_map(|finding| finding.file.as_deref())
        .collect();
    let mut largest = numbers::largest(of.worker.as_deref(), &folders, &changed);
    for finding in &mut findings {
        finding.largest = finding.file.as_ref().and_then(|file| largest.remove(file));
    }
    Ok(findings)
}
