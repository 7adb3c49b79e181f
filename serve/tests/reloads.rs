//! New lists are taken up while requests come, and none of them fails.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use serde_json::Value;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use support::{POPULAR, Server, Shop, wait_until};

/// How often the lists are exchanged under load; `PIPE_SOAK=N` for longer.
fn reloads() -> usize {
    std::env::var("PIPE_SOAK").map_or(40, |number| number.parse().expect("PIPE_SOAK is a whole number"))
}

fn run_of(server: &Server) -> String {
    server.json("/v1/status")["artifact"].as_str().unwrap().to_owned()
}

#[test]
fn the_lists_of_a_new_run_are_taken_up_by_themselves() {
    let shop = Shop::new(POPULAR);
    let server = shop.serve(&["--watch-ms", "100"]);
    let before = run_of(&server);
    let text = std::fs::read_to_string(shop.path("shop.toml")).unwrap();
    std::fs::write(shop.path("shop.toml"), text + "top_k = 7\n").unwrap();
    shop.run(&[]);
    let after = wait_until("the new lists are not served", || Some(run_of(&server)).filter(|now| *now != before));
    assert_ne!(after, before);
    let user = &shop.users(1)[0];
    let list = server.json(&format!("/v1/users/{user}/recommendations?k=20"));
    assert_eq!(list["items"].as_array().unwrap().len(), 7);

    // A pipeline that has no results any more leaves what is served as it is.
    let text = std::fs::read_to_string(shop.path("shop.toml")).unwrap();
    std::fs::write(shop.path("shop.toml"), text.replace("top_k = 7", "top_k = 9")).unwrap();
    server.signal("HUP");
    let line = server.wait_for("the lists were not reloaded");
    assert!(line.contains("pipe run shop.toml"), "{line}");
    assert_eq!(run_of(&server), after);
    assert!(server.get("/metrics").body.contains("pipe_serve_reloads_total{outcome=\"failed\"} 1"));
}

#[test]
fn no_request_fails_while_lists_are_exchanged() {
    let shop = Shop::new(POPULAR);
    let long = shop.resolved(&[]);
    shop.run(&["--set", "popularity.top_k=5"]);
    let short = shop.resolved(&["--set", "popularity.top_k=5"]);
    let current = shop.path("current.json");
    std::fs::write(&current, &long).unwrap();
    let server = shop.start_over(&["--watch-ms", "0"], &["cat", "current.json"]);
    server.wait_for("\"ready\"");
    let users = shop.users(40);
    let (stop, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for number in 0..3 {
            let (server, users, stop, answered) = (&server, &users, &stop, &answered);
            scope.spawn(move || {
                let mut turn = number;
                while !stop.load(Ordering::Relaxed) {
                    turn += 1;
                    let list = server.json(&format!("/v1/users/{}/recommendations?k=20", users[turn % users.len()]));
                    let count = list["items"].as_array().unwrap().len();
                    assert!([5, 20].contains(&count), "{list}");
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for turn in 0..reloads() {
            let text = if turn % 2 == 0 { &short } else { &long };
            std::fs::write(shop.path("next.json"), text).unwrap();
            std::fs::rename(shop.path("next.json"), &current).unwrap();
            let expected: Value = serde_json::from_str(text).unwrap();
            server.signal("HUP");
            wait_until("a reload did not come", || Some(()).filter(|()| run_of(&server) == expected["artifact"]));
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert!(answered.load(Ordering::Relaxed) > reloads(), "{answered:?}");
    std::thread::sleep(Duration::from_millis(100));
    let metrics = server.get("/metrics").body;
    assert!(metrics.contains(&format!("pipe_serve_reloads_total{{outcome=\"changed\"}} {}", reloads())), "{metrics}");
    // Two contents, and the folders of the one before: none is left over from each reload.
    let folders = std::fs::read_dir(shop.online()).unwrap().flatten();
    let stores = folders.filter(|entry| entry.path().extension().is_some_and(|extension| extension == "lists")).count();
    assert!(stores <= 4, "{stores}");
}
