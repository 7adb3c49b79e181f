//! The lock of a pipeline: what every stage's key is made of and what it led to, as a small text file that goes into git.

mod differences;
mod file;
mod line;
mod metric;

pub use differences::{LockDifference, differences_from};
pub use file::{parse, text};
pub use metric::{Metric, Metrics, metrics_of};

use crate::error::{Error, Result};
use crate::key::Digest;
use crate::key::{Key, Manifest};
use crate::key::{PortName, StageName};
use crate::machine::Hardware;
use crate::plan::Graph;
use crate::report::metrics;
use crate::source::{Place, Source};
use crate::store::{Action, Store};
use fs_err as fs;
use petgraph::graph::NodeIndex;
use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a pipeline's stages are made of and led to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lock {
    /// The stages by name.
    pub stages: BTreeMap<StageName, Locked>,
}

/// One stage of a lock.
#[derive(Clone, Debug, PartialEq)]
pub struct Locked {
    /// What its key is made of.
    pub manifest: Manifest,
    /// The digest of each output.
    pub outputs: BTreeMap<PortName, Digest>,
    /// The class of hardware on which the outputs were made, where that was written down.
    pub hardware: Option<Hardware>,
    /// The metrics in its metrics.
    pub metrics: Metrics,
}

impl Locked {
    /// The key.
    pub fn key(&self) -> Key {
        self.manifest.key()
    }

    fn of(action: &Action, node: &crate::plan::Node, store: &Store) -> Result<Self> {
        let mut all = Metrics::new();
        let ports = node.description.outputs.iter().filter(|port| port.kind.0 == metrics::KIND);
        for port in ports {
            if let Some(artifact) = action.outputs.get(&PortName::new(&port.name)) {
                all.extend(metrics_of(&store.artifact(&artifact.digest))?);
            }
        }
        Ok(Self {
            manifest: action.manifest.clone(),
            outputs: crate::plan::outputs_of(action),
            hardware: action.provenance.hardware.clone(),
            metrics: all,
        })
    }
}

impl Lock {
    /// The lock of the stages in scope, which have these results.
    ///
    /// # Errors
    /// When a stage has no cached result; the error names all such stages.
    pub fn of(
        graph: &Graph,
        scope: &BTreeSet<NodeIndex>,
        current: &BTreeMap<NodeIndex, Box<Action>>,
        store: &Store,
    ) -> Result<Self> {
        let missing: Vec<&str> = graph
            .order
            .iter()
            .filter(|stage| scope.contains(stage) && !current.contains_key(stage))
            .map(|stage| graph.stages[*stage].name.as_str())
            .collect();
        if !missing.is_empty() {
            let pipeline = &graph.pipeline;
            let (names, have) = (missing.join(", "), if missing.len() == 1 { "has" } else { "have" });
            return Err(Error::NoResults(format!(
                "{names} {have} no cached result, so there is nothing to lock; run `pipe run {pipeline}` first"
            )));
        }
        let locked = current.iter().filter(|(stage, _)| scope.contains(stage)).map(|(stage, action)| {
            let node = &graph.stages[*stage];
            Ok((node.name.clone(), Locked::of(action, node, store)?))
        });
        Ok(Self { stages: locked.collect::<Result<_>>()? })
    }

    /// Reads the lock of a pipeline file.
    ///
    /// # Errors
    /// When there is none, or it is none.
    pub fn read(path: &Path) -> Result<Self> {
        match fs::read(path) {
            Ok(bytes) => parse(&source(path, bytes)?),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                Err(Error::NoResults(format!("there is no lock at {}; `pipe lock` writes it", path.display())))
            }
            Err(error) if error.kind() == ErrorKind::IsADirectory => {
                let nothing = Arc::new(Source::File { path: path.to_owned(), text: String::new() });
                Err(unreadable(&nothing, 0, format!("{} is a folder, expected a lock", path.display())))
            }
            Err(error) => Err(Error::io("reading", path, error)),
        }
    }
}

/// The text of a lock.
///
/// # Errors
/// [`Error::Syntax`] with the place of the first byte that is not UTF-8.
fn source(path: &Path, bytes: Vec<u8>) -> Result<Arc<Source>> {
    let of = |text: String| Arc::new(Source::File { path: path.to_owned(), text });
    String::from_utf8(bytes).map(of).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let shown = of(String::from_utf8_lossy(error.as_bytes()).into_owned());
        unreadable(&shown, at, "a lock is UTF-8, and this byte is not".to_owned())
    })
}

fn unreadable(source: &Arc<Source>, at: usize, message: String) -> Error {
    let hint = Some("`pipe run`, then `pipe lock`, writes it anew from the results".to_owned());
    Error::Syntax { message, place: Place::new(source, at..at), hint }
}

/// Where the lock of a pipeline file is: beside it, with the ending `lock`.
pub fn path_of(pipeline_file: &Path) -> PathBuf {
    pipeline_file.with_extension("lock")
}
