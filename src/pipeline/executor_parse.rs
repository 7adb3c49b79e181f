//! Reading what a pipeline file says of executors.

use crate::error::Result;
use crate::pipeline::executor::{ExecutorKind, JobResources, SlurmEntry};
use crate::pipeline::values::Reader;
use std::time::Duration;
use toml::Spanned;
use toml::de::DeValue;

/// The keys of `resources` that a job of a cluster asks for.
pub(super) const JOB_KEYS: [&str; 6] = ["time", "partition", "account", "constraint", "gres", "extra"];

/// The shortest time between two questions to a cluster, which answers many users.
const SHORTEST_POLL: Duration = Duration::from_secs(2);

impl Reader<'_> {
    /// The executor that a key `executor` names.
    pub(super) fn executor(&self, value: &Spanned<DeValue<'_>>) -> Result<ExecutorKind> {
        let text = self.text(value, "executor")?;
        ExecutorKind::ALL.into_iter().find(|kind| kind.name() == text).ok_or_else(|| {
            let names = ExecutorKind::ALL.map(ExecutorKind::name).join(" or ");
            self.error(value.span(), format!("there is no executor '{text}': expected {names}"), None)
        })
    }

    /// Reads one of [`JOB_KEYS`]; false when the key is another.
    pub(super) fn job_resource(
        &self,
        resources: &mut JobResources,
        key: &str,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<bool> {
        match key {
            "time" => resources.time = Some(self.duration(value, key)?),
            "partition" => resources.partition = Some(self.text(value, key)?),
            "account" => resources.account = Some(self.text(value, key)?),
            "constraint" => resources.constraint = Some(self.text(value, key)?),
            "gres" => resources.gres = Some(self.text(value, key)?),
            "extra" => {
                let arguments = self.texts(value, key)?;
                resources.extra = Some(arguments.into_iter().map(|argument| argument.value).collect());
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The table `[slurm]`.
    pub(super) fn slurm(&self, value: &Spanned<DeValue<'_>>) -> Result<SlurmEntry> {
        let mut slurm = SlurmEntry::default();
        for (key, value) in self.table(value, "slurm")? {
            match key.get_ref().as_ref() {
                "jobs" => {
                    let jobs = Some(self.count(value, "jobs")?).filter(|jobs| *jobs > 0);
                    slurm.jobs = Some(jobs.ok_or_else(|| self.mistyped(value, "jobs", "a whole number above zero"))?);
                }
                "poll" => slurm.poll = Some(self.poll(value)?),
                "resubmit" => slurm.resubmit = Some(self.count(value, "resubmit")?),
                "latency" => slurm.latency = Some(self.duration(value, "latency")?),
                name if self.job_resource(&mut slurm.resources, name, value)? => {}
                _ => {
                    let own = ["jobs", "poll", "resubmit", "latency"];
                    return Err(self.unknown(key, "'slurm'", &[&own[..], &JOB_KEYS].concat()));
                }
            }
        }
        Ok(slurm)
    }

    fn poll(&self, value: &Spanned<DeValue<'_>>) -> Result<Duration> {
        let poll = self.duration(value, "poll")?;
        if poll >= SHORTEST_POLL {
            return Ok(poll);
        }
        let (found, least) = (poll.as_secs(), SHORTEST_POLL.as_secs());
        Err(self.error(value.span(), format!("'poll' is {found} s, expected at least {least} s"), None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::{Pipeline, parse};
    use crate::source::Source;
    use std::sync::Arc;

    fn parse_text(text: &str) -> Result<Pipeline> {
        parse(&Arc::new(Source::File { path: "test.toml".into(), text: text.to_owned() }))
    }

    #[test]
    fn a_stage_overrides_the_executor_of_the_pipeline() {
        let text = "name = 'a'\nexecutor = 'slurm'\n[stage.x]\nuses = 'x'\n[stage.y]\nuses = 'y'\nexecutor = 'local'\n";
        let kinds: Vec<ExecutorKind> = parse_text(text).unwrap().stages.iter().map(|stage| stage.executor).collect();
        assert_eq!(kinds, [ExecutorKind::Slurm, ExecutorKind::Local]);
    }

    #[test]
    fn resources_of_a_stage_lie_over_those_of_all_jobs() {
        let text = "name = 'a'\n[slurm]\npartition = 'gpu'\ntime = '2h'\njobs = 7\n\
                    [stage.x]\nuses = 'x'\nresources = { time = '5m', extra = ['--qos=low'] }\n";
        let pipeline = parse_text(text).unwrap();
        let job = pipeline.stages[0].resources.job.over(&pipeline.slurm.resources);
        assert_eq!(job.time, Some(Duration::from_secs(300)));
        assert_eq!(job.partition.as_deref(), Some("gpu"));
        assert_eq!(job.extra, Some(vec!["--qos=low".to_owned()]));
        assert_eq!(pipeline.slurm.jobs, Some(7));
    }

    #[test]
    fn what_is_no_setting_is_pointed_at() {
        for (line, message) in [
            ("executor = 'pbs'", "there is no executor 'pbs': expected local or slurm"),
            ("[slurm]\npoll = '1s'", "'poll' is 1 s, expected at least 2 s"),
            ("[slurm]\nqueue = 'a'", "'queue' is not a key of 'slurm'"),
        ] {
            let text = format!("name = 'a'\n{line}\n[stage.x]\nuses = 'x'\n");
            assert_eq!(parse_text(&text).unwrap_err().to_string(), message);
        }
    }
}
