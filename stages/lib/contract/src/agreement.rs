//! What has to hold between a parameter of a stage and one of a stage before it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A relation between two parameters of a pipeline, so that settings which contradict each other never run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agreement {
    /// The parameter of the stage itself.
    pub parameter: String,
    /// What has to hold.
    pub relation: Relation,
    /// The input ports that lead from the stage back to the other one. A stage without such an input, or without the
    /// parameter, is not asked.
    pub path: Vec<String>,
    /// The parameter of the other stage.
    pub other: String,
    /// What would go wrong, in one sentence.
    pub because: String,
}

/// How a value stands to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Relation {
    /// They are equal.
    Equal,
    /// The number, or each number of the list, is at most the other.
    AtMost,
}

impl Agreement {
    /// An agreement of `parameter` with the parameter `other` of the stage at the end of `path`.
    pub fn new(parameter: &str, relation: Relation, path: &[&str], other: &str, because: &str) -> Self {
        let path = path.iter().map(|port| (*port).to_owned()).collect();
        Self { parameter: parameter.to_owned(), relation, path, other: other.to_owned(), because: because.to_owned() }
    }
}

impl Relation {
    /// Whether it holds. A value that is not a number is never too large.
    #[must_use]
    pub fn holds(self, value: &Value, other: &Value) -> bool {
        match self {
            Self::Equal => value == other,
            Self::AtMost => {
                let is_at_most = |value: &Value| match (value.as_f64(), other.as_f64()) {
                    (Some(value), Some(other)) => value <= other,
                    _ => true,
                };
                value.as_array().map_or_else(|| is_at_most(value), |values| values.iter().all(is_at_most))
            }
        }
    }

    /// The relation in words, between the two values.
    #[must_use]
    pub fn description(self) -> &'static str {
        match self {
            Self::Equal => "the same as",
            Self::AtMost => "at most",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_number_of_a_list_is_at_most_the_other() {
        assert!(Relation::AtMost.holds(&json!([1, 20]), &json!(20)));
        assert!(!Relation::AtMost.holds(&json!([1, 21]), &json!(20)));
        assert!(Relation::AtMost.holds(&json!(20.0), &json!(20)));
        assert!(Relation::AtMost.holds(&json!(30), &json!(null)));
    }

    #[test]
    fn equal_is_the_same_value() {
        assert!(Relation::Equal.holds(&json!("question"), &json!("question")));
        assert!(!Relation::Equal.holds(&json!("question"), &json!("continuation")));
    }
}
