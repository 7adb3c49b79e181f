//! What Slurm says of jobs: the rows that `squeue` and `sacct` print.

use crate::run::executor::slurm::id::JobId;
use std::collections::BTreeMap;

/// The columns that `squeue` is asked for: number, state, nodes, reason, name.
pub(super) const QUEUE_FORMAT: &str = "%i|%T|%N|%r|%j";

/// The columns that `sacct` is asked for: number, state, nodes.
pub(super) const ACCOUNTING_FORMAT: &str = "JobID,State,NodeList";

/// What Slurm says of one job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// Its state.
    pub(super) state: JobState,
    /// Where it runs or ran.
    pub(super) nodes: String,
    /// Why it waits.
    pub(super) reason: String,
    /// Its name.
    pub(super) name: String,
}

/// The state of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum JobState {
    /// It waits in the queue.
    Waiting,
    /// It is on a node. So is a job in a state that is not known here: that is no reason to give it up.
    Running,
    /// It has ended.
    Ended(JobOutcome),
}

/// How a job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum JobOutcome {
    /// Its script ended with exit code 0.
    Completed,
    /// Its script ended otherwise.
    Failed,
    /// Somebody cancelled it.
    Cancelled,
    /// It reached its time limit.
    TimedOut,
    /// It used more memory than it had asked for.
    OutOfMemory,
    /// Its node failed.
    NodeFailed,
    /// Another job took its place.
    Preempted,
}

/// The state that Slurm's name for it means, such as `RUNNING` or `CANCELLED by 1000`.
pub(super) fn state(name: &str) -> JobState {
    use JobOutcome::{Cancelled, Completed, Failed, NodeFailed, OutOfMemory, Preempted, TimedOut};
    match name.split([' ', '+']).next().unwrap_or_default() {
        "PENDING" | "REQUEUED" | "REQUEUE_HOLD" | "REQUEUE_FED" | "RESV_DEL_HOLD" | "SPECIAL_EXIT" => JobState::Waiting,
        "COMPLETED" => JobState::Ended(Completed),
        "FAILED" | "LAUNCH_FAILED" | "RECONFIG_FAIL" => JobState::Ended(Failed),
        "CANCELLED" | "REVOKED" => JobState::Ended(Cancelled),
        "TIMEOUT" | "DEADLINE" => JobState::Ended(TimedOut),
        "OUT_OF_MEMORY" => JobState::Ended(OutOfMemory),
        "NODE_FAIL" | "BOOT_FAIL" => JobState::Ended(NodeFailed),
        "PREEMPTED" => JobState::Ended(Preempted),
        _ => JobState::Running,
    }
}

/// The rows that `squeue` printed, by the number of the job. Lines of another form are left out.
pub(super) fn queue_rows(text: &str) -> BTreeMap<JobId, Row> {
    let row = |line: &str| {
        let mut columns = line.splitn(5, '|').map(|column| column.trim().to_owned());
        let number = columns.next()?.parse().ok()?;
        let (name_of_state, nodes, reason, name) = (columns.next()?, columns.next()?, columns.next()?, columns.next()?);
        Some((number, Row { state: state(&name_of_state), nodes, reason, name }))
    };
    text.lines().filter_map(row).collect()
}

/// The rows that `sacct` printed, by the number of the job. Of a job that was queued again, the last row counts.
pub(super) fn accounting_rows(text: &str) -> BTreeMap<JobId, Row> {
    let row = |line: &str| {
        let mut columns = line.splitn(3, '|').map(str::to_owned);
        let (number, name_of_state, nodes) = (columns.next()?.parse().ok()?, columns.next()?, columns.next()?);
        let (reason, name) = (String::new(), String::new());
        Some((number, Row { state: state(&name_of_state), nodes, reason, name }))
    };
    text.lines().filter_map(row).collect()
}

/// Whether a job that waits for this reason may wait for ever, so that its user has to know.
pub(super) fn needs_the_user(reason: &str) -> bool {
    const BEGINNINGS: [&str; 12] = [
        "Assoc",
        "BadConstraints",
        "DependencyNeverSatisfied",
        "InvalidAccount",
        "InvalidQOS",
        "JobHeld",
        "Nodes required for job are DOWN",
        "Partition",
        "QOS",
        "ReqNodeNotAvail",
        "AccountNotAllowed",
        "QOSNotAllowed",
    ];
    BEGINNINGS.iter().any(|beginning| reason.starts_with(beginning))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_end_of_a_job_is_told_apart() {
        let cases = [
            ("COMPLETED", JobOutcome::Completed),
            ("FAILED", JobOutcome::Failed),
            ("CANCELLED", JobOutcome::Cancelled),
            ("CANCELLED by 1000", JobOutcome::Cancelled),
            ("CANCELLED+", JobOutcome::Cancelled),
            ("TIMEOUT", JobOutcome::TimedOut),
            ("DEADLINE", JobOutcome::TimedOut),
            ("OUT_OF_MEMORY", JobOutcome::OutOfMemory),
            ("NODE_FAIL", JobOutcome::NodeFailed),
            ("BOOT_FAIL", JobOutcome::NodeFailed),
            ("PREEMPTED", JobOutcome::Preempted),
        ];
        for (name, outcome) in cases {
            assert_eq!(state(name), JobState::Ended(outcome), "{name}");
        }
    }

    #[test]
    fn a_state_that_is_not_known_is_no_end() {
        for name in ["RUNNING", "COMPLETING", "CONFIGURING", "SUSPENDED", "SIGNALING", "STAGE_OUT", "A_NEW_ONE", ""] {
            assert_eq!(state(name), JobState::Running, "{name}");
        }
        assert_eq!(state("PENDING"), JobState::Waiting);
    }

    #[test]
    fn rows_of_the_queue_are_read_and_other_lines_are_not() {
        let text = "12|PENDING||Resources|pipe-a-1\n13|RUNNING|n[1-2]|None|odd|name\nsome notice\n7_3|PENDING||x|array\n7_[4-9]|PENDING||x|array\n";
        let rows = queue_rows(text);
        assert_eq!(rows.keys().map(JobId::to_string).collect::<Vec<_>>(), ["7_3", "12", "13"]);
        let row = |number: &str| &rows[&number.parse().unwrap()];
        assert_eq!((row("12").state.clone(), row("12").reason.as_str()), (JobState::Waiting, "Resources"));
        assert_eq!((row("13").nodes.as_str(), row("13").name.as_str()), ("n[1-2]", "odd|name"));
        assert_eq!(row("7_3").name, "array");
    }

    #[test]
    fn the_last_row_of_accounting_counts() {
        let rows = accounting_rows("5|REQUEUED|n1\n5|COMPLETED|n2\n6_2|CANCELLED by 0|None assigned\n");
        let state = |number: &str| rows[&number.parse().unwrap()].state.clone();
        assert_eq!(state("5"), JobState::Ended(JobOutcome::Completed));
        assert_eq!(state("6_2"), JobState::Ended(JobOutcome::Cancelled));
    }

    #[test]
    fn reasons_that_only_a_user_can_change_are_reported() {
        for reason in
            ["PartitionTimeLimit", "JobHeldUser", "QOSMaxJobsPerUserLimit", "ReqNodeNotAvail, UnavailableNodes:n1"]
        {
            assert!(needs_the_user(reason), "{reason}");
        }
        for reason in ["None", "Priority", "Resources", "Dependency", "BeginTime"] {
            assert!(!needs_the_user(reason), "{reason}");
        }
    }
}
