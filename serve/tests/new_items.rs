//! New items with codes from their texts are recommended after a reload, without training.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use serde_json::{Value, json};
use support::{LANGUAGE_MODEL, POPULAR, Server, Shop, program, wait_until};

/// The model's stages, with texts among what the codebook is made of.
fn pipeline() -> String {
    let text = "[stage.text]\nuses = \"text\"\ninputs = { items = \"ingest.items\", llm = \"llm.model\" }\n";
    let stages = LANGUAGE_MODEL
        .replace(
            "inputs = { items = \"dccf.items\" }",
            "inputs = { items = \"dccf.items\", text = \"text.embeddings\" }",
        )
        .replace("llm_alignment = false", "llm_alignment = true")
        .replace("uses = \"precache\"", "uses = \"precache\"\nbeam = 200");
    format!("{POPULAR}\n{stages}\n{text}")
}

fn ids(list: &Value) -> Vec<String> {
    list["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

fn live(server: &Server, history: &[String]) -> Value {
    wait_until("no list is decoded", || {
        let answer = server.post("/v1/recommendations", &json!({"history": history, "k": 100}).to_string());
        Some(serde_json::from_str(&answer.body).unwrap()).filter(|_| answer.status == 200)
    })
}

#[test]
fn new_items_enter_the_lists_that_are_decoded_after_a_reload() {
    let shop = Shop::new(&pipeline());
    // The items of the shop itself, under their numbers: for the model they are others.
    let path = shop.pipe(&["cache", "path", "shop.toml", "ingest.items"]);
    let items = format!("{}/items.parquet", String::from_utf8(path.stdout).unwrap().trim());
    let made = shop.pipe(&["tokenize", "shop.toml", "--items", &items, "--output", "new.parquet"]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let pipe = program("pipe").display().to_string();
    let resolve = format!("'{pipe}' serve shop.toml --resolve --model precache $(cat options 2>/dev/null)");
    let server = shop.start_over(&["--watch-ms", "0"], &["sh", "-c", &resolve]);
    server.wait_for("\"ready\"");
    let user = &shop.users(1)[0];
    let history = ids(&server.json(&format!("/v1/users/{user}/history")));
    let before = ids(&live(&server, &history));
    assert!(before.iter().all(|id| id.parse::<u32>().is_err()), "{before:?}");
    assert_eq!(server.get("/v1/items/0").status, 404);

    std::fs::write(shop.path("options"), "--new-items new.parquet").unwrap();
    server.signal("HUP");
    let shown = wait_until("the new items are not served", || {
        let answer = server.get("/v1/items/0");
        (answer.status == 200).then(|| serde_json::from_str::<Value>(&answer.body).unwrap())
    });
    assert!(shown["title"].as_str().is_some_and(|title| !title.is_empty()), "{shown}");
    let after = ids(&live(&server, &history));
    let (new, old): (Vec<String>, Vec<String>) = after.into_iter().partition(|id| id.parse::<u32>().is_ok());
    assert!(!new.is_empty(), "no new item is in the list");
    assert!(old.iter().all(|id| before.contains(id)), "{old:?}");
    // A history may have them, too.
    assert!(!ids(&live(&server, &new[..1])).contains(&new[0]));
    // A file that is damaged leaves what is served.
    std::fs::write(shop.path("new.parquet"), "no table").unwrap();
    server.signal("HUP");
    server.wait_for("the lists were not reloaded");
    assert_eq!(server.get("/v1/items/0").status, 200);
}
