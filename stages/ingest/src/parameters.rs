//! The parameters of ingest: the form of the input, the rules, and what becomes of bad rows.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The form of a file of interactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// Amazon reviews of 2014 and 2018, a JSON object a line: `reviewerID`, `asin`, `unixReviewTime`.
    #[serde(rename = "amazon-2018")]
    Amazon2018,
    /// Amazon reviews of 2023, a JSON object a line: `user_id`, `parent_asin`, `timestamp` in milliseconds.
    #[serde(rename = "amazon-2023")]
    Amazon2023,
    /// Amazon ratings without reviews: CSV without a header of user, item, rating and time.
    AmazonRatings,
    /// RecBole's atomic files: tabs, and a header such as `user_id:token`.
    Recbole,
    /// MovieLens: `ratings.csv`, `u.data` or `ratings.dat`.
    Movielens,
    /// A table with commas, tabs or semicolons between columns.
    Csv,
    /// A Parquet file.
    Parquet,
    /// Sequences of the LC-Rec family: `X.inter.json`, `{"user": [item, ...]}`.
    LcRec,
}

impl Format {
    /// Its name in pipelines and reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Amazon2018 => "amazon-2018",
            Self::Amazon2023 => "amazon-2023",
            Self::AmazonRatings => "amazon-ratings",
            Self::Recbole => "recbole",
            Self::Movielens => "movielens",
            Self::Csv => "csv",
            Self::Parquet => "parquet",
            Self::LcRec => "lc-rec",
        }
    }
}

/// The columns of a table, by the names in its header; without a header, by their number from 1.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Columns {
    /// The user.
    pub user: Option<String>,
    /// The item.
    pub item: Option<String>,
    /// When it happened: seconds, milliseconds, microseconds or nanoseconds since 1970, or a date.
    pub time: Option<String>,
    /// The rating.
    pub rating: Option<String>,
    /// What the user wrote.
    pub text: Option<String>,
}

/// Which of several interactions of one user with one item stays.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Repeats {
    /// The first, as in the paper.
    #[default]
    First,
    /// The last.
    Last,
    /// All of them.
    Keep,
}

/// What becomes of items without a line of metadata.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MissingMetadata {
    /// They stay, with empty text.
    #[default]
    Keep,
    /// Their interactions are dropped before users and items with too few are.
    Drop,
}

/// How text is cleaned.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Cleaning {
    /// Tags are removed, white space is collapsed, numbered entities and the named ones that occur in shops are decoded.
    #[default]
    Basic,
    /// The same with all named entities of HTML.
    Html,
    /// Text stays as it is.
    Off,
}

/// What becomes of a row that cannot be read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnBadRow {
    /// The first one ends the stage.
    #[default]
    Error,
    /// It is left out and counted; the report has the first 20 with file and line.
    Skip,
}

/// What is held out of training, per user.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Holdout {
    /// The last item tests, as in the paper.
    #[default]
    Last,
    /// The last item tests and the one before it validates.
    LastTwo,
    /// All from the time `test_from` on test, for all users alike.
    Time,
}

impl Holdout {
    /// Its name in `dataset.json`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Last => "last",
            Self::LastTwo => "last-two",
            Self::Time => "time",
        }
    }
}

/// The parameters of [`Ingest`](crate::Ingest).
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Parameters {
    /// How many of the latest interactions later stages look at. Written to `dataset.json`; nothing is cut here.
    #[schemars(range(min = 1))]
    pub max_history: usize,
    /// What is held out of training. Pairs keep their own split.
    pub holdout: Holdout,
    /// With `holdout = "time"`: the date, or the seconds since 1970, from which on interactions test.
    pub test_from: Option<String>,
    /// With `holdout = "time"`: the same for validation, before `test_from`; without it nothing validates.
    pub validation_from: Option<String>,
    /// How many users to take, chosen by a hash of their identifier before those with too few interactions go; all if
    /// absent, or there are fewer. For runs at a small size.
    #[schemars(range(min = 1))]
    pub users: Option<usize>,
    /// Ratio of the items that are held out of training altogether: of their interactions only those stay that test. To see how a model
    /// finds items that came after its training.
    #[schemars(range(min = 0.0, max = 0.9))]
    pub new_items: f64,
    /// The fewest interactions a user may have. Raw input only; 0 and 1 keep all.
    pub min_user_interactions: usize,
    /// The fewest interactions an item may have. Raw input only; 0 and 1 keep all.
    pub min_item_interactions: usize,
    /// The lowest rating that counts as an interaction. Raw input only; 0 keeps all.
    #[schemars(range(min = 0.0))]
    pub min_rating: f64,
    /// Which of several interactions of one user with one item stays. Raw input only.
    pub repeats: Repeats,
    /// What becomes of items without a line of metadata. Raw input only.
    pub missing_metadata: MissingMetadata,
    /// The form of the input; recognised by its content if absent. Raw input only.
    pub format: Option<Format>,
    /// The columns of CSV, TSV or Parquet, such as `{ user = "uid", item = "sku", time = "ts" }`; found by usual names if
    /// absent.
    pub columns: Columns,
    /// Whether CSV or TSV begins with a line of column names; recognised if absent.
    pub header: Option<bool>,
    /// Of a folder that is bound, only the files whose name this pattern matches, such as `*.csv.gz`.
    pub files: Option<String>,
    /// How text is cleaned.
    pub cleaning: Cleaning,
    /// The most characters of a review, a title or a description; what is longer is cut there and counted. No limit if absent.
    #[schemars(range(min = 1))]
    pub max_text: Option<usize>,
    /// What becomes of a row that cannot be read. Raw input only.
    pub on_bad_row: OnBadRow,
    /// Whether a warning of the report is an error.
    pub strict: bool,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            max_history: 20,
            holdout: Holdout::Last,
            test_from: None,
            validation_from: None,
            users: None,
            new_items: 0.0,
            min_user_interactions: 5,
            min_item_interactions: 5,
            min_rating: 0.0,
            repeats: Repeats::First,
            missing_metadata: MissingMetadata::Keep,
            format: None,
            columns: Columns::default(),
            header: None,
            files: None,
            cleaning: Cleaning::Basic,
            max_text: None,
            on_bad_row: OnBadRow::Error,
            strict: false,
        }
    }
}
