//! Kills, damage, several servers, results that go, a full disk: each has a defined end.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use serde_json::Value;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;
use support::{POPULAR, Server, Shop};

fn lists(server: &Server, users: &[String]) -> Vec<Value> {
    users.iter().map(|user| server.json(&format!("/v1/users/{user}/recommendations?k=20"))["items"].clone()).collect()
}

/// The files of the stores, largest first.
fn files(shop: &Shop) -> Vec<PathBuf> {
    fn below(folder: PathBuf, found: &mut Vec<(u64, PathBuf)>) {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() { below(path, found) } else { found.push((entry.metadata().unwrap().len(), path)) }
        }
    }
    let mut found = Vec::new();
    below(shop.online(), &mut found);
    found.sort_by(|one, other| other.cmp(one));
    found.into_iter().map(|(_, path)| path).collect()
}

#[test]
fn a_server_killed_at_any_time_leaves_a_whole_store_or_none() {
    let shop = Shop::new(POPULAR);
    let users = shop.users(20);
    let expected = lists(&shop.serve(&[]), &users);
    for delay in 0..8 {
        std::fs::remove_dir_all(shop.online()).unwrap();
        let mut server = shop.start(&[]);
        std::thread::sleep(Duration::from_millis(20 + delay * 60));
        server.signal("KILL");
        assert_eq!(server.wait(), None);
        // What it left is either whole or not there; a new server answers from it, or makes it.
        assert_eq!(lists(&shop.serve(&[]), &users), expected, "killed after {delay} steps");
    }
}

#[test]
fn a_flipped_byte_is_found_and_the_store_is_made_anew() {
    let shop = Shop::new(POPULAR);
    let users = shop.users(20);
    let expected = lists(&shop.serve(&[]), &users);
    let mut found = 0;
    for place in 1..8 {
        let path = files(&shop).into_iter().find(|path| path.ends_with("sled/db")).unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        // Within what was written; the rest of the file is room.
        let used = bytes.iter().rposition(|byte| *byte != 0).unwrap();
        let at = used * place / 8;
        bytes[at] ^= 0x10;
        std::fs::write(&path, &bytes).unwrap();
        let server = shop.start(&[]);
        let line = server.wait_for("store ");
        found += usize::from(line.contains("made anew"));
        if line.contains("made anew") {
            server.wait_for("store made");
        }
        server.wait_for("\"ready\"");
        assert_eq!(lists(&server, &users), expected, "byte {at} of {used}");
    }
    // Some bytes belong to nothing that is read.
    assert!(found > 2, "{found}");
}

#[test]
fn two_servers_on_one_result_have_a_store_each() {
    let shop = Shop::new(POPULAR);
    let users = shop.users(5);
    let (one, other) = (shop.start(&[]), shop.start(&[]));
    one.wait_for("\"ready\"");
    other.wait_for("\"ready\"");
    assert_eq!(lists(&one, &users), lists(&other, &users));
    drop(one);
    assert_eq!(lists(&other, &users).len(), 5);
    let stores = files(&shop).into_iter().filter(|path| path.ends_with("summary.json")).count();
    assert_eq!(stores, 2);
}

#[test]
fn results_that_are_deleted_under_a_server_are_served_on() {
    let shop = Shop::new(POPULAR);
    let users = shop.users(5);
    let server = shop.serve(&["--watch-ms", "100"]);
    let expected = lists(&server, &users);
    for folder in ["store", "actions", "shop"] {
        let path = shop.path("artifacts").join(folder);
        assert!(Command::new("chmod").args(["-R", "u+w"]).arg(&path).status().unwrap().success());
        std::fs::remove_dir_all(path).unwrap();
    }
    server.signal("HUP");
    server.wait_for("the lists were not reloaded");
    assert_eq!(lists(&server, &users), expected);
    // A new server has nothing to serve, and says what to do.
    let mut next = shop.start(&[]);
    let line = next.wait_for("has no cached result");
    assert!(line.contains("pipe run shop.toml"), "{line}");
    assert_eq!(next.wait(), Some(1));
}

#[test]
fn a_full_disk_ends_the_start_with_a_message_and_room_is_all_it_needs() {
    let shop = Shop::new(POPULAR);
    let resolved = shop.resolved(&[]);
    // A small file system stands for a full disk; without the right to mount one, there is nothing to test.
    let small = shop.path("small");
    std::fs::create_dir(&small).unwrap();
    let mount = |options: &str| {
        let done = Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(&small).output();
        done.is_ok_and(|output| output.status.success())
    };
    if !mount("size=128k") {
        return;
    }
    let mut service: Value = serde_json::from_str(&resolved).unwrap();
    service["folder"] = small.to_str().unwrap().into();
    std::fs::write(shop.path("service.json"), service.to_string()).unwrap();
    let start = || shop.start_over(&[], &["cat", "service.json"]);
    let mut server = start();
    let code = server.wait();
    let has_room = mount("remount,size=64m");
    let users = shop.users(3);
    let found = lists(&wait_ready(start()), &users);
    assert!(Command::new("umount").arg("-l").arg(&small).status().unwrap().success());
    assert_eq!((code, has_room, found.len()), (Some(1), true, 3));
}

fn wait_ready(server: Server) -> Server {
    server.wait_for("\"ready\"");
    server
}
