//! `<pipeline>/<stage>/`: links to the newest result of each stage, for people and for explanations.

use crate::error::{Error, Result};
use crate::fs::disk::Disk;
use crate::fs::durable;
use crate::key::Key;
use crate::key::{PortName, StageName};
use crate::store::Store;
use crate::store::results::action::Action;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The link to a stage's newest record.
const RECORD: &str = "action.json";

impl Store {
    /// Points the links of a stage to this result, the one to its record last: where that is right, the others are, unless the result is
    /// new.
    pub fn link(&self, pipeline: &str, stage: &StageName, action: &Action, is_new: bool) -> Result<()> {
        let folder = self.root.join(pipeline).join(stage.as_str());
        let up = Path::new("../..");
        let record = up.join("actions").join(format!("{}.json", action.key));
        let outputs = action
            .outputs
            .iter()
            .map(|(port, artifact)| (port.as_str().to_owned(), up.join("store").join(artifact.digest.to_string())));
        let links: Vec<(String, PathBuf)> = outputs.chain([(RECORD.to_owned(), record)]).collect();
        let is_there =
            |(name, target): &(String, PathBuf)| std::fs::read_link(folder.join(name)).is_ok_and(|now| now == *target);
        // Of a cached result the record's link tells enough. What was just made may be other outputs of the same key, where a stage was
        // forced that is not reproducible.
        let looked_at = if is_new { &links[..] } else { &links[links.len() - 1..] };
        if looked_at.iter().all(is_there) {
            return Ok(());
        }
        durable::make_folder(&self.disk, &folder)?;
        for (name, target) in links {
            replace_link(&self.disk, &folder.join(name), &target)?;
        }
        Ok(())
    }

    /// Notes on a pipeline's folder that its results were used just now. A run with nothing to do leaves no other trace.
    pub fn touch(&self, pipeline: &str) {
        let folder = self.root.join(pipeline);
        if let Err(error) = self.disk.touch(&folder) {
            tracing::debug!("the time of {} could not be set: {error}", folder.display());
        }
    }

    /// The newest result of a stage of a pipeline, if it can still be read.
    pub fn newest(&self, pipeline: &str, stage: &StageName) -> Option<Action> {
        let link = self.root.join(pipeline).join(stage.as_str()).join(RECORD);
        let target = std::fs::read_link(&link).ok()?;
        let key = Key(crate::key::Digest::parse(target.file_stem()?.to_str()?)?);
        Action::decode(&std::fs::read(&link).ok()?, key).ok()
    }

    /// The folder of the newest artifact of an output, if it is there.
    pub fn newest_output(&self, pipeline: &str, stage: &StageName, port: &PortName) -> Option<PathBuf> {
        let folder = self.root.join(pipeline).join(stage.as_str()).join(port.as_str());
        folder.is_dir().then_some(folder)
    }
}

fn replace_link(disk: &Disk, link: &Path, target: &Path) -> Result<()> {
    let beside = durable::beside(link);
    let linked = match disk.link(target, &beside) {
        // A process of the same number was killed before it came to the renaming.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            disk.remove_file(&beside).and_then(|()| disk.link(target, &beside))
        }
        linked => linked,
    };
    linked.and_then(|()| disk.rename(&beside, link)).map_err(|error| {
        // It is of no use, and what cannot be removed does no harm.
        drop(disk.remove_file(&beside));
        Error::io("writing", link, error)
    })
}
