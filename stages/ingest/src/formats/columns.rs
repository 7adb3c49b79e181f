//! Which column of a table is what.

use crate::parameters::Columns;
use contract::{Failure, FailureKind, Result};
use std::path::Path;

/// The columns of a table by their place, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Places {
    /// The user.
    pub(super) user: usize,
    /// The item.
    pub(super) item: usize,
    /// The time, if there is one.
    pub(super) time: Option<usize>,
    /// The rating, if there is one.
    pub(super) rating: Option<usize>,
    /// The text, if there is one.
    pub(super) text: Option<usize>,
}

/// Usual names, in small letters without `_`, `-` and spaces; the first that occurs counts.
const USER: &[&str] = &[
    "user",
    "userid",
    "uid",
    "reviewerid",
    "customer",
    "customerid",
    "visitorid",
    "session",
    "sessionid",
    "member",
    "memberid",
    "buyer",
    "buyerid",
    "account",
    "accountid",
    "profileid",
];
const ITEM: &[&str] = &[
    "item",
    "itemid",
    "iid",
    "parentasin",
    "asin",
    "product",
    "productid",
    "sku",
    "movie",
    "movieid",
    "book",
    "bookid",
    "isbn",
    "song",
    "songid",
    "track",
    "trackid",
    "artist",
    "artistid",
    "business",
    "businessid",
    "game",
    "gameid",
    "article",
    "articleid",
    "anime",
    "animeid",
    "recipe",
    "recipeid",
    "venue",
    "venueid",
];
const TIME: &[&str] = &[
    "time",
    "timestamp",
    "ts",
    "date",
    "datetime",
    "unixreviewtime",
    "unixtime",
    "reviewtime",
    "eventtime",
    "createdat",
];
const RATING: &[&str] = &["rating", "ratings", "score", "overall", "stars", "starrating"];
const TEXT: &[&str] = &["text", "review", "reviewtext", "reviewbody", "comment", "body"];

/// Finds the columns among the names of a file's columns.
///
/// # Errors
/// When a column that is asked for is not there, the user or the item cannot be found, or two are one column.
pub(super) fn places(path: &Path, names: &[String], asked: &Columns) -> Result<Places> {
    let find = |asked: &Option<String>, usual: &[&str]| match asked {
        Some(name) => position(names, name).map(Some).ok_or_else(|| {
            let problem = format!("no column '{name}'; found the columns: {}", names.join(", "));
            failure(path, &problem)
                .hint("columns = { user = \"...\", item = \"...\", time = \"...\" } names columns of the file")
        }),
        None => Ok(usual.iter().find_map(|usual| names.iter().position(|name| normal(name) == *usual))),
    };
    let required = |role: &str, found: Option<usize>| {
        found.ok_or_else(|| {
            let problem = format!("no column is known as the {role}; found the columns: {}", names.join(", "));
            failure(path, &problem).hint(
                "name them: columns = { user = \"...\", item = \"...\", time = \"...\" }; if the file has no line of \
                 column names, set header = false and name columns by number, such as user = \"1\"",
            )
        })
    };
    let places = Places {
        user: required("user", find(&asked.user, USER)?)?,
        item: required("item", find(&asked.item, ITEM)?)?,
        time: find(&asked.time, TIME)?,
        rating: find(&asked.rating, RATING)?,
        text: find(&asked.text, TEXT)?,
    };
    places.check(path, names)?;
    Ok(places)
}

impl Places {
    /// Each role with its column, for those that are there.
    pub(super) fn roles(&self) -> Vec<(&'static str, usize)> {
        let roles = [
            ("user", Some(self.user)),
            ("item", Some(self.item)),
            ("time", self.time),
            ("rating", self.rating),
            ("text", self.text),
        ];
        roles.into_iter().filter_map(|(role, place)| Some((role, place?))).collect()
    }

    fn check(&self, path: &Path, names: &[String]) -> Result<()> {
        let roles = self.roles();
        for (at, (role, place)) in roles.iter().enumerate() {
            if let Some((other, _)) = roles[..at].iter().find(|(_, other)| other == place) {
                return Err(failure(path, &format!("column '{}' is both {other} and {role}", names[*place])));
            }
        }
        Ok(())
    }
}

fn position(names: &[String], asked: &str) -> Option<usize> {
    let exact = names.iter().position(|name| name == asked);
    exact.or_else(|| names.iter().position(|name| normal(name) == normal(asked)))
}

fn normal(name: &str) -> String {
    name.chars().filter(|letter| !matches!(letter, '_' | '-' | ' ')).flat_map(char::to_lowercase).collect()
}

fn failure(path: &Path, problem: &str) -> Failure {
    Failure::new(FailureKind::MissingField, format!("{}: {problem}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn usual_names_are_found_and_asked_ones_come_first() {
        let found = names(&["Review Text", "user_id", "asin", "parent_asin", "TS", "sku"]);
        let usual = places(Path::new("f"), &found, &Columns::default()).unwrap();
        assert_eq!(usual, Places { user: 1, item: 3, time: Some(4), rating: None, text: Some(0) });
        let asked = Columns { item: Some("sku".into()), ..Columns::default() };
        assert_eq!(places(Path::new("f"), &found, &asked).unwrap().item, 5);
    }

    #[test]
    fn columns_that_are_missing_or_used_twice_are_named() {
        let found = names(&["who", "what"]);
        let none = places(Path::new("f"), &found, &Columns::default()).unwrap_err();
        assert!(none.message.contains("no column is known as the user; found the columns: who, what"), "{none}");
        let twice = Columns { user: Some("who".into()), item: Some("who".into()), ..Columns::default() };
        assert!(places(Path::new("f"), &found, &twice).unwrap_err().message.contains("is both user and item"));
        let absent = Columns { user: Some("whom".into()), ..Columns::default() };
        assert!(places(Path::new("f"), &found, &absent).unwrap_err().message.contains("no column 'whom'"));
    }
}
