//! What may happen between two runs, and pipelines with such timelines at random.

use super::dag::{Dag, Function, Stage};
use proptest::collection::vec;
use proptest::prelude::*;

/// Something happens, then the pipeline runs. Numbers are taken modulo what there is.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// A run and nothing else.
    Run,
    SetParameter(usize, u8),
    WriteFile(usize, &'static str),
    /// Other content of the same length, and the old time of change.
    WriteBehindTheClock(usize, &'static str),
    Touch(usize),
    /// The same content as a new file.
    ReplaceFile(usize),
    WriteInFolder(usize, &'static str, &'static str),
    RemoveInFolder(usize, &'static str),
    Rename(usize),
    DeleteArtifact(usize),
    TruncateArtifact(usize),
    DeleteRecord(usize),
    DamageRecord(usize, usize),
    Force(usize),
    From(usize),
    Until(usize),
    DeleteIndex,
    DamageIndex(usize),
    DamageNotes,
    /// A parameter is set, and the run is killed after so many milliseconds.
    Kill(usize, u8, u64),
    /// An artifact is truncated, and the run that repairs it is killed.
    KillRepair(usize, u64),
}

/// A pipeline and what happens to it.
#[derive(Clone)]
pub(crate) struct Case {
    pub(crate) dag: Dag,
    pub(crate) steps: Vec<Step>,
}

impl std::fmt::Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "the pipeline")?;
        for (number, stage) in self.dag.0.iter().enumerate() {
            writeln!(f, "  s{number}: {stage:?}")?;
        }
        writeln!(f, "the timeline, after a first run")?;
        self.steps.iter().enumerate().try_for_each(|(number, step)| writeln!(f, "  {}. {step:?}", number + 1))
    }
}

/// Pipelines of 1 to 7 stages with up to 9 steps.
pub(crate) fn cases() -> impl Strategy<Value = Case> {
    (vec(stages(), 1..=7), vec(steps(), 1..=9)).prop_map(|(stages, steps)| Case { dag: Dag(stages), steps })
}

fn stages() -> impl Strategy<Value = Stage> {
    use Function::{Constant, First, Length, Parity, Split, Whole};
    let function = prop_oneof![
        4 => Just(Whole), 2 => Just(First), 1 => Just(Length), 1 => Just(Parity), 1 => Just(Constant), 2 => Just(Split),
    ];
    let folder = prop_oneof![3 => Just(None), 1 => (0..2_usize).prop_map(Some)];
    let uses = vec((0..7_usize, any::<bool>()), 0..=3);
    (function, uses, vec(0..2_usize, 0..=1), folder, 0..3_u8).prop_map(|(function, uses, files, folder, parameter)| {
        Stage { function, uses, files, folder, parameter, name: 0 }
    })
}

fn steps() -> impl Strategy<Value = Step> {
    let stage = || 0..7_usize;
    let outside = || 0..2_usize;
    let content = || prop_oneof![Just(""), Just("x"), Just("y"), Just("xy"), Just("xz"), Just("z")];
    let name = || prop_oneof![Just("a"), Just("b"), Just("c")];
    prop_oneof![
        1 => Just(Step::Run),
        3 => (stage(), 0..4_u8).prop_map(|(stage, value)| Step::SetParameter(stage, value)),
        3 => (outside(), content()).prop_map(|(file, content)| Step::WriteFile(file, content)),
        1 => (outside(), content()).prop_map(|(file, content)| Step::WriteBehindTheClock(file, content)),
        1 => outside().prop_map(Step::Touch),
        1 => outside().prop_map(Step::ReplaceFile),
        2 => (outside(), name(), content()).prop_map(|(folder, name, content)| Step::WriteInFolder(folder, name, content)),
        1 => (outside(), name()).prop_map(|(folder, name)| Step::RemoveInFolder(folder, name)),
        1 => stage().prop_map(Step::Rename),
        2 => stage().prop_map(Step::DeleteArtifact),
        2 => stage().prop_map(Step::TruncateArtifact),
        2 => stage().prop_map(Step::DeleteRecord),
        2 => (stage(), any::<usize>()).prop_map(|(stage, place)| Step::DamageRecord(stage, place)),
        1 => stage().prop_map(Step::Force),
        1 => stage().prop_map(Step::From),
        1 => stage().prop_map(Step::Until),
        1 => Just(Step::DeleteIndex),
        1 => any::<usize>().prop_map(Step::DamageIndex),
        1 => Just(Step::DamageNotes),
        3 => (stage(), 0..9_u8, 0..120_u64).prop_map(|(stage, value, after)| Step::Kill(stage, value, after)),
        1 => (stage(), 0..80_u64).prop_map(|(stage, after)| Step::KillRepair(stage, after)),
    ]
}
