//! `pipe why`: why a stage would run, or why not.

use crate::arguments::WhyArguments;
use crate::commands::opened::Opened;
use crate::error::{Error, Result};
use crate::names::StageName;
use crate::plan::{
    Changed, Comparison, Decision, Difference, Job, Manifest, Origin, Reason, Standing, Wishes, short, standings,
};
use crate::show::{ago, duration, time};
use crate::store::{Action, RunRecord, now};
use petgraph::graph::NodeIndex;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Write as _;

/// Explains a stage.
pub fn why(arguments: &WhyArguments) -> Result<()> {
    let opened = Opened::open(&arguments.pipeline)?;
    let wishes = Wishes { until: Some(arguments.stage.clone()), ..Wishes::default() };
    let selection = opened.select(&wishes)?;
    let mut planner = opened.planner(&selection);
    let missing = planner.missing_files();
    if !missing.is_empty() {
        return Err(Error::Missing(missing));
    }
    let Some(stage) = opened.graph.find(&arguments.stage) else { return Ok(()) };
    let standings = standings(&mut planner, stage)?;
    planner.save();
    let against = arguments.against.as_deref().map(|run| opened.store.run_named(run)).transpose()?;
    let explained: Vec<Explained<'_>> = subjects(&standings, stage)
        .into_iter()
        .map(|subject| Explained::of(&opened, &standings, subject, against.as_ref()))
        .collect::<Result<_>>()?;
    let waiting = Waiting::of(&opened, &standings, stage);
    let text = if arguments.pipeline.json {
        format!("{}\n", as_json(&arguments.stage, waiting.as_ref(), &explained))
    } else {
        let lines = waiting.iter().map(Waiting::text).chain(explained.iter().map(Explained::text));
        lines.collect::<Vec<_>>().join("\n")
    };
    // Nobody may be reading any more.
    drop(std::io::stdout().write_all(text.as_bytes()));
    Ok(())
}

/// The stage itself; or, while that depends on what others will make, those of them that are decided.
fn subjects(standings: &BTreeMap<NodeIndex, Standing>, stage: NodeIndex) -> Vec<NodeIndex> {
    if standings.get(&stage).is_some_and(|standing| standing.decision.is_some()) {
        return vec![stage];
    }
    let runs = |standing: &Standing| matches!(standing.decision, Some(Decision::Run(_)));
    standings.iter().filter(|(_, standing)| runs(standing)).map(|(stage, _)| *stage).collect()
}

/// A stage that depends on what others will make.
struct Waiting {
    stage: StageName,
    before: Vec<StageName>,
}

impl Waiting {
    fn of(opened: &Opened, standings: &BTreeMap<NodeIndex, Standing>, stage: NodeIndex) -> Option<Self> {
        let name = |stage: &NodeIndex| opened.graph.stages[*stage].name.clone();
        let standing = standings.get(&stage).filter(|standing| standing.decision.is_none())?;
        Some(Self { stage: name(&stage), before: standing.before.iter().map(name).collect() })
    }

    fn text(&self) -> String {
        let before: Vec<&str> = self.before.iter().map(StageName::as_str).collect();
        format!(
            "{} depends on what {} will make: if that turns out as it was, it does not run\n",
            self.stage,
            before.join(", ")
        )
    }
}

/// What there is to say of a stage that is decided.
struct Explained<'a> {
    name: &'a StageName,
    decision: &'a Decision,
    /// The run that is compared with.
    against: Option<String>,
    differences: Vec<(Difference, Option<String>, Vec<String>)>,
    behind: Vec<Changed>,
}

impl<'a> Explained<'a> {
    fn of(
        opened: &'a Opened,
        standings: &'a BTreeMap<NodeIndex, Standing>,
        stage: NodeIndex,
        against: Option<&RunRecord>,
    ) -> Result<Self> {
        let name = &opened.graph.stages[stage].name;
        let Some(Standing { decision: Some(decision), .. }) = standings.get(&stage) else {
            return Err(Error::NoResults(format!("'{name}' is not decided yet")));
        };
        let newest = opened.store.newest(&opened.graph.pipeline, name);
        let (then, run) = match against {
            Some(run) => (Some(manifest_of(opened, run, name)?), Some(run.clone())),
            None => {
                let run = newest.as_ref().and_then(|action| opened.store.run_named(&action.provenance.run).ok());
                (newest.map(|action| action.manifest), run)
            }
        };
        let comparison = Comparison { graph: &opened.graph, store: &opened.store, standings, run: run.as_ref() };
        let now = standings.get(&stage).and_then(Standing::manifest);
        let differences = now.zip(then).map(|(now, then)| now.differences(&then)).unwrap_or_default();
        let behind = comparison.behind(stage, &differences);
        let from =
            |difference: &Difference| comparison.origin(stage, &difference.fact).map(|origin| source(opened, origin));
        let differences = differences
            .into_iter()
            .map(|difference| (difference.clone(), from(&difference), comparison.files(stage, &difference)));
        Ok(Self {
            name,
            decision,
            against: run.as_ref().map(|run| run.run.to_string()),
            differences: differences.collect(),
            behind,
        })
    }

    fn text(&self) -> String {
        let mut text = match self.decision {
            Decision::Hit(action) => up_to_date(self.name, action),
            Decision::Run(job) => format!("{} will run: {}\n", self.name, self.reason(job)),
        };
        for (difference, from, files) in &self.differences {
            let from = from.as_ref().map(|from| format!("   from {from}")).unwrap_or_default();
            let (old, new) = (short(difference.old.as_deref()), short(difference.new.as_deref()));
            text += &format!("  {}: {old} → {new}{from}\n", difference.name());
            text.extend(files.iter().map(|file| format!("    {file}\n")));
        }
        for changed in &self.behind {
            let differences: Vec<String> = changed.differences.iter().map(ToString::to_string).collect();
            text += &format!("  because {} differs too: {}\n", changed.stage, differences.join(", "));
        }
        text
    }

    fn reason(&self, job: &Job) -> String {
        let than = self.against.as_ref().map(|run| format!(" of run {run}")).unwrap_or_default();
        match &job.reason {
            Reason::Changed(_) => format!("it differs from its result{than}"),
            other => other.to_string(),
        }
    }

    fn as_json(&self) -> Value {
        let difference =
            |difference: &Difference| json!({ "fact": difference.fact, "old": difference.old, "new": difference.new });
        let differences = self.differences.iter().map(|(found, from, files)| {
            let mut value = difference(found);
            value["from"] = from.clone().into();
            value["files"] = files.clone().into();
            value
        });
        let behind = self.behind.iter().map(|changed| {
            json!({ "stage": changed.stage, "differences": changed.differences.iter().map(difference).collect::<Vec<_>>() })
        });
        let (status, key, reason, made) = match self.decision {
            Decision::Hit(action) => ("hit", action.key, None, Some(&action.provenance)),
            Decision::Run(job) => ("run", job.key, Some(job.reason.to_string()), None),
        };
        json!({
            "stage": self.name, "status": status, "key": key, "reason": reason, "against": self.against,
            "differences": differences.collect::<Vec<_>>(), "because": behind.collect::<Vec<_>>(), "made": made,
        })
    }
}

fn manifest_of(opened: &Opened, run: &RunRecord, stage: &StageName) -> Result<Manifest> {
    opened.store.manifest_in(run, stage).ok_or_else(|| {
        Error::NoResults(format!(
            "run {} has nothing on '{stage}': it did not come so far, or its record was removed",
            run.run
        ))
    })
}

fn source(opened: &Opened, origin: &Origin) -> String {
    match origin {
        Origin::Output { stage, port } => format!("{}.{port}", opened.graph.stages[*stage].name),
        Origin::Outside(path) => path.display().to_string(),
    }
}

fn up_to_date(name: &StageName, action: &Action) -> String {
    let made = &action.provenance;
    let attempts = if made.attempts > 1 { format!(", in {} attempts", made.attempts) } else { String::new() };
    format!(
        "{name} is up to date: run {} made it on {} at {} ({}), in {}{attempts}\n  key {}\n",
        made.run,
        made.host,
        time(made.started),
        ago(made.started, now()),
        duration(made.seconds),
        action.key
    )
}

fn as_json(stage: &str, waiting: Option<&Waiting>, explained: &[Explained<'_>]) -> Value {
    match (waiting, explained) {
        (None, [one]) => one.as_json(),
        (waiting, explained) => json!({
            "stage": stage,
            "status": "depends",
            "before": waiting.map(|waiting| &waiting.before),
            "because": explained.iter().map(Explained::as_json).collect::<Vec<_>>(),
        }),
    }
}
