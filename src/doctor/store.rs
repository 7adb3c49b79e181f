//! The store: its folder, the disk beneath it, its index, and what was left over.

use crate::doctor::disk;
use crate::doctor::finding::{Examined, Finding};
use crate::inputs::IndexState;
use crate::store::Store;
use std::path::PathBuf;

/// The findings of a store in that folder, which need not exist.
pub(super) fn examine(folder: PathBuf) -> Vec<Examined> {
    let mut findings = vec![disk::writable(&folder)];
    findings.extend(disk::space(&folder).into_iter().map(Ok));
    let exists = folder.is_dir();
    let store = Store::new(folder);
    if exists {
        findings.push(Ok(index(store.index().state())));
        findings.push(Ok(left_overs(store.left_behind(), store.quarantined_count())));
    }
    findings
}

fn index(state: IndexState) -> Finding {
    match state {
        IndexState::Absent => Finding::fine("index", "there is none yet; it is made when something is remembered"),
        IndexState::Opens(rows) => Finding::fine("index", format!("opens, {rows} rows")).with("rows", rows),
        IndexState::Damaged => Finding::warning(
            "index",
            "it cannot be read",
            "nothing is lost: the next run moves it away and makes it anew from the files themselves",
        ),
        IndexState::Unavailable => Finding::warning(
            "index",
            "another process holds it, or the system does not let it be opened",
            "runs go on without it, but read external inputs again; look for another pipe that hangs",
        ),
    }
}

fn left_overs(dead: usize, quarantined: usize) -> Finding {
    let finding = match (dead, quarantined) {
        (0, 0) => Finding::fine("left-overs", "none"),
        (dead, 0) => Finding::fine("left-overs", format!("{dead} of dead runs in tmp, which the next run removes")),
        (dead, quarantined) => Finding::warning(
            "left-overs",
            format!("{quarantined} damaged things in quarantine, {dead} of dead runs in tmp"),
            "what was damaged was made again; look at quarantine/ for the cause (a failing disk?), then remove it",
        ),
    };
    finding.with("dead_runs", dead).with("quarantined", quarantined)
}
