//! `pipe export`: results and records in the forms that other programs read.

mod merged;
mod mlflow;
mod model;
mod output;
mod records;
mod ro_crate;
mod table;
mod tensorboard;

use crate::error::Result;
use clap::{Args, Subcommand};

/// Write results or records in the form that other programs want.
#[derive(Debug, Args)]
pub(crate) struct ExportModelArguments {
    /// What to write.
    #[command(subcommand)]
    pub(super) command: ExportCommand,
}

/// What can be written for other programs.
#[derive(Debug, Subcommand)]
pub(crate) enum ExportCommand {
    Merged(merged::MergedArguments),
    Model(model::LanguageModelArguments),
    Mlflow(mlflow::MlflowArguments),
    RoCrate(ro_crate::RoCrateArguments),
    Table(table::TableArguments),
    Tensorboard(tensorboard::TensorboardArguments),
}

/// Writes results in the form that other programs want.
pub(super) fn export(arguments: &ExportModelArguments) -> Result<()> {
    match &arguments.command {
        ExportCommand::Merged(arguments) => merged::export(arguments),
        ExportCommand::Model(arguments) => model::export(arguments),
        ExportCommand::Mlflow(arguments) => mlflow::export(arguments),
        ExportCommand::RoCrate(arguments) => ro_crate::export(arguments),
        ExportCommand::Table(arguments) => table::export(arguments),
        ExportCommand::Tensorboard(arguments) => tensorboard::export(arguments),
    }
}
