//! `pipe cache export`: plain copies of current results.

use super::{Target, current};
use crate::cli::arguments::ExportArguments;
use crate::cli::opened::Opened;
use crate::error::Result;
use crate::store::Exported;
use crate::terminal::size;
use serde_json::json;
use std::collections::BTreeMap;
use std::io::Write as _;

/// Copies the current results of the stages that are meant.
pub(super) fn export(arguments: &ExportArguments) -> Result<()> {
    let opened = Opened::open(&arguments.pipeline)?;
    let targets = if arguments.stages.is_empty() {
        Target::all(&opened)?
    } else {
        let each = arguments.stages.iter().map(|text| Target::parse(&opened, text));
        join(each.collect::<Result<_>>()?)
    };
    let _share = opened.store.share()?;
    let actions = current(&opened, &targets)?;
    let results: Vec<Exported> = targets
        .into_iter()
        .zip(actions)
        .map(|(target, action)| Exported {
            stage: opened.graph.stages[target.stage].name.clone(),
            action,
            ports: target.ports,
        })
        .collect();
    let (files, bytes) = opened.store.export(&results, &arguments.to)?;
    let text = if arguments.pipeline.json {
        let stages: Vec<_> = results.iter().map(|result| &result.stage).collect();
        json!({ "folder": arguments.to, "stages": stages, "files": files, "bytes": bytes }).to_string()
    } else {
        format!("{files} files, {}, of {} stages in {}", size(bytes), results.len(), arguments.to.display())
    };
    // Nobody may be reading any more.
    drop(writeln!(std::io::stdout(), "{text}"));
    Ok(())
}

/// Several outputs of one stage are one result.
fn join(targets: Vec<Target>) -> Vec<Target> {
    let mut joined: BTreeMap<_, Target> = BTreeMap::new();
    for target in targets {
        let Target { stage, ports } = target;
        joined.entry(stage).or_insert_with(|| Target { stage, ports: ports.clone() }).ports.extend(ports);
    }
    joined.into_values().collect()
}
