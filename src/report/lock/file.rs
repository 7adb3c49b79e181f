//! The form of a lock: one fact a line, sorted, a blank line between stages, so that git merges it by line.
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
//! The facts are those that the key is the digest of. Blanks and `%` in a name are written as `%20` and `%25`.

use crate::error::{Error, Result};
use crate::key::Digest;
use crate::key::{Key, Manifest};
use crate::key::{PortName, StageName};
use crate::machine::Hardware;
use crate::report::lock::figures::Figure;
use crate::report::lock::{Lock, Locked};
use crate::source::{Place, Source};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

/// The first line, which says how the others are read.
const FORMAT: &str = "pipe-lock 1";

const COMMENT: &str = "# What each stage is made of and what it led to. Written by `pipe lock`; keep it in git.";

/// Parts of a command, which are hashed as parameters, and the words for them in a lock.
const PARTS_OF_COMMANDS: [(&str, &str); 2] = [("the command", "command"), ("the outputs", "outputs")];

/// The lock as a file.
pub fn text(lock: &Lock) -> String {
    let mut text = format!("{FORMAT}\n{COMMENT}\n");
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
    let facts = locked.manifest.facts().into_iter().map(|(name, value)| format!("{} {value}", fact_in_lock(&name)));
    let outputs = locked.outputs.iter().map(|(port, digest)| format!("output {} {digest}", escaped(port.as_str())));
    let hardware = locked.hardware.iter().map(|class| format!("hardware {class}"));
    let figures = locked.figures.iter().map(|(name, figure)| format!("value {} {figure}", escaped(name)));
    facts.chain(outputs).chain(hardware).chain(figures).chain([format!("key {}", locked.key())]).collect()
}

/// A fact's name as it stands in a lock.
fn fact_in_lock(fact: &str) -> String {
    let Some((word, name)) = fact.split_once(' ') else { return fact.to_owned() };
    if word != "parameter" {
        return format!("{word} {}", escaped(name));
    }
    match PARTS_OF_COMMANDS.iter().find(|(hashed, _)| *hashed == name) {
        Some((_, word)) => (*word).to_owned(),
        None => match name.strip_prefix("env ") {
            Some(variable) => format!("env {}", escaped(variable)),
            None => format!("parameter {}", escaped(name)),
        },
    }
}

/// Reads a lock.
///
/// # Errors
/// [`Error::Syntax`] with the place of the first line that does not belong in one.
pub fn parse(source: &Arc<Source>) -> Result<Lock> {
    let text = match &**source {
        Source::File { text, .. } | Source::Argument(text) => text,
    };
    let mut stages: BTreeMap<StageName, Draft> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    let mut start = 0;
    for (number, whole) in text.split_inclusive('\n').enumerate() {
        let line = whole.trim_end_matches(['\n', '\r']);
        let place = start..start + line.len();
        start += whole.len();
        if number == 0 {
            if line == FORMAT {
                continue;
            }
            return Err(fault(source, place, format!("this is no lock: its first line is not '{FORMAT}'")));
        }
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let entry = Entry::read(line).ok_or_else(|| fault(source, place.clone(), what_is_wrong(line)))?;
        if !seen.insert((entry.stage.clone(), entry.fact.clone())) {
            return Err(fault(source, place, format!("'{} {}' is here twice", entry.stage, entry.fact)));
        }
        let draft = stages.entry(StageName::new(&entry.stage)).or_insert_with(|| Draft::new(place.clone()));
        draft.add(&entry).ok_or_else(|| fault(source, place, what_is_wrong(line)))?;
    }
    if text.is_empty() {
        return Err(fault(source, 0..0, "this is no lock: it is empty".to_owned()));
    }
    let locked = stages.into_iter().map(|(stage, draft)| Ok((stage.clone(), draft.finish(&stage, source)?)));
    Ok(Lock { stages: locked.collect::<Result<_>>()? })
}

fn what_is_wrong(line: &str) -> String {
    if ["<<<<<<<", "|||||||", "=======", ">>>>>>>"].iter().any(|mark| line.starts_with(mark)) {
        "a merge left a conflict here".to_owned()
    } else {
        "this is not a line of a lock: expected STAGE FACT VALUE".to_owned()
    }
}

fn fault(source: &Arc<Source>, span: Range<usize>, message: String) -> Error {
    let hint = "`pipe run`, then `pipe lock`, writes it anew from the results".to_owned();
    Error::Syntax { message, place: Place::new(source, span), hint: Some(hint) }
}

/// A line: the stage, the fact's name and its value.
struct Entry {
    stage: String,
    fact: String,
    value: String,
}

impl Entry {
    fn read(line: &str) -> Option<Self> {
        let (stage, rest) = line.split_once(' ')?;
        let (word, rest) = rest.split_once(' ')?;
        let entry = |fact: String, value: &str| Self { stage: unescaped(stage), fact, value: value.to_owned() };
        let named = || {
            let (name, value) = rest.split_once(' ')?;
            Some((unescaped(name), value))
        };
        if let Some((hashed, _)) = PARTS_OF_COMMANDS.iter().find(|(_, in_lock)| *in_lock == word) {
            return Some(entry(format!("parameter {hashed}"), rest));
        }
        Some(match word {
            "stage" | "code" | "seed" | "key" | "hardware" => entry(word.to_owned(), rest),
            "env" => named().map(|(name, value)| entry(format!("parameter env {name}"), value))?,
            "parameter" | "input" | "output" | "value" => {
                named().map(|(name, value)| entry(format!("{word} {name}"), value))?
            }
            _ => return None,
        })
    }
}

/// A stage of which some lines were read.
struct Draft {
    place: Range<usize>,
    facts: Vec<(String, String)>,
    outputs: BTreeMap<PortName, Digest>,
    hardware: Option<Hardware>,
    figures: BTreeMap<String, Figure>,
    key: Option<Key>,
}

impl Draft {
    fn new(place: Range<usize>) -> Self {
        let (facts, outputs, figures) = Default::default();
        Self { place, facts, outputs, hardware: None, figures, key: None }
    }

    fn add(&mut self, entry: &Entry) -> Option<()> {
        match (entry.fact.as_str(), entry.fact.split_once(' ')) {
            ("key", _) => self.key = Some(Key::parse(&entry.value)?),
            ("hardware", _) => self.hardware = Some(Hardware::parse(&entry.value)?),
            (_, Some(("output", port))) => drop(self.outputs.insert(PortName::new(port), Digest::parse(&entry.value)?)),
            (_, Some(("value", name))) => drop(self.figures.insert(name.to_owned(), Figure::parse(&entry.value)?)),
            _ => self.facts.push((entry.fact.clone(), entry.value.clone())),
        }
        Some(())
    }

    fn finish(self, stage: &StageName, source: &Arc<Source>) -> Result<Locked> {
        let wrong = |message: String| fault(source, self.place.clone(), message);
        let manifest = Manifest::of_facts(self.facts).ok_or_else(|| {
            wrong(format!("the facts of '{stage}' are not whole, or one has a value that it cannot have"))
        })?;
        if self.key != Some(manifest.key()) {
            return Err(wrong(format!("the key of '{stage}' is not that of its facts: lines of two locks are mixed")));
        }
        Ok(Locked { manifest, outputs: self.outputs, hardware: self.hardware, figures: self.figures })
    }
}

/// What cannot stand in a name of a lock, and what stands for it.
const ESCAPES: [(char, &str); 5] = [('%', "%25"), (' ', "%20"), ('\n', "%0a"), ('\r', "%0d"), ('#', "%23")];

fn escaped(name: &str) -> String {
    ESCAPES.iter().fold(name.to_owned(), |text, (letter, escape)| text.replace(*letter, escape))
}

fn unescaped(text: &str) -> String {
    ESCAPES.iter().rev().fold(text.to_owned(), |text, (letter, escape)| text.replace(escape, &letter.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn locked(parameters: BTreeMap<String, Value>, outputs: &[String], seed: Option<u64>) -> Locked {
        let manifest = Manifest {
            stage: "command".to_owned(),
            version: "1".to_owned(),
            parameters,
            seed,
            inputs: outputs.iter().map(|name| (format!("in.{name}"), Digest::of(name.as_bytes()))).collect(),
        };
        let digests = outputs.iter().map(|name| (PortName::new(name), Digest::of(name.as_bytes())));
        Locked { manifest, outputs: digests.collect(), hardware: None, figures: BTreeMap::new() }
    }

    fn read(text: &str) -> Result<Lock> {
        parse(&Arc::new(Source::File { path: "p.lock".into(), text: text.to_owned() }))
    }

    fn one() -> Lock {
        let parameters = BTreeMap::from([
            ("the command".to_owned(), json!(["sh", "-c", "a\nb"])),
            ("env LANG".to_owned(), json!("C")),
            ("k".to_owned(), json!(0.1)),
        ]);
        let mut locked = locked(parameters, &["model".to_owned()], Some(7));
        locked.hardware = Hardware::parse("x86_64 AuthenticAMD avx2 cpu");
        locked.figures.insert("pipe.HR@10".to_owned(), Figure { value: 0.4, interval: Some([0.35, 0.45]) });
        Lock { stages: BTreeMap::from([(StageName::new("fit@k=a b"), locked)]) }
    }

    #[test]
    fn a_lock_is_lines_of_facts_in_order() {
        let digits = |text: &str| {
            let digest = regex_lite::Regex::new("[0-9a-f]{64}").unwrap();
            digest.replace_all(text, "[DIGEST]").into_owned()
        };
        insta::assert_snapshot!(digits(&text(&one())), @r#"
        pipe-lock 1
        # What each stage is made of and what it led to. Written by `pipe lock`; keep it in git.

        fit@k=a%20b code 1
        fit@k=a%20b command ["sh","-c","a\nb"]
        fit@k=a%20b env LANG "C"
        fit@k=a%20b hardware x86_64 AuthenticAMD avx2 cpu
        fit@k=a%20b input in.model [DIGEST]
        fit@k=a%20b key [DIGEST]
        fit@k=a%20b output model [DIGEST]
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
        for (text, said) in [
            ("", "it is empty"),
            ("x", "its first line"),
            (&mixed, "not that of its facts"),
            (&twice, "here twice"),
            (&merged, "a merge left a conflict"),
            (&format!("{whole}a b\n"), "not a line of a lock"),
            (&format!("{whole}a output x 12\n"), "not a line of a lock"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.to_string().contains(said), "{error}");
            assert_eq!(error.exit_code(), 11);
        }
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
        fn any_lines_are_a_lock_or_an_error(lines in "(pipe-lock 1\n)?([a-c] (key|seed|stage|code|output|parameter) [0-9a ]{0,3}\n){0,3}") {
            if let Err(error) = read(&lines) {
                prop_assert_eq!(error.exit_code(), 11);
            }
        }
    }
}
