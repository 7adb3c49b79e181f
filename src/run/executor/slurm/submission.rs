//! Submitting a job: its name, its script and the arguments of `sbatch`.

use crate::error::{Error, Result};
use crate::run::executor::slurm::files::JobFiles;
use crate::run::executor::slurm::id::{JobId, JobName};
use crate::run::executor::slurm::programs::output_of;
use crate::run::executor::slurm::scheduler::Scheduler;
use crate::run::executor::spec::LaunchSpec;
use fs_err as fs;
use std::path::Path;
use std::process::Command;
use std::sync::PoisonError;
use std::time::Duration;

/// What is added to a stage's timeout for the time limit of its job, so that the attempt itself ends first and says why.
const MARGIN: Duration = Duration::from_secs(5 * 60);

/// Variables of the user's environment that `sbatch` gets, and passes to the job.
const PASSED: [&str; 5] = ["PATH", "HOME", "USER", "LOGNAME", "SLURM_CONF"];

/// The name of an attempt's job, which no other attempt has.
pub(super) fn name_of(launch: &LaunchSpec) -> String {
    const LONGEST: usize = 40;
    let stage = launch.stage.as_str().chars().take(LONGEST);
    let stage: String = stage.map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' }).collect();
    let identity = format!("{} {}", launch.id, launch.folder.display());
    format!("pipe-{stage}-{}", &blake3::hash(identity.as_bytes()).to_hex()[..16])
}

/// An attempt with the files of its job.
#[derive(Debug)]
pub(super) struct Attempt {
    /// What runs.
    pub(super) launch: LaunchSpec,
    /// Its files.
    pub(super) files: JobFiles,
}

/// What two attempts have to have in common to be jobs of one array: their stage and all that they ask for.
pub(super) fn kind_of(launch: &LaunchSpec) -> Vec<String> {
    let stage = std::iter::once(launch.stage.stage().to_owned());
    stage.chain(launch.secrets.clone()).chain(asked(launch)).collect()
}

/// Submits the job of an attempt, or an array of jobs of several of one kind, and gives their numbers.
///
/// # Errors
/// [`Error::Cluster`] when it is refused; then there is no job.
pub(super) fn submit(scheduler: &Scheduler, attempts: &[&Attempt], program: &Path) -> Result<Vec<JobId>> {
    let Some(Attempt { launch, files }) = attempts.first() else { return Ok(Vec::new()) };
    let name = JobName { name: name_of(launch), element: None };
    let is_array = attempts.len() > 1;
    let element = |place: usize| is_array.then_some(place as u32);
    if is_array {
        // So that each is found again when this program ends before it has noted the numbers.
        for (place, attempt) in attempts.iter().enumerate() {
            attempt.files.set_name(&JobName { element: element(place), ..name.clone() })?;
        }
    }
    fs::write(files.script(), script(program, attempts))
        .map_err(|error| Error::io("writing", &files.script(), error))?;
    let here = std::env::current_dir().map_err(|error| Error::io("reading", Path::new("."), error))?;
    let printed = {
        let _one_at_a_time = scheduler.submitting.lock().unwrap_or_else(PoisonError::into_inner);
        output_of(command(attempts, &here))
    };
    let refused = |message: String| Error::Cluster {
        message: format!("sbatch did not take the job of {}: {message}", launch.stage),
        may_pass: may_pass(&message),
        hint: "see resources of the stage and [slurm] of the pipeline; nothing was submitted".to_owned(),
    };
    let job = match printed {
        Ok(text) => match number(&text) {
            Some(number) => number,
            // It may have been taken all the same.
            None => scheduler.find(&name)?.ok_or_else(|| refused(format!("it printed '{}'", text.trim())))?.job,
        },
        Err(message) if may_pass(&message) => scheduler.find(&name)?.ok_or_else(|| refused(message))?.job,
        Err(message) => return Err(refused(message)),
    };
    let numbered = |(place, attempt): (usize, &&Attempt)| {
        let number = JobId { job, element: element(place) };
        attempt.files.set_number(number).map(|()| number)
    };
    attempts.iter().enumerate().map(numbered).collect()
}

fn command(attempts: &[&Attempt], here: &Path) -> Command {
    let Attempt { launch, files } = attempts[0];
    let mut command = Command::new("sbatch");
    // SLURM_ variables of a job in which the runner itself is would become options of this one.
    command.env_clear();
    let is_passed = |name: &str| PASSED.contains(&name) || name.starts_with("SBATCH_");
    command.envs(std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(is_passed)));
    command.envs(launch.secret_values());
    command.args(arguments(attempts, here)).arg(files.script());
    command
}

/// The arguments of `sbatch` but for the script. The job gets the environment that `sbatch` has.
fn arguments(attempts: &[&Attempt], here: &Path) -> Vec<String> {
    let Attempt { launch, files } = attempts[0];
    // Files of an attempt are removed at its end, so an array has none in which the cluster could write for all.
    let output = match attempts.len() {
        1 => files.output().display().to_string().replace('%', "%%"),
        _ => "/dev/null".to_owned(),
    };
    let mut arguments = vec![
        "--parsable".to_owned(),
        format!("--job-name={}", name_of(launch)),
        format!("--comment={}", launch.id),
        "--export=ALL".to_owned(),
        "--no-requeue".to_owned(),
        format!("--chdir={}", here.display()),
        format!("--output={output}"),
    ];
    if attempts.len() > 1 {
        arguments.push(format!("--array=0-{}", attempts.len() - 1));
    }
    arguments.extend(asked(launch));
    arguments
}

/// The arguments of `sbatch` by which an attempt asks for what it needs.
fn asked(launch: &LaunchSpec) -> Vec<String> {
    let resources = &launch.resources;
    let job = &resources.job;
    let mut arguments = vec![
        "--nodes=1".to_owned(),
        format!("--ntasks={}", resources.ranks.max(1)),
        format!("--cpus-per-task={}", resources.threads),
    ];
    if resources.memory > 0 {
        arguments.push(format!("--mem={}M", resources.memory.div_ceil(1 << 20)));
    }
    let gpus = (resources.gpu_count > 0).then(|| format!("gpu:{}", resources.gpu_count));
    let time = job.time.or_else(|| Some(launch.timeout? + MARGIN)).map(time);
    let named = [
        ("gres", job.gres.clone().or(gpus)),
        ("time", time),
        ("partition", job.partition.clone()),
        ("account", job.account.clone()),
        ("constraint", job.constraint.clone()),
    ];
    arguments.extend(named.into_iter().filter_map(|(name, value)| Some(format!("--{name}={}", value?))));
    arguments.extend(job.extra.iter().flatten().cloned());
    arguments
}

/// A time as Slurm reads it: days, hours, minutes and seconds.
fn time(time: Duration) -> String {
    let seconds = time.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    format!("{days}-{hours:02}:{minutes:02}:{:02}", seconds % 60)
}

/// The script: this program, which becomes the job. Progress is not to be in its log, since the runner says it.
fn script(program: &Path, attempts: &[&Attempt]) -> String {
    let quoted = |path: &Path| format!("'{}'", path.display().to_string().replace('\'', "'\\''"));
    let mut script = "#!/bin/sh\nexport PIPE_PROGRESS=1000000000\n".to_owned();
    let program = quoted(program);
    let [one] = attempts else {
        script += "case $SLURM_ARRAY_TASK_ID in\n";
        for (element, attempt) in attempts.iter().enumerate() {
            script += &format!("{element}) folder={} ;;\n", quoted(attempt.files.folder()));
        }
        return script + &format!("esac\nexec {program} job \"$folder\" >\"$folder/slurm.out\" 2>&1\n");
    };
    script + &format!("exec {program} job {}\n", quoted(one.files.folder()))
}

/// The number of the job in what `sbatch` printed: `12`, or `12;cluster`. A site may print something before.
fn number(text: &str) -> Option<u64> {
    text.lines().rev().find_map(|line| line.trim().split(';').next()?.parse().ok())
}

/// Whether a refusal is about the moment, not about the job. It may also be a job that was taken.
fn may_pass(message: &str) -> bool {
    const PASSING: [&str; 9] = [
        "timed out",
        "Unable to contact slurm controller",
        "temporarily unable",
        "temporarily unavailable",
        "Zero Bytes were transmitted",
        "Communication connection failure",
        "Transport endpoint is not connected",
        "SubmitLimit",
        "SubmitJob",
    ];
    PASSING.iter().any(|passing| message.contains(passing))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::StageName;
    use crate::pipeline::JobResources;
    use crate::run::executor::spec::{LaunchProgram, LaunchResources};

    fn launch(resources: LaunchResources, timeout: Option<Duration>) -> LaunchSpec {
        LaunchSpec {
            id: "run/tune@seed=1/attempt-1".to_owned(),
            stage: StageName::new("tune@seed=1"),
            program: LaunchProgram::Command { arguments: vec!["true".to_owned()] },
            folder: "/store/50%/attempt-1".into(),
            inputs: Vec::new(),
            outputs: std::collections::BTreeMap::new(),
            checkpoint: None,
            environment: std::collections::BTreeMap::new(),
            secrets: Vec::new(),
            resources,
            timeout,
            log: "/store/runs/tune.log".into(),
        }
    }

    fn attempt(launch: LaunchSpec) -> Attempt {
        Attempt { files: JobFiles::of(&launch), launch }
    }

    fn arguments_of(launch: &LaunchSpec) -> Vec<String> {
        arguments(&[&attempt(launch.clone())], Path::new("/home/you"))
    }

    #[test]
    fn a_job_asks_for_what_its_stage_needs() {
        let job = JobResources {
            time: Some(Duration::from_secs(90_061)),
            partition: Some("gpu".to_owned()),
            account: Some("lab".to_owned()),
            constraint: Some("a100".to_owned()),
            gres: None,
            extra: Some(vec!["--qos=low".to_owned()]),
        };
        let gpus =
            LaunchResources { threads: 8, memory: (2 << 30) + 1, gpu_count: 2, job, ..LaunchResources::default() };
        let launch = launch(gpus, Some(Duration::from_secs(60)));
        let name = name_of(&launch);
        assert!(name.starts_with("pipe-tune-seed-1-"), "{name}");
        assert_eq!(
            arguments_of(&launch),
            [
                "--parsable",
                &format!("--job-name={name}"),
                "--comment=run/tune@seed=1/attempt-1",
                "--export=ALL",
                "--no-requeue",
                "--chdir=/home/you",
                "--output=/store/50%%/attempt-1/.job/slurm.out",
                "--nodes=1",
                "--ntasks=1",
                "--cpus-per-task=8",
                "--mem=2049M",
                "--gres=gpu:2",
                "--time=1-01:01:01",
                "--partition=gpu",
                "--account=lab",
                "--constraint=a100",
                "--qos=low",
            ]
        );
    }

    #[test]
    fn only_what_was_configured_is_asked_for() {
        let arguments = arguments_of(&launch(LaunchResources { threads: 1, ..LaunchResources::default() }, None));
        assert_eq!(arguments.last().unwrap(), "--cpus-per-task=1");
    }

    #[test]
    fn a_timeout_gives_the_job_a_later_limit() {
        let resources = LaunchResources { threads: 1, ..LaunchResources::default() };
        let arguments = arguments_of(&launch(resources, Some(Duration::from_secs(60))));
        assert_eq!(arguments.last().unwrap(), "--time=0-00:06:00");
    }

    #[test]
    fn gres_is_taken_as_it_is_written() {
        let job = JobResources { gres: Some("gpu:a100:1,ssd:1".to_owned()), ..JobResources::default() };
        let resources = LaunchResources { threads: 1, gpu_count: 1, job, ..LaunchResources::default() };
        assert_eq!(arguments_of(&launch(resources, None)).last().unwrap(), "--gres=gpu:a100:1,ssd:1");
    }

    #[test]
    fn the_number_is_found_in_what_sites_print() {
        assert_eq!(number("12\n"), Some(12));
        assert_eq!(number("12;cluster\n"), Some(12));
        assert_eq!(number("Welcome, 3 nodes are free\n4711\n"), Some(4711));
        assert_eq!(number("Submitted\n"), None);
    }

    #[test]
    fn only_some_refusals_may_pass() {
        for message in
            ["Socket timed out on send/recv operation", "QOSMaxSubmitJobPerUserLimit", "AssocMaxSubmitJobLimit"]
        {
            assert!(may_pass(message), "{message}");
        }
        assert!(!may_pass("Batch job submission failed: Invalid partition name specified"));
    }

    #[test]
    fn the_script_quotes_its_paths() {
        let attempt =
            Attempt { files: JobFiles::at(Path::new("/a b")), launch: launch(LaunchResources::default(), None) };
        let script = script(Path::new("/opt/it's/pipe"), &[&attempt]);
        assert!(script.ends_with("exec '/opt/it'\\''s/pipe' job '/a b'\n"), "{script}");
    }
    #[test]
    fn an_array_has_a_folder_for_each_element() {
        let of_point = |point: &str| {
            let stage = StageName::new(format!("tune@{point}"));
            let folder = format!("/store/{point}").into();
            attempt(LaunchSpec { stage, folder, ..launch(LaunchResources::default(), None) })
        };
        let points = ["seed=1", "seed=2"].map(of_point);
        let attempts: Vec<&Attempt> = points.iter().collect();
        let arguments = arguments(&attempts, Path::new("/home/you"));
        assert!(arguments.contains(&"--array=0-1".to_owned()) && arguments.contains(&"--output=/dev/null".to_owned()));
        let script = script(Path::new("/pipe"), &attempts);
        assert!(script.contains("0) folder='/store/seed=1/.job' ;;\n1) folder='/store/seed=2/.job' ;;\n"), "{script}");
        assert!(script.ends_with("exec '/pipe' job \"$folder\" >\"$folder/slurm.out\" 2>&1\n"), "{script}");
        assert_eq!(kind_of(&points[0].launch), kind_of(&points[1].launch));
        let other = launch(LaunchResources { threads: 2, ..LaunchResources::default() }, None);
        assert_ne!(kind_of(&points[0].launch), kind_of(&other));
    }
}
