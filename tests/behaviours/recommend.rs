//! `pipe recommend`: the list that was made for a user, the same list decoded for the user's history, and what is refused.

use crate::space::Space;
use serde_json::Value;

const PIPELINE: &str = concat!(
    r#"
extends = "../quick.toml"
name = "small"

[stage.sample]
flaws = 0.0

"#,
    include_str!("../fixtures/language_model.toml"),
    "top_k = 10\n"
);

fn ids(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect()
}

#[test]
fn a_list_is_looked_up_for_a_user_and_decoded_for_a_history() {
    let space = Space::quick();
    space.write("pipelines/small.toml", PIPELINE);
    let early = space.pipe(&["recommend", "small", "--user", "A"]);
    assert!(early.code == 15 && early.err.contains("`pipe run small --until precache`"), "{}", early.err);

    space.succeed(&["run", "small"]);
    let users = space.json(&["peek", "small", "ingest.users", "-n", "7"]);
    let user = users[0]["content"]["table"]["rows"][6]["id"].as_str().unwrap().to_owned();
    let cached = space.json(&["recommend", "small", "--user", &user]);
    assert_eq!((cached["source"].as_str(), ids(&cached["items"]).len()), (Some("cached"), 10));
    assert!(cached["items"][0]["title"].as_str().is_some_and(|title| !title.is_empty()), "{cached}");
    let history = ids(&cached["history"]).join(",");
    assert!(ids(&cached["items"]).iter().all(|id| !history.contains(id)), "{cached}");

    let live = space.json(&["recommend", "small", "--history", &history]);
    assert_eq!((live["source"].as_str(), &live["items"]), (Some("live"), &cached["items"]));
    let best = ids(&cached["items"])[0];
    for whom in [["--user", &user], ["--history", &history]] {
        let without = space.json(&[&["recommend", "small", "-k", "3", "--exclude", best][..], &whom].concat());
        assert_eq!(ids(&without["items"]), ids(&cached["items"])[1..4]);
    }
    let text = space.succeed(&["recommend", "small", "--user", &user, "-k", "2", "--explain"]).out;
    assert!(text.starts_with(&format!("user {user}: cached list of 'precache' after ")), "{text}");
    assert!(text.contains("history, oldest first") && text.contains(best), "{text}");

    let popular = space.json(&["recommend", "small", "--user", &user, "--model", "popularity"]);
    assert_eq!(popular["source"], "cached");
    assert_ne!(popular["items"], cached["items"]);
    refusals(&space, &user, best);
}

fn refusals(space: &Space, user: &str, item: &str) {
    let refused = |arguments: &[&str], code: i32, message: &str| {
        let outcome = space.pipe(&[&["recommend", "small"], arguments].concat());
        assert!(outcome.code == code && outcome.err.contains(message), "{arguments:?}: {}", outcome.err);
    };
    let near = format!("{}_", &user[..user.len() - 1]);
    refused(&["--user", &near], 25, &format!("there is no user '{near}'"));
    refused(&["--user", &near], 25, "did you mean '");
    refused(&["--user", "nobody"], 25, "identifiers of users are like '");
    refused(&["--history", &format!("{item},nothing")], 25, "there is no item 'nothing'");
    refused(&["--history", item, "--model", "popularity"], 25, "name a precache stage with --model");
    refused(&["--user", user, "--model", "ingest"], 2, "stage 'ingest' makes no rankings");
    refused(&["--user", user, "--history", item], 2, "cannot be used with");
    refused(&["--user", user, "-k", "0"], 2, "-k is 0");
    refused(&[], 2, "--user <ID>");
}
