//! The report on stages that ran again: a line each for people, an object each for programs.

use crate::key::StageName;
use crate::machine::Hardware;
use crate::report::reproduce::{Change, Finding, Judged, Verdict};
use serde_json::{Value, json};
use std::fmt;

/// What the stages are compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Against {
    /// The results in the store.
    Store,
    /// The pipeline's lock.
    Lock,
}

impl fmt::Display for Against {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Store => "the store",
            Self::Lock => "the lock",
        })
    }
}

impl Judged {
    /// The stage and what became of it, in a line or more.
    pub fn text(&self) -> String {
        let verdict = match &self.verdict {
            Verdict::Same => "same".to_owned(),
            Verdict::Within(largest) => format!("within its tolerance: the largest difference is {largest:.3e}"),
            Verdict::Differs(findings) => format!("differs: {}", list(findings)),
            Verdict::Follows(from, findings) => {
                let from: Vec<&str> = from.iter().map(StageName::as_str).collect();
                format!("differs as what enters it does, because of {}: {}", from.join(", "), list(findings))
            }
            Verdict::Expected(count) => format!("{count} metrics as expected; bytes not compared, {}", self.made_on()),
            Verdict::Unexpected(metrics) => format!("{}; bytes not compared, {}", metrics.join(", "), self.made_on()),
            Verdict::NotCompared => format!("not compared, {}", self.made_on()),
        };
        format!("{:<12} {verdict}", self.stage)
    }

    /// The line of an error, for a stage that was not reproduced.
    pub fn failure(&self) -> Option<String> {
        self.verdict.is_failure().then(|| {
            let text = self.text();
            let (stage, verdict) = text.split_once(' ').unwrap_or((&text, ""));
            format!("{stage} {}", verdict.trim_start())
        })
    }

    /// The same as an object.
    pub fn json(&self) -> Value {
        let mut object = json!({ "stage": self.stage, "verdict": self.verdict_name(), "compared": self.compared() });
        match &self.verdict {
            Verdict::Within(largest) => object["largest"] = json!(largest),
            Verdict::Differs(findings) => object["files"] = findings.iter().map(finding_json).collect(),
            Verdict::Follows(from, findings) => {
                object["because"] = json!(from);
                object["files"] = findings.iter().map(finding_json).collect();
            }
            Verdict::Expected(count) => object["metrics"] = json!(count),
            Verdict::Unexpected(metrics) => object["metrics"] = json!(metrics),
            Verdict::Same | Verdict::NotCompared => {}
        }
        object
    }

    fn verdict_name(&self) -> &'static str {
        match self.verdict {
            Verdict::Same => "same",
            Verdict::Within(_) => "within",
            Verdict::Differs(_) => "differs",
            Verdict::Follows(..) => "follows",
            Verdict::Expected(_) => "expected",
            Verdict::Unexpected(_) => "unexpected",
            Verdict::NotCompared => "not-compared",
        }
    }

    /// What was compared: digests, or metrics, or nothing.
    fn compared(&self) -> &'static str {
        match self.verdict {
            Verdict::Expected(_) | Verdict::Unexpected(_) => "metrics",
            Verdict::NotCompared => "nothing",
            _ => "digests",
        }
    }

    fn made_on(&self) -> String {
        let class = self.reference.as_ref().map_or_else(|| "unknown hardware".to_owned(), Hardware::to_string);
        format!("the reference is from {class}")
    }
}

/// How many files are named.
const SHOWN: usize = 3;

fn list(findings: &[Finding]) -> String {
    let mut parts: Vec<String> = findings.iter().take(SHOWN).map(ToString::to_string).collect();
    if findings.len() > SHOWN {
        parts.push(format!("{} more files", findings.len() - SHOWN));
    }
    parts.join("; ")
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.file {
            Some(file) => write!(f, "{}/{file}", self.output)?,
            None => write!(f, "{}", self.output)?,
        }
        match self.change {
            Change::Bytes { offset, before, now } if before == now => write!(f, " from byte {offset} of {now}")?,
            Change::Bytes { offset, before, now } => write!(f, " from byte {offset}, {before} → {now} bytes")?,
            Change::Executable => f.write_str(" is executable in only one of the two results")?,
            Change::Added => f.write_str(" was not there")?,
            Change::Removed => f.write_str(" is not there any more")?,
            Change::Digest => f.write_str(" has another digest, and what it was is not in the store")?,
        }
        let Some(largest) = &self.largest else { return Ok(()) };
        match (largest.difference, &largest.note) {
            (Some(difference), _) => write!(f, ", most in {} by {difference:.3e}", largest.part),
            (None, Some(note)) => write!(f, ", in {}: {note}", largest.part),
            (None, None) => write!(f, ", in {}", largest.part),
        }
    }
}

fn finding_json(finding: &Finding) -> Value {
    let (change, offset) = match finding.change {
        Change::Bytes { offset, .. } => ("bytes", Some(offset)),
        Change::Executable => ("executable", None),
        Change::Added => ("added", None),
        Change::Removed => ("removed", None),
        Change::Digest => ("digest", None),
    };
    json!({
        "output": finding.output, "file": finding.file, "change": change, "offset": offset, "largest": finding.largest,
    })
}
