//! The form of a lock: one field a line, sorted, a blank line between stages, so that git merges it by line.
//!
//! ```text
//! finetune code 5d0c…
//! finetune hardware x86_64 AuthenticAMD avx512 cpu
//! finetune input tasks 9f2e…
//! finetune key 71aa…
//! finetune output model c3d1…
//! finetune parameter learning_rate 0.002
//! finetune seed 2024
//! finetune stage finetune
//! ```
//!
//! Among them are the fields that the key is the digest of. Blanks and `%` in a name are written as `%20` and `%25`, and a
//! dot in the name of a port as `%2e`, since one stands between a port and a label.
//!
//! A lock of format 1, in which keys are of format 1 too, is read, and never written.

use crate::error::{Error, Result};
use crate::key::{Digest, Key, KeyField, Manifest, PortName, StageName};
use crate::machine::Hardware;
use crate::report::lock::line::{Format, Line, Subject, escaped};
use crate::report::lock::metric::Metric;
use crate::report::lock::{Lock, Locked};
use crate::source::{Place, Source};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

const COMMENT: &str = "# What each stage is made of and what it led to. Written by `pipe lock`; keep it in git.";

/// The lock as a file.
pub fn text(lock: &Lock) -> String {
    let mut text = format!("{}\n{COMMENT}\n", Format::Two.first_line());
    for (stage, locked) in &lock.stages {
        let mut lines = lines(locked);
        lines.sort();
        text.push('\n');
        for line in lines {
            text += &format!("{} {line}\n", escaped(stage.as_str()));
        }
    }
    text
}

fn lines(locked: &Locked) -> Vec<String> {
    let line = |subject: Subject, value: &dyn std::fmt::Display| format!("{} {value}", subject.written());
    let fields = locked.manifest.fields().into_iter().map(|(field, value)| line(Subject::Field(field), &value));
    let outputs = locked.outputs.iter().map(|(port, digest)| line(Subject::Output(port.clone()), digest));
    let hardware = locked.hardware.iter().map(|class| line(Subject::Hardware, class));
    let metrics = locked.metrics.iter().map(|(name, metric)| line(Subject::Value(name.clone()), metric));
    fields.chain(outputs).chain(hardware).chain(metrics).chain([line(Subject::Key, &locked.key())]).collect()
}

/// Reads a lock.
///
/// # Errors
/// [`Error::Syntax`] with the place of the first line that does not belong in one.
pub fn parse(source: &Arc<Source>) -> Result<Lock> {
    let text = match &**source {
        Source::File { text, .. } | Source::Argument(text) => text,
    };
    let Some((first, _)) = text.split_once('\n') else {
        return Err(fault(source, 0..text.len(), "this is no lock: it is empty, or cut off".to_owned()));
    };
    let format = Format::of(first.trim_end_matches('\r')).ok_or_else(|| {
        let message = format!("this is no lock: its first line is not '{}'", Format::Two.first_line());
        fault(source, 0..first.len(), message)
    })?;
    let mut stages: BTreeMap<StageName, Draft> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    let mut start = first.len() + 1;
    for whole in text[start..].split_inclusive('\n') {
        let line = whole.trim_end_matches(['\n', '\r']);
        let place = start..start + line.len();
        start += whole.len();
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let read = Line::read(line, format).ok_or_else(|| fault(source, place.clone(), what_is_wrong(line)))?;
        if !seen.insert((read.stage.clone(), read.subject.clone())) {
            let message = format!("'{} {}' is here twice", read.stage, read.subject.written());
            return Err(fault(source, place, message));
        }
        let draft = stages.entry(StageName::new(&read.stage)).or_insert_with(|| Draft::new(place.clone()));
        draft.add(read).ok_or_else(|| fault(source, place, what_is_wrong(line)))?;
    }
    let locked = stages.into_iter().map(|(stage, draft)| Ok((stage.clone(), draft.finish(&stage, source, format)?)));
    Ok(Lock { stages: locked.collect::<Result<_>>()? })
}

fn what_is_wrong(line: &str) -> String {
    if ["<<<<<<<", "|||||||", "=======", ">>>>>>>"].iter().any(|mark| line.starts_with(mark)) {
        "a merge left a conflict here".to_owned()
    } else {
        "this is not a line of a lock: expected STAGE FIELD VALUE".to_owned()
    }
}

fn fault(source: &Arc<Source>, span: Range<usize>, message: String) -> Error {
    let hint = "`pipe run`, then `pipe lock`, writes it anew from the results".to_owned();
    Error::Syntax { message, place: Place::new(source, span), hint: Some(hint) }
}

/// A stage of which some lines were read.
struct Draft {
    place: Range<usize>,
    fields: Vec<(Subject, String)>,
    outputs: BTreeMap<PortName, Digest>,
    hardware: Option<Hardware>,
    metrics: BTreeMap<String, Metric>,
    key: Option<Key>,
}

impl Draft {
    fn new(place: Range<usize>) -> Self {
        let (fields, outputs, metrics) = Default::default();
        Self { place, fields, outputs, hardware: None, metrics, key: None }
    }

    fn add(&mut self, Line { subject, value, .. }: Line<'_>) -> Option<()> {
        match subject {
            Subject::Key => self.key = Some(Key::parse(value)?),
            Subject::Hardware => self.hardware = Some(Hardware::parse(value)?),
            Subject::Output(port) => drop(self.outputs.insert(port, Digest::parse(value)?)),
            Subject::Value(name) => drop(self.metrics.insert(name, Metric::parse(value)?)),
            Subject::Field(_) | Subject::JoinedInput(_) => self.fields.push((subject, value.to_owned())),
        }
        Some(())
    }

    fn finish(self, stage: &StageName, source: &Arc<Source>, format: Format) -> Result<Locked> {
        let wrong = |message: String| fault(source, self.place.clone(), message);
        let uses = self.fields.iter().find(|(subject, _)| *subject == Subject::Field(KeyField::Stage));
        let uses = uses.map(|(_, uses)| uses.clone()).unwrap_or_default();
        let fields = self.fields.into_iter().filter_map(|(subject, value)| Some((subject.field(&uses)?, value)));
        let manifest = Manifest::of_fields(fields).ok_or_else(|| {
            wrong(format!("the fields of the key of '{stage}' are not whole, or one has a value that it cannot have"))
        })?;
        if self.key != Some(format.key(&manifest)) {
            return Err(wrong(format!("the key of '{stage}' is not that of its fields: lines of two locks are mixed")));
        }
        Ok(Locked { manifest, outputs: self.outputs, hardware: self.hardware, metrics: self.metrics })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{CommandFields, InputName, Label};
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn locked(parameters: BTreeMap<String, Value>, names: &[String], seed: Option<u64>) -> Locked {
        let digest = |name: &String| Digest::of(name.as_bytes());
        let input = |name: &String| (InputName { port: PortName::new("in"), label: Label::new(name) }, digest(name));
        let manifest = Manifest {
            parameters,
            seed,
            inputs: names.iter().map(input).collect(),
            files: names.iter().map(|name| (Label::new(name), digest(name))).collect(),
            ..Manifest::new("command", "1")
        };
        let outputs = names.iter().map(|name| (PortName::new(name), digest(name)));
        Locked { manifest, outputs: outputs.collect(), hardware: None, metrics: BTreeMap::new() }
    }

    fn read(text: &str) -> Result<Lock> {
        parse(&Arc::new(Source::File { path: "p.lock".into(), text: text.to_owned() }))
    }

    fn one() -> Lock {
        let mut locked = locked(BTreeMap::from([("k".to_owned(), json!(0.1))]), &["model".to_owned()], Some(7));
        locked.manifest.command = Some(CommandFields {
            arguments: ["sh", "-c", "a\nb"].map(str::to_owned).to_vec(),
            outputs: vec!["model".to_owned()],
            environment: BTreeMap::from([("LANG".to_owned(), "C".to_owned())]),
        });
        locked.hardware = Hardware::parse("x86_64 AuthenticAMD avx2 cpu");
        locked.metrics.insert("pipe.HR@10".to_owned(), Metric { value: 0.4, interval: Some([0.35, 0.45]) });
        Lock { stages: BTreeMap::from([(StageName::new("fit@k=a b"), locked)]) }
    }

    #[test]
    fn a_lock_is_lines_of_fields_in_order() {
        let digits = |text: &str| {
            let digest = regex_lite::Regex::new("[0-9a-f]{64}").unwrap();
            digest.replace_all(text, "[DIGEST]").into_owned()
        };
        insta::assert_snapshot!(digits(&text(&one())), @r#"
        pipe-lock 2
        # What each stage is made of and what it led to. Written by `pipe lock`; keep it in git.

        fit@k=a%20b code 1
        fit@k=a%20b command ["sh","-c","a\nb"]
        fit@k=a%20b env LANG "C"
        fit@k=a%20b file model [DIGEST]
        fit@k=a%20b hardware x86_64 AuthenticAMD avx2 cpu
        fit@k=a%20b input in.model [DIGEST]
        fit@k=a%20b key [DIGEST]
        fit@k=a%20b output model [DIGEST]
        fit@k=a%20b outputs ["model"]
        fit@k=a%20b parameter k 0.1
        fit@k=a%20b seed 7
        fit@k=a%20b stage command
        fit@k=a%20b value pipe.HR@10 0.4 0.35 0.45
        "#);
        assert_eq!(read(&text(&one())).unwrap(), one());
        assert_eq!(read(&text(&one()).replace('\n', "\r\n")).unwrap(), one());
    }

    #[test]
    fn what_is_no_lock_is_pointed_at() {
        let whole = text(&one());
        let mixed = whole.replace("seed 7", "seed 8");
        let twice = format!("{whole}fit@k=a%20b seed 7\n");
        let merged = format!("{whole}<<<<<<< ours\n");
        for (text, message) in [
            ("", "it is empty"),
            ("pipe-lock 2", "cut off"),
            ("x\n", "its first line"),
            (&mixed, "not that of its fields"),
            (&twice, "here twice"),
            (&merged, "a merge left a conflict"),
            (&format!("{whole}a b\n"), "not a line of a lock"),
            (&format!("{whole}a output x 12\n"), "not a line of a lock"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.to_string().contains(message), "{error}");
            assert_eq!(error.exit_code(), 11);
        }
    }

    #[test]
    fn a_lock_of_format_1_is_read_as_what_it_means() {
        let mut lock = one();
        let locked = lock.stages.values_mut().next().unwrap();
        let today = text(&Lock { stages: BTreeMap::from([(StageName::new("s"), locked.clone())]) });
        let then = today.replace("pipe-lock 2", "pipe-lock 1").replace(" file model", " input files.model");
        assert!(read(&then).unwrap_err().to_string().contains("not that of its fields"), "the key is of today");
        let (key, key_then) = (locked.key().to_string(), locked.manifest.key_of_format_1().to_string());
        assert_eq!(read(&then.replace(&key, &key_then)).unwrap().stages[&StageName::new("s")], *locked);
    }

    proptest! {
        #[test]
        fn a_lock_that_is_written_and_read_is_itself(
            names in proptest::collection::btree_set("[a %#@=.é\n]{1,4}", 1..4),
            values in proptest::collection::vec(proptest::num::f64::NORMAL, 3),
            seed in any::<Option<u64>>(),
        ) {
            let names: Vec<String> = names.into_iter().collect();
            let parameters: BTreeMap<String, Value> = names.iter().zip(&values).map(|(name, value)| (name.clone(), json!([value]))).collect();
            let lock = Lock {
                stages: names.iter().map(|name| (StageName::new(name), locked(parameters.clone(), &names, seed))).collect(),
            };
            prop_assert_eq!(read(&text(&lock)).unwrap(), lock);
        }

        #[test]
        fn any_lines_are_a_lock_or_an_error(lines in "(pipe-lock [12]\n)?([a-c] (key|seed|stage|code|output|parameter|input|file) [0-9a. ]{0,3}\n){0,3}") {
            if let Err(error) = read(&lines) {
                prop_assert_eq!(error.exit_code(), 11);
            }
        }
    }
}
