//! Where exports are written.

use crate::error::{Error, Result};
use std::path::Path;

/// Refuses a folder that is there: exports never mix with other files.
///
/// # Errors
/// [`Error::Usage`], when there is something at the path.
pub(super) fn refuse_existing(path: &Path) -> Result<()> {
    if !path.exists() {
        return Ok(());
    }
    let message = format!("{} is there already", path.display());
    Err(Error::Usage { message, hint: Some("name a folder that is not, or remove it first".to_owned()) })
}
