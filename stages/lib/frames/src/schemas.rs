//! The form of every table and tensor here, as the reference for users shows it. A test compares it with written files.

use crate::kinds;
use contract::{ArtifactSchema, FieldSchema};

/// The forms of all kinds of artifacts that have a table or a tensor of this crate.
#[must_use]
pub fn schemas() -> Vec<ArtifactSchema> {
    vec![
        table(
            &[kinds::INTERACTIONS],
            "interactions.parquet",
            "A row for each interaction, by user and position. `dataset.json` beside it has the numbers of users, items and \
             interactions, and the digest of the split.",
            &[
                ("user", "u32", "the number of the user, from 0"),
                ("item", "u32", "the number of the item, from 0"),
                ("position", "u32", "the place in the user's sequence, from 0"),
                ("time", "i64", "seconds since 1970; the position where no time is known"),
                ("split", "str", "`train`, `validation` or `test`"),
            ],
        ),
        table(
            &[kinds::ITEMS],
            "items.parquet",
            "A row for each item, by number: row 17 is item 17.",
            &[
                ("item", "u32", "the number of the item, which is the row"),
                ("id", "str", "the identifier that the raw data have"),
                ("title", "str", "empty where there is none"),
                ("description", "str", "empty where there is none"),
                ("brand", "str", "empty where there is none"),
                ("categories", "str", "from wide to narrow; empty where there are none"),
            ],
        ),
        table(
            &[kinds::USERS],
            "users.parquet",
            "A row for each user, by number.",
            &[
                ("user", "u32", "the number of the user, which is the row"),
                ("id", "str", "the identifier that the raw data have"),
            ],
        ),
        table(
            &[kinds::REVIEWS],
            "reviews.parquet",
            "A row for each interaction of which there is a text.",
            &[("user", "u32", "the user"), ("item", "u32", "the item"), ("text", "str", "what the user wrote")],
        ),
        table(
            &[kinds::CODES],
            "codes.parquet",
            "A row for each item, by number, with a column for each level of the codebook: `level_1`, `level_2`, ...",
            &[
                ("item", "u32", "the number of the item, which is the row"),
                ("level_1", "u32", "the code at the first level"),
            ],
        ),
        table(
            &[kinds::PROMPTS],
            "prompts.parquet",
            "A row for each question and answer, in the order of training.",
            &[
                ("group", "u32", "prompts that share a beginning have the same group"),
                ("kind", "str", "the task, such as `next-item`"),
                ("prompt", "str", "the question; items in it are their code tokens, such as `<a_12><b_3>`"),
                ("label", "str", "the answer"),
            ],
        ),
        table(
            &[kinds::RANKINGS, kinds::VALIDATION_RANKINGS],
            "rankings.parquet",
            "A row for each place of each list. Other programs may write rows in any order and numbers of any type.",
            &[
                ("user", "u32", "the user whose list it is"),
                ("seen", "str", "`excluded`: the list has no item of the user's history; `kept`: it may have some"),
                ("rank", "u32", "the place in the list: 1, 2, 3, ..."),
                ("item", "u32", "the item; 4294967295 for a place without an item"),
                ("score", "f32", "the score; more is better"),
            ],
        ),
        table(
            &[kinds::RANKS],
            "ranks.parquet",
            "A row for each test item of each user and model.",
            &[
                ("model", "str", "the label of the rankings"),
                ("seen", "str", "`excluded` or `kept`"),
                ("hits", "str", "`item` counts the exact item, `code` any item with the same code"),
                ("user", "u32", "the user"),
                ("history", "u32", "the number of items in the user's history"),
                ("rank", "u32", "the place of the test item, from 1; empty where it is not in the list"),
            ],
        ),
        table(
            &[kinds::ITEM_EMBEDDINGS, kinds::TEXT_EMBEDDINGS],
            "embeddings.safetensors",
            "A vector for each item, by number.",
            &[(
                "items",
                "F32 [items, dimension]",
                "row 17 is the vector of item 17; files of other programs may have 16 or 64 bits",
            )],
        ),
        table(
            &[kinds::USER_EMBEDDINGS],
            "embeddings.safetensors",
            "A vector for each user, by number.",
            &[("users", "F32 [users, dimension]", "row 3 is the vector of user 3")],
        ),
    ]
}

fn table(kinds: &[&str], file: &str, about: &str, fields: &[(&str, &str, &str)]) -> ArtifactSchema {
    ArtifactSchema {
        kinds: kinds.iter().map(|kind| (*kind).to_owned()).collect(),
        file: file.to_owned(),
        about: about.to_owned(),
        fields: fields.iter().map(|(name, form, about)| FieldSchema::new(name, form, about)).collect(),
    }
}
