//! What the lines of a comparison are tested against: a point, a run or a pipeline, or one model of each.

use crate::error::{Error, Result};
use crate::key::suggestion;
use crate::report::compare::line::Line;
use std::fmt;

/// The reference of a comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reference {
    /// A subject: each line is compared with the line of the same identity there.
    Subject(String),
    /// A model: each line is compared with the line of that model, alike in all else.
    Model(String),
}

impl Reference {
    /// The subject of the name that was asked for, or else the model of that name; the first subject when none was.
    ///
    /// # Errors
    /// [`Error::Usage`], when the name is neither; those that there are, are named.
    pub(super) fn find(lines: &[Line], asked: Option<&str>) -> Result<Self> {
        let subjects = || lines.iter().map(|line| line.subject.as_str());
        let models = || lines.iter().filter_map(Line::model);
        let Some(asked) = asked else { return Ok(Self::Subject(subjects().next().unwrap_or_default().to_owned())) };
        if subjects().any(|name| name == asked) {
            return Ok(Self::Subject(asked.to_owned()));
        }
        if models().any(|name| name == asked) {
            return Ok(Self::Model(asked.to_owned()));
        }
        let mut names: Vec<&str> = Vec::new();
        for name in subjects().chain(models()) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let hint = suggestion(asked, names.iter().copied(), "there is");
        Err(Error::Usage { message: format!("nothing that is compared has the name '{asked}'"), hint: Some(hint) })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Self::Subject(name) | Self::Model(name) => name,
        }
    }

    /// The line that this one is compared with; none for a line of the reference itself.
    pub(super) fn of<'a>(&self, line: &Line, mut all: impl Iterator<Item = &'a Line>) -> Option<&'a Line> {
        match self {
            Self::Subject(name) => {
                let like = |other: &&Line| other.subject == *name && other.identity == line.identity;
                all.find(like).filter(|_| line.subject != *name)
            }
            Self::Model(name) => {
                // A line that is the same for every subject has none.
                let near = |other: &Line| other.subject == line.subject || other.subject.is_empty();
                let like = |other: &&Line| other.model() == Some(name) && near(other) && other.scope() == line.scope();
                all.find(like).filter(|_| line.model() != Some(name))
            }
        }
    }

    /// What the p-values of a line are corrected over: lines of one family are tests of one question.
    pub(super) fn family(&self, line: &Line) -> Vec<(String, String)> {
        match self {
            Self::Subject(_) => line.identity.clone(),
            Self::Model(_) => {
                let subject = ("point".to_owned(), line.subject.clone());
                std::iter::once(subject).chain(line.scope().into_iter().cloned()).collect()
            }
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::compare::line::MODEL;
    use std::collections::BTreeMap;

    fn line(subject: &str, model: &str, seen: &str) -> Line {
        let identity = [(MODEL, model), ("seen", seen)].map(|(name, text)| (name.to_owned(), text.to_owned()));
        Line {
            subject: subject.to_owned(),
            identity: identity.into(),
            seeds: 1,
            cells: BTreeMap::new(),
            ranks: Vec::new(),
        }
    }

    #[test]
    fn a_model_is_the_reference_of_the_lines_that_are_alike_but_for_it() {
        let lines = [line("a", "knn", "kept"), line("a", "knn", "excluded"), line("a", "pipe", "excluded")];
        let reference = Reference::find(&lines, Some("knn")).unwrap();
        assert_eq!(reference, Reference::Model("knn".to_owned()));
        let found = reference.of(&lines[2], lines.iter()).unwrap();
        assert_eq!(found.identity, lines[1].identity);
        assert!(reference.of(&lines[0], lines.iter()).is_none(), "it is not compared with itself");
    }

    #[test]
    fn a_model_that_is_the_same_for_all_points_is_found() {
        let lines = [line("a", "pipe", "kept"), line("", "knn", "kept")];
        let reference = Reference::Model("knn".to_owned());
        assert_eq!(reference.of(&lines[0], lines.iter()).unwrap().subject, "");
    }

    #[test]
    fn without_a_name_the_first_subject_is_meant() {
        let lines = [line("a", "pipe", "kept"), line("b", "pipe", "kept")];
        assert_eq!(Reference::find(&lines, None).unwrap(), Reference::Subject("a".to_owned()));
        let error = Reference::find(&lines, Some("knn")).unwrap_err();
        assert_eq!(error.hint().unwrap(), "there is a, b, pipe");
    }
}
