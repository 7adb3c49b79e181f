//! Looking after the store: listing, finding, checking, copying, pinning, counting.

use crate::space::Space;
use crate::space::chain::{CHAIN, chain, folder, word};
use serde_json::{Value, json as value};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// A text with times, digests and sizes that depend on them replaced.
fn plain(space: &Space, text: &str) -> String {
    let text =
        regex_lite::Regex::new(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d").unwrap().replace_all(text, "[TIME]").into_owned();
    let text = regex_lite::Regex::new(r"\b[0-9a-f]{64}\b").unwrap().replace_all(&text, "[DIGEST]").into_owned();
    let text = regex_lite::Regex::new(r"\b[0-9a-f]{12}\b").unwrap().replace_all(&text, "[KEY]").into_owned();
    let text = regex_lite::Regex::new(r"[\d.]+ [KMGT]iB").unwrap().replace_all(&text, "[SIZE]").into_owned();
    // Columns are as wide as what was replaced.
    regex_lite::Regex::new(" {2,}").unwrap().replace_all(&space.redact(&text), "  ").into_owned()
}

/// The lines of a string in the order of the alphabet: results that were used in one second have none of their own.
fn sorted(text: &str) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines.join("\n")
}

/// Changes the content of a stored file without changing its size.
fn damage(file: &Path) {
    let mut bytes = std::fs::read(file).unwrap();
    bytes[0] ^= 1;
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o644)).unwrap();
    std::fs::write(file, bytes).unwrap();
}

#[test]
fn ls_names_every_result_with_its_size() {
    let space = chain();
    space.succeed(&["run", "chain"]);
    space.succeed(&["pin", "chain", "size"]);
    insta::assert_snapshot!(sorted(&plain(&space, &space.succeed(&["cache", "ls"]).out)));
    let all = space.json(&["cache", "ls"]);
    assert_eq!(all.as_array().unwrap().len(), 3);
    let one = space.json(&["cache", "ls", "--stage", "double", "--pipeline", "chain"]);
    assert_eq!(one[0]["stage"], "double");
    assert_eq!(one[0]["bytes"], 3, "two letters and a mark");
    assert_eq!(space.json(&["cache", "ls", "--pipeline", "other"]), serde_json::json!([]));
}

#[test]
fn path_is_that_of_the_current_result() {
    let space = chain();
    space.succeed(&["run", "chain"]);
    let one = folder(&space, "double.text", &[]);
    assert_eq!(std::fs::read_to_string(one.join("text")).unwrap(), "aa");
    assert_eq!(space.succeed(&["cache", "path", "chain", "double"]).out.lines().count(), 2);
    let missing = space.pipe(&["cache", "path", "chain", "double", "--set", &word("b")]);
    assert_eq!(missing.code, 15);
    insta::assert_snapshot!("path_without_a_result", space.redact(&missing.err));
    space.succeed(&["run", "chain", "--set", &word("b")]);
    let other = folder(&space, "double.text", &["--set", &word("b")]);
    assert_eq!(std::fs::read_to_string(other.join("text")).unwrap(), "bb");
    assert_eq!(folder(&space, "double.text", &[]), one);
    let unknown = space.pipe(&["cache", "path", "chain", "double.txt"]);
    assert_eq!(unknown.code, 2);
    insta::assert_snapshot!("path_of_an_unknown_output", space.redact(&unknown.err));
}

#[test]
fn a_store_that_is_not_there_is_named() {
    let space = Space::new();
    for command in ["ls", "verify", "gc", "rebuild-index", "stat"] {
        let outcome = space.pipe(&["cache", command]);
        assert_eq!(outcome.code, 15, "{command}: {}", outcome.err);
    }
    insta::assert_snapshot!(space.redact(&space.pipe(&["cache", "ls"]).err));
}

#[test]
fn changed_bytes_are_found_quarantined_and_made_again() {
    let space = chain();
    space.succeed(&["run", "chain"]);
    insta::assert_snapshot!(
        "verify_of_a_whole_store",
        plain(&space, &space.succeed(&["cache", "verify", "--deep"]).out)
    );
    let text = folder(&space, "double.text", &[]);
    damage(&text.join("text"));
    space.succeed(&["cache", "verify"]);
    let deep = space.pipe(&["cache", "verify", "--deep"]);
    assert_eq!(deep.code, 44);
    insta::assert_snapshot!("verify_of_changed_bytes", plain(&space, &(deep.out + &deep.err)));
    let repaired = space.succeed(&["cache", "verify", "--deep", "--repair"]);
    insta::assert_snapshot!("repair_of_changed_bytes", plain(&space, &repaired.out));
    assert_eq!(space.stored("quarantine").len(), 2, "the artifact and its record");
    assert_eq!(space.json(&["cache", "verify", "--deep"])["damage"], serde_json::json!([]));
    assert_eq!(space.statuses(&["chain"])["double"], "done");
    assert_eq!(std::fs::read_to_string(text.join("text")).unwrap(), "aa");
}

#[test]
fn verify_finds_missing_and_damaged_files() {
    let space = chain();
    space.succeed(&["run", "chain"]);
    std::fs::remove_dir_all(folder(&space, "size.size", &[])).unwrap();
    let base = space.json(&["cache", "ls", "--stage", "base"])[0]["key"].as_str().unwrap().to_owned();
    let record = space.path("artifacts/actions").join(format!("{base}.json"));
    let bytes = std::fs::read(&record).unwrap();
    std::fs::write(&record, &bytes[..bytes.len() / 2]).unwrap();
    space.write("artifacts/actions/note.json", "{}");
    space.write("artifacts/store/note", "");
    let found: Value = serde_json::from_str(&space.pipe(&["cache", "verify", "--json"]).out).unwrap();
    assert_eq!(found["damage"].as_array().unwrap().len(), 4, "{found:#}");
    assert_eq!(found["unnamed"].as_array().unwrap().len(), 1, "the artifact of the cut record");
    assert_eq!(space.pipe(&["cache", "gc"]).code, 44, "nobody knows what the cut record names");
    space.succeed(&["cache", "verify", "--repair"]);
    space.succeed(&["cache", "verify", "--deep"]);
    let statuses = space.statuses(&["chain"]);
    assert_eq!([&statuses["base"], &statuses["double"], &statuses["size"]], ["done", "cached", "done"]);
}

#[test]
fn an_export_is_plain_whole_and_says_where_it_comes_from() {
    let space = chain();
    space.succeed(&["run", "chain"]);
    let outcome = space.succeed(&["cache", "export", "chain", "double.text", "size", "--to", "out/copy"]);
    insta::assert_snapshot!("export", space.redact(&outcome.out));
    assert_eq!(std::fs::read_to_string(space.path("out/copy/double/text/text")).unwrap(), "aa");
    assert!(!space.path("out/copy/double/mark").exists());
    std::fs::write(space.path("out/copy/size/size/size"), "mine").unwrap();
    let provenance: Value =
        serde_json::from_slice(&std::fs::read(space.path("out/copy/double/provenance.json")).unwrap()).unwrap();
    assert_eq!(provenance["provenance"]["stage"], "double");
    assert_eq!(provenance["outputs"]["text"]["files"][0]["size"], 2);
    let again = space.pipe(&["cache", "export", "chain", "--to", "out/copy"]);
    assert_eq!(again.code, 2);
    insta::assert_snapshot!("export_to_a_folder_that_is_there", space.redact(&again.err));
    damage(&folder(&space, "double.text", &[]).join("text"));
    assert_eq!(space.pipe(&["cache", "export", "chain", "--to", "out/other"]).code, 44);
    let left: Vec<_> = std::fs::read_dir(space.path("out")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["copy"], "nothing half is left");
}

#[test]
fn pins_are_listed_kept_and_removed() {
    let space = chain();
    space.succeed(&["run", "chain", "--set", &word("b")]);
    let run = space.stored("runs").pop().unwrap();
    space.succeed(&["run", "chain"]);
    let outcome = space.succeed(&["pin", "chain", "--run", &run, "--name", "b"]);
    space.succeed(&["pin", "chain", "size", "--name", "now"]);
    insta::assert_snapshot!("pin", plain(&space, &(outcome.out + &space.succeed(&["pin", "--list"]).out)));
    let taken = space.pipe(&["pin", "chain", "--name", "now"]);
    assert_eq!(taken.code, 2);
    insta::assert_snapshot!("pin_with_a_name_that_is_taken", space.redact(&taken.err));
    space.succeed(&["cache", "gc", "--max-size", "0"]);
    let statuses = space.statuses(&["chain", "--set", &word("b")]);
    assert!(statuses.values().all(|status| status == "cached"), "{statuses:?}");
    space.succeed(&["pin", "--remove", "b"]);
    space.succeed(&["cache", "gc", "--max-size", "0"]);
    assert_eq!(space.statuses(&["chain", "--set", &word("b")])["base"], "done");
    assert_eq!(space.pipe(&["pin", "--remove", "b"]).code, 2);
    assert_eq!(space.pipe(&["pin", "chain", "--run", "none"]).code, 2);
    assert_eq!(space.pipe(&["pin", "chain", "--set", &word("c")]).code, 15, "there is nothing to pin");
}

#[test]
fn a_rebuilt_index_has_the_external_inputs_of_every_pipeline() {
    let space = chain();
    space.write("one.txt", "1");
    space.write("folder/two.txt", "2");
    let reading = "[stage.reading]\nuses = 'command'\noutputs = { o = 'text' }\nfiles = { a = 'one.txt', b = 'folder' }\n\
                   command = ['sh', '-c', 'cat {files.a} {files.b}/two.txt > {outputs.o}/v']\n";
    space.write("chain.toml", format!("{CHAIN}\n{reading}"));
    // What was written within one tick of the clock is not remembered.
    std::thread::sleep(std::time::Duration::from_millis(100));
    space.succeed(&["run", "chain"]);
    std::fs::write(space.path("artifacts/index/sled/conf"), "damage".repeat(100)).unwrap();
    let rebuilt = space.json(&["cache", "rebuild-index"]);
    assert_eq!(rebuilt["inputs"].as_array().unwrap().len(), 2, "{rebuilt}");
    assert_eq!((&rebuilt["files"], &rebuilt["wrong"]), (&value!(2), &value!([])), "{rebuilt}");
    assert_eq!(space.statuses(&["chain"])["reading"], "cached");
    assert!(space.stored("index").iter().all(|name| !name.contains(".old")), "{:?}", space.stored("index"));
}

#[test]
fn the_figures_add_up() {
    let space = chain();
    space.succeed(&["run", "chain"]);
    space.write(&format!("artifacts/store/{}/file", "0".repeat(64)), "12345");
    let stat = space.json(&["cache", "stat"]);
    assert_eq!(stat["records"]["count"], 3);
    assert_eq!(stat["artifacts"]["count"], 5);
    assert_eq!(stat["unnamed"], serde_json::json!({ "count": 1, "bytes": 5 }));
    assert_eq!(stat["kinds"]["command"]["bytes"], 1 + 2 + 1 + 2);
    assert_eq!(stat["runs"]["count"], 1);
    assert!(stat["free"].as_u64().unwrap() > 0);
    let text = space.succeed(&["cache", "stat"]).out;
    assert!(text.contains("records") && text.contains("free on the disk"), "{text}");
}
