//! Whether stages that ran again made the same: stage by stage, and where they did not, which file, from which byte on, and
//! by how much in numbers.
//!
//! Digests are compared only where both results were made on one class of hardware; otherwise the metrics in metrics are,
//! each with the interval of its reference.

mod bytes;
mod comparison;
mod findings;
mod metric;
mod numbers;
mod report;
mod verdict;

pub use comparison::Comparison;
pub use findings::{Change, Finding};
pub use report::Against;
pub use verdict::Verdict;

use crate::error::Result;
use crate::key::{PortName, StageName};
use crate::machine::Hardware;
use crate::plan::{Origin, outputs_of};
use crate::report::lock::Locked;
use crate::report::metrics;
use crate::store::Action;
use petgraph::graph::NodeIndex;
use std::collections::{BTreeMap, BTreeSet};

/// A stage that ran again, and what became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// The stage.
    pub stage: StageName,
    /// What became of it.
    pub verdict: Verdict,
    /// The class of hardware of the reference, where it is known.
    pub reference: Option<Hardware>,
}

impl Comparison<'_> {
    /// Judges the stages of `judged`, in the order of the pipeline. `made` has their results and those of all before them.
    ///
    /// # Errors
    /// When a result cannot be read.
    pub fn judge(&self, made: &BTreeMap<NodeIndex, Box<Action>>, judged: &BTreeSet<NodeIndex>) -> Result<Vec<Judged>> {
        let mut roots: BTreeMap<NodeIndex, BTreeSet<StageName>> = BTreeMap::new();
        let mut all = Vec::new();
        for stage in self.graph.order.iter().filter(|stage| judged.contains(stage)) {
            let name = &self.graph.stages[*stage].name;
            let (Some(action), Some(locked)) = (made.get(stage), self.reference.stages.get(name)) else { continue };
            let causes = self.causes(*stage, made, &roots);
            let verdict = self.verdict(*stage, action, locked, causes)?;
            if let Verdict::Follows(from, _) = &verdict {
                roots.insert(*stage, from.clone());
            }
            all.push(Judged { stage: name.clone(), verdict, reference: locked.hardware.clone() });
        }
        Ok(all)
    }

    /// The stages because of which what enters this one is not what it was.
    fn causes(
        &self,
        stage: NodeIndex,
        made: &BTreeMap<NodeIndex, Box<Action>>,
        roots: &BTreeMap<NodeIndex, BTreeSet<StageName>>,
    ) -> BTreeSet<StageName> {
        let mut causes = BTreeSet::new();
        for origin in self.graph.stages[stage].inputs.values() {
            let Origin::Output { stage: from, port } = origin else { continue };
            let name = &self.graph.stages[*from].name;
            let now = made.get(from).and_then(|action| action.outputs.get(port)).map(|artifact| artifact.digest);
            let before = self.reference.stages.get(name).and_then(|locked| locked.outputs.get(port)).copied();
            if now != before {
                causes.extend(roots.get(from).cloned().unwrap_or_else(|| BTreeSet::from([name.clone()])));
            }
        }
        causes
    }

    fn verdict(
        &self,
        stage: NodeIndex,
        made: &Action,
        locked: &Locked,
        causes: BTreeSet<StageName>,
    ) -> Result<Verdict> {
        if outputs_of(made) == locked.outputs {
            return Ok(Verdict::Same);
        }
        if locked.hardware.is_none() || made.provenance.hardware != locked.hardware {
            return self.elsewhere(stage, made, locked);
        }
        let findings = findings::find(self, made, locked)?;
        Ok(match self.within(stage, &findings) {
            Some(largest) => Verdict::Within(largest),
            None if causes.is_empty() => Verdict::Differs(findings),
            None => Verdict::Follows(causes, findings),
        })
    }

    /// Compares metrics, because the bytes of another class of hardware need not be the same.
    fn elsewhere(&self, stage: NodeIndex, made: &Action, locked: &Locked) -> Result<Verdict> {
        let ports = self.graph.stages[stage].description.outputs.iter().filter(|port| port.kind.0 == metrics::KIND);
        let mut now = BTreeMap::new();
        for port in ports {
            if let Some(artifact) = made.outputs.get(&PortName::new(&port.name)) {
                now.extend(crate::report::lock::metrics_of(&self.again.artifact(&artifact.digest))?);
            }
        }
        Ok(metric::compare(&locked.metrics, &now))
    }

    /// The largest difference, when every output allows that of its files.
    fn within(&self, stage: NodeIndex, findings: &[Finding]) -> Option<f64> {
        let ports = &self.graph.stages[stage].description.outputs;
        let mut largest = 0.0_f64;
        for finding in findings {
            let tolerance = ports.iter().find(|port| port.name == finding.output.as_str())?.tolerance?;
            let difference = finding.largest.as_ref()?.difference?;
            if difference > tolerance {
                return None;
            }
            largest = largest.max(difference);
        }
        Some(largest)
    }
}
