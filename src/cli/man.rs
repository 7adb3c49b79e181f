//! `pipe man`: the manual pages, made from the definition of the command line.

use crate::cli::arguments::{Arguments, ManArguments};
use crate::error::{Error, Result};
use clap::CommandFactory as _;
use clap_mangen::Man;
use std::io::Write as _;
use std::path::Path;

/// Prints `pipe.1`, or writes the page of `pipe` and of each of its commands to a folder.
pub fn man(arguments: &ManArguments) -> Result<()> {
    let command = Arguments::command().disable_help_subcommand(true);
    let Some(folder) = &arguments.out else {
        let mut page = Vec::new();
        let made = Man::new(command).render(&mut page);
        made.map_err(|error| Error::io("making", Path::new("pipe.1"), error))?;
        // Nobody may be reading any more.
        drop(std::io::stdout().write_all(&page));
        return Ok(());
    };
    let failed = |error| Error::io("making pages in", folder, error);
    fs_err::create_dir_all(folder).map_err(failed)?;
    clap_mangen::generate_to(command, folder).map_err(failed)
}
