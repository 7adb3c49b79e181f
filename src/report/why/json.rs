//! An explanation for programs, with every value whole.

use crate::inputs::Change;
use crate::plan::{Outlook, Reason};
use crate::report::why::{Cause, Changed, Explanation, Source};
use crate::store::Action;
use serde_json::{Value, json};

impl Explanation {
    /// The explanation as an object.
    pub fn json(&self) -> Value {
        let reason = if let Outlook::Run(reason) = &self.outlook { Some(name(reason)) } else { None };
        let detail = match &self.outlook {
            Outlook::Cached(_) => Value::Null,
            Outlook::Run(reason) => reason.to_string().into(),
            Outlook::Waiting(upstream) => json!(upstream),
            Outlook::Blocked(missing) => json!(missing),
        };
        let result = if let Outlook::Cached(action) = &self.outlook { made(action) } else { Value::Null };
        json!({
            "pipeline": self.pipeline,
            "stage": self.stage,
            "status": self.outlook.state(),
            "reason": reason,
            "detail": detail,
            "key": self.key,
            "result": result,
            "against": self.against.as_ref().map(|past| json!({
                "run": past.run, "started": past.started, "key": past.manifest.key(),
            })),
            "differences": changes(&self.changes),
            "upstream": self.upstream.iter().map(Self::json).collect::<Vec<_>>(),
        })
    }
}

fn name(reason: &Reason) -> &'static str {
    match reason {
        Reason::New => "new",
        Reason::Changed(_) => "changed",
        Reason::Gone => "gone",
        Reason::KeyFormat => "key-format",
        Reason::Damaged(_) => "damaged",
        Reason::Forced => "forced",
    }
}

fn made(action: &Action) -> Value {
    json!({ "key": action.key, "provenance": action.provenance })
}

fn changes(changes: &[Changed]) -> Vec<Value> {
    changes.iter().map(changed).collect()
}

fn changed(Changed { difference, source }: &Changed) -> Value {
    let source = source.as_ref().map(|source| match source {
        Source::External { path, files, more } => {
            json!({ "path": path.to_string_lossy(), "files": files.iter().map(file).collect::<Vec<_>>(), "more_files": more })
        }
        Source::Output { stage, port, cause } => {
            let (name, because) = match cause {
                Cause::RanAgain(because) => ("ran-again", changes(because)),
                Cause::AsSaid => ("ran-again", Vec::new()),
                Cause::NotReproducible => ("not-reproducible", Vec::new()),
                Cause::Unknown => ("unknown", Vec::new()),
            };
            json!({ "stage": stage, "output": port, "cause": name, "differences": because })
        }
    });
    json!({
        "field": difference.field.to_string(), "old": difference.old, "new": difference.new, "from": source,
    })
}

fn file(change: &Change) -> Value {
    let (path, kind) = match change {
        Change::Added(path) => (path, "added"),
        Change::Removed(path) => (path, "removed"),
        Change::Changed(path) => (path, "changed"),
    };
    json!({ "path": path, "change": kind })
}
