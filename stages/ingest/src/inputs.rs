//! The files that are bound to the ports.

use crate::source::Files;
use contract::{Context, Failure, FailureKind, Result};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The forms of input, each with its ports, of which the first must be bound.
const FORMS: [(&str, &[&str]); 4] = [
    ("raw reviews", &["reviews", "metadata"]),
    ("interactions", &["interactions", "metadata"]),
    ("processed", &["sequences", "item_ids", "item_text"]),
    ("split pairs", &["train_pairs", "validation_pairs", "test_pairs"]),
];

/// The paths that are bound, by port.
#[derive(Debug, Clone, Default)]
pub(crate) struct Inputs {
    paths: BTreeMap<String, Vec<PathBuf>>,
    pattern: Option<String>,
}

impl Inputs {
    /// What is bound in a run of the stage.
    pub(crate) fn of(context: &Context, pattern: Option<String>) -> Self {
        let ports = FORMS.iter().flat_map(|(_, ports)| ports.iter());
        let paths = ports.map(|port| ((*port).to_owned(), context.input_paths(port)));
        Self { paths: paths.filter(|(_, paths)| !paths.is_empty()).collect(), pattern }
    }

    /// Paths bound to the port of interactions, and perhaps to that of metadata.
    pub(crate) fn of_files(interactions: &[PathBuf], metadata: &[PathBuf], pattern: Option<String>) -> Self {
        let bound = [("interactions", interactions), ("metadata", metadata)];
        let bound = bound.into_iter().filter(|(_, paths)| !paths.is_empty());
        Self { paths: bound.map(|(port, paths)| (port.to_owned(), paths.to_vec())).collect(), pattern }
    }

    /// The same with the interactions bound to another port.
    pub(crate) fn with_interactions_as(mut self, port: &str) -> Self {
        if let Some(paths) = self.paths.remove("interactions") {
            self.paths.insert(port.to_owned(), paths);
        }
        self
    }

    /// Whether a port is bound.
    pub(crate) fn has(&self, port: &str) -> bool {
        self.paths.contains_key(port)
    }

    /// The files behind a port.
    ///
    /// # Errors
    /// When nothing is bound to it, or a folder has no file to read.
    pub(crate) fn files(&self, port: &str) -> Result<Files> {
        let paths = self.paths.get(port).ok_or_else(|| {
            Failure::new(FailureKind::Conflict, format!("nothing is bound to the input '{port}' of ingest"))
        })?;
        Files::of(paths, self.pattern.as_deref())
    }

    /// The one file behind a port.
    ///
    /// # Errors
    /// When there are several.
    pub(crate) fn file(&self, port: &str) -> Result<PathBuf> {
        let files = self.files(port)?;
        match <[PathBuf; 1]>::try_from(files.paths) {
            Ok([file]) => Ok(file),
            Err(paths) => {
                let message = format!("'{port}' is bound to {} files, expected exactly one", paths.len());
                Err(Failure::new(FailureKind::Conflict, message))
            }
        }
    }

    /// The one file behind a port that need not be bound.
    pub(crate) fn optional_file(&self, port: &str) -> Result<Option<PathBuf>> {
        self.has(port).then(|| self.file(port)).transpose()
    }

    /// Checks that exactly one form of input is bound, and only its own companions.
    pub(crate) fn check(&self) -> Result<()> {
        let bound = |ports: &[&'static str]| ports.iter().copied().filter(|port| self.has(port)).collect::<Vec<_>>();
        let conflict = |message: String| {
            let hint = "bind either reviews or interactions, with or without metadata; or sequences, item_ids and \
                        item_text; or train_pairs, validation_pairs and test_pairs";
            Err(Failure::new(FailureKind::Conflict, message).hint(hint))
        };
        let complete: Vec<_> = FORMS.iter().filter(|(_, ports)| self.has(ports[0])).collect();
        let all = bound(&FORMS.iter().flat_map(|(_, ports)| ports.iter().copied()).collect::<Vec<_>>());
        let stray = all.iter().find(|port| !complete.iter().any(|(_, ports)| ports.contains(port)));
        match (complete.as_slice(), stray) {
            ([], None) => conflict(
                "ingest has no input: neither reviews, interactions, sequences nor train_pairs are bound".into(),
            ),
            ([], Some(stray)) => {
                let firsts = FORMS.iter().filter(|(_, ports)| ports.contains(stray)).map(|(_, ports)| ports[0]);
                conflict(format!("ingest has {stray} but no {}", firsts.collect::<Vec<_>>().join(" or ")))
            }
            ([_], None) => Ok(()),
            ([(form, ports)], Some(stray)) => {
                conflict(format!("ingest has inputs of 2 forms: {} are {form}, {stray} belongs to another", ports[0]))
            }
            (several, _) => {
                let each: Vec<String> =
                    several.iter().map(|(form, ports)| format!("{} are {form}", ports[0])).collect();
                conflict(format!("ingest has inputs of {} forms: {}", each.len(), each.join(", ")))
            }
        }
    }
}
