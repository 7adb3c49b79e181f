//! Letting another store use a result, without a copy of its bytes.

use crate::error::{Error, Result};
use crate::store::Store;
use crate::store::results::action::Action;

impl Store {
    /// Puts a result's record into `to`, with links to the artifacts, which stay here and have to be kept for as long.
    pub(crate) fn link_into(&self, action: &Action, to: &Self) -> Result<()> {
        for artifact in action.outputs.values() {
            let home = self.artifact(&artifact.digest);
            let home = std::path::absolute(&home).map_err(|error| Error::io("reading", &home, error))?;
            let link = to.artifact(&artifact.digest);
            if !link.exists() {
                to.disk.link(&home, &link).map_err(|error| Error::io("writing", &link, error))?;
            }
        }
        to.record(action).map(drop)
    }
}
