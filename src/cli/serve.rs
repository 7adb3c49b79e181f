//! `pipe serve`: answers over HTTP from the results of a pipeline.
//!
//! This module finds the results. The server is a program of its own, `pipe-serve`, which this one becomes, so that the runner
//! links no HTTP. The server asks `pipe serve --resolve` for the results when it starts and when it reloads.

use crate::cli::completion;
use crate::cli::lineage::lineage;
use crate::cli::options::PipelineArguments;
use crate::cli::rankings::ranking_stage;
use crate::cli::session::Session;
use crate::error::{Error, Result};
use crate::fs::{Disk, file_digest};
use crate::key::PortName;
use crate::plan::SelectionOptions;
use crate::terminal::print_line;
use clap::{Args, ValueHint};
use clap_complete::engine::ArgValueCandidates;
use contract::questions::{PROTOCOL, Service};
use serde_json::json;
use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Answer over HTTP from a pipeline's results: ranked lists, lists decoded live, similar items, a page.
#[derive(Debug, Args)]
pub(crate) struct ServeArguments {
    #[command(flatten)]
    pub(super) pipeline: PipelineArguments,
    /// The address to listen on; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub(super) listen: String,
    /// The stage that makes the lists, where there are several.
    #[arg(long, value_name = "STAGE", add = ArgValueCandidates::new(completion::stages))]
    pub(super) model: Option<String>,
    /// Items that were not there at training, as `pipe tokenize --output` writes them: lists that are decoded live have them too. The
    /// file is read again on SIGHUP.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(super) new_items: Option<PathBuf>,
    /// What answers for a user without a cached list, in this order: live, popular. By default nothing does.
    #[arg(long, value_name = "SOURCE,...", value_delimiter = ',', value_parser = ["live", "popular"])]
    pub(super) fallback: Vec<String>,
    /// The file with the bearer token that requests must have.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(super) token_file: Option<PathBuf>,
    /// The device that decodes.
    #[arg(long, default_value = "cpu", value_parser = ["auto", "cpu", "cuda"])]
    pub(super) device: String,
    /// The server; by default `pipe-serve` beside this program.
    #[arg(long, env = "PIPE_SERVE", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(super) server: Option<PathBuf>,
    /// Print what would be served, as JSON, and end.
    #[arg(long)]
    pub(super) resolve: bool,
    /// Further options of `pipe-serve`, such as limits; `pipe serve PIPELINE -- --help` lists them.
    #[arg(last = true, value_name = "OPTIONS")]
    pub(super) options: Vec<OsString>,
}

/// Serves the results of a pipeline.
pub(super) fn serve(arguments: &ServeArguments) -> Result<()> {
    let service = resolve(arguments)?;
    if arguments.resolve {
        print_line(json!(service).to_string());
        return Ok(());
    }
    let server = server(arguments)?;
    let mut command = Command::new(&server);
    command.args(["--listen", &arguments.listen, "--device", &arguments.device]);
    if !arguments.fallback.is_empty() {
        command.args(["--fallback", &arguments.fallback.join(",")]);
    }
    if let Some(file) = &arguments.token_file {
        command.arg("--token-file").arg(file);
    }
    command.args(&arguments.options).arg("--").args(own_command()?).arg("--resolve");
    Err(missing(format!("{} cannot be started: {}", server.display(), command.exec())))
}

/// The results that the pipeline says now.
fn resolve(arguments: &ServeArguments) -> Result<Service> {
    let session = Session::open(&arguments.pipeline)?;
    let stage = ranking_stage(&session, arguments.model.as_deref())?;
    let _lock = session.store.lock_shared()?;
    let of_stage = lineage(&session, &arguments.pipeline.pipeline, stage)?;
    let until = SelectionOptions { until: Some(of_stage.name.clone()), ..SelectionOptions::default() };
    let current = session.current(&session.select(&until)?)?;
    let lacks = || Error::NoResults(format!("'{}' has no cached lists", of_stage.name));
    let action = current.get(&stage).ok_or_else(lacks)?;
    let artifact = action.outputs.get(&PortName::new("rankings")).ok_or_else(lacks)?;
    let name = &session.graph.stages[stage].name;
    let new_items = arguments.new_items.as_deref().map(with_digest).transpose()?;
    let root = std::path::absolute(session.store.root()).unwrap_or_else(|_| session.store.root().to_owned());
    Ok(Service {
        protocol: PROTOCOL,
        pipeline: session.graph.pipeline.clone(),
        model: of_stage.name.clone(),
        run: action.provenance.run.clone(),
        made: action.provenance.started + action.provenance.seconds as u64,
        artifact: artifact.digest.to_string(),
        // Paths of artifacts end in their digests.
        content: blake3::hash(json!([of_stage, new_items]).to_string().as_bytes()).to_string(),
        new_items: new_items.map(|(path, _)| path),
        worker: session.worker.clone(),
        folder: root.join("index").join("online"),
        watch: root.join(&session.graph.pipeline).join(name.as_str()).join("action.json"),
        stage: of_stage,
    })
}

/// The absolute path of a file, and the digest of its content.
fn with_digest(path: &Path) -> Result<(PathBuf, String)> {
    let digest = file_digest(&Disk::default(), path)?;
    let path = std::path::absolute(path).map_err(|error| Error::io("reading", path, error))?;
    Ok((path, digest.to_string()))
}

fn server(arguments: &ServeArguments) -> Result<PathBuf> {
    let server = match &arguments.server {
        Some(server) => server.clone(),
        None => program()?.with_file_name("pipe-serve"),
    };
    if server.is_file() { Ok(server) } else { Err(missing(format!("there is no server at {}", server.display()))) }
}

/// This command line without the options of the server.
fn own_command() -> Result<Vec<OsString>> {
    let arguments = std::env::args_os().skip(1).take_while(|argument| argument != "--");
    Ok(std::iter::once(program()?.into_os_string()).chain(arguments).collect())
}

fn program() -> Result<PathBuf> {
    std::env::current_exe().map_err(|error| missing(format!("cannot find this program's own folder: {error}")))
}

fn missing(message: String) -> Error {
    Error::Worker { message, hint: "build it with `make build`, or name it with --server or PIPE_SERVE".to_owned() }
}
