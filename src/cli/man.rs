//! `pipe man`: the manual pages, made from the definition of the command line.

use crate::error::{Error, Result};
use crate::terminal::print_bytes;
use clap::{Args, Command, ValueHint};
use clap_mangen::Man;
use std::path::{Path, PathBuf};

/// Print the manual page, or write all of them to a folder.
#[derive(Debug, Args)]
pub(crate) struct ManArguments {
    /// Write pipe.1 and a page for each command to this folder.
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub(super) out: Option<PathBuf>,
}

/// Prints `pipe.1`, or writes the page of `pipe` and of each of its commands to a folder.
pub(super) fn man(arguments: &ManArguments, command: Command) -> Result<()> {
    let command = command.disable_help_subcommand(true);
    let Some(folder) = &arguments.out else {
        let mut page = Vec::new();
        let made = Man::new(command).render(&mut page);
        made.map_err(|error| Error::io("making", Path::new("pipe.1"), error))?;
        print_bytes(&page);
        return Ok(());
    };
    let failed = |error| Error::io("making pages in", folder, error);
    fs_err::create_dir_all(folder).map_err(failed)?;
    clap_mangen::generate_to(command, folder).map_err(failed)
}
