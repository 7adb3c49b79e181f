//! An explanation of a stage: what becomes of it, and what differs.

use crate::inputs::Change;
use crate::key::{Difference, Key, Manifest, PortName, StageName};
use crate::plan::Outlook;
use crate::store::Action;
use std::path::PathBuf;

/// What there is to say of a stage.
#[derive(Debug)]
pub struct Explanation {
    /// The pipeline.
    pub pipeline: String,
    /// The stage.
    pub stage: StageName,
    /// Its state, and why.
    pub outlook: Outlook,
    /// What its key is made of; without what is not known yet, for a stage that depends on others.
    pub key: Option<Key>,
    /// What it is compared with.
    pub against: Option<Past>,
    /// What differs from that.
    pub changes: Vec<Changed>,
    /// The stages that run before it, for one that waits for their results.
    pub upstream: Vec<Self>,
}

/// An earlier time at which a stage had a key.
#[derive(Clone, Debug)]
pub struct Past {
    /// The run.
    pub run: String,
    /// When that run, or the stage in it, began, in seconds since 1970.
    pub started: u64,
    /// What the key was made of.
    pub manifest: Manifest,
}

/// A field of the key that differs.
#[derive(Debug)]
pub struct Changed {
    /// The field, old and new.
    pub difference: Difference,
    /// Where it comes from, for an input.
    pub source: Option<Source>,
}

/// Where an input comes from.
#[derive(Debug)]
pub enum Source {
    /// An output of another stage.
    Output {
        /// The stage.
        stage: StageName,
        /// The output.
        port: PortName,
        /// Why it is another.
        cause: Cause,
    },
    /// An external input: a file or folder that no stage makes.
    External {
        /// Where it is.
        path: PathBuf,
        /// What changed in a folder, by file, where that is known.
        files: Vec<Change>,
        /// How many more.
        more: usize,
    },
}

/// Why an output is another than it was.
#[derive(Debug)]
pub enum Cause {
    /// Its stage ran again, because of this.
    RanAgain(Vec<Changed>),
    /// Its stage ran again, as was reported already.
    AsSaid,
    /// Its stage made something else from the same key.
    NotReproducible,
    /// What made the old one is no longer known.
    Unknown,
}

impl From<Action> for Past {
    fn from(action: Action) -> Self {
        Self { run: action.provenance.run, started: action.provenance.started, manifest: action.manifest }
    }
}
