//! Lists decoded live: equal to the cached ones, together as alone, and what happens when the decoder is killed or full.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use serde_json::{Value, json};
use std::sync::LazyLock;
use support::{Answer, LANGUAGE_MODEL, POPULAR, Server, Shop, child_with, signal, wait_until};

static SHOP: LazyLock<Shop> = LazyLock::new(|| Shop::new(&format!("{POPULAR}\n{LANGUAGE_MODEL}")));

fn ids(list: &Value) -> Vec<String> {
    list["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

fn ready(options: &[&str]) -> Server {
    let server = SHOP.serve(options);
    wait_until("the decoder is not ready", || {
        Some(()).filter(|()| server.json("/v1/status")["decoder"].as_str() == Some("ready"))
    });
    server
}

fn decode(server: &Server, history: &[String]) -> Answer {
    server.post("/v1/recommendations", &json!({"history": history, "k": 20}).to_string())
}

/// Users' histories with their cached lists.
fn known(server: &Server, count: usize) -> Vec<(Vec<String>, Vec<String>)> {
    let users = SHOP.users(count);
    let of = |user: &String| {
        let history = ids(&server.json(&format!("/v1/users/{user}/history")));
        (history, ids(&server.json(&format!("/v1/users/{user}/recommendations?k=20"))))
    };
    users.iter().map(of).collect()
}

#[test]
fn histories_decoded_alone_and_together_get_the_cached_lists() {
    let server = ready(&[]);
    let known = known(&server, 40);
    for (history, cached) in &known[..5] {
        let answer = decode(&server, history);
        let list: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!((list["source"].as_str(), &ids(&list)), (Some("live"), cached), "{answer:?}");
    }
    let together: Vec<Vec<String>> = std::thread::scope(|scope| {
        let threads: Vec<_> = known
            .iter()
            .map(|(history, _)| scope.spawn(|| ids(&serde_json::from_str(&decode(&server, history).body).unwrap())))
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    // Padding changes the last digits of scores, which may swap two items of all but equal scores.
    let equal = together.iter().zip(&known).filter(|(found, (_, cached))| *found == cached).count();
    assert!(equal >= 38, "{equal} of 40");
    let metrics = server.get("/metrics").body;
    let count = |name: &str| -> f64 {
        let line = metrics.lines().find(|line| line.starts_with(name)).unwrap();
        line.rsplit(' ').next().unwrap().parse().unwrap()
    };
    assert!(count("pipe_serve_decoder_batch_sum") > count("pipe_serve_decoder_batch_count"), "{metrics}");

    let item = &known[0].0[0];
    for by in ["embedding", "codes"] {
        let similar = server.json(&format!("/v1/items/{item}/similar?by={by}&k=3"));
        assert!(similar["by"] == by && !ids(&similar).contains(item), "{similar}");
    }
    let excluded = server
        .post("/v1/recommendations", &json!({"history": known[0].0, "exclude": [known[0].1[0]], "k": 3}).to_string());
    assert_eq!(ids(&serde_json::from_str(&excluded.body).unwrap()), known[0].1[1..4]);
}

#[test]
fn a_killed_decoder_is_started_again_and_every_request_has_an_answer() {
    let server = ready(&["--decoder-threads", "1"]);
    let known = known(&server, 12);
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..48)
            .map(|turn| {
                let (known, server) = (&known, &server);
                scope.spawn(move || decode(server, &known[turn % 12].0).status)
            })
            .collect();
        signal(wait_until("no decoder", || child_with(server.pid(), "decode")), "KILL");
        handles.into_iter().map(|handle| handle.join().unwrap()).collect()
    });
    assert!(statuses.iter().all(|status| [200, 503, 504].contains(status)), "{statuses:?}");
    wait_until("the decoder does not come back", || Some(()).filter(|()| decode(&server, &known[0].0).status == 200));
    let user = &SHOP.users(1)[0];
    assert_eq!(server.json(&format!("/v1/users/{user}/recommendations"))["source"], "cached");
    assert!(server.get("/metrics").body.contains("pipe_serve_decoder_restarts_total 1"));
}

#[test]
fn requests_beyond_the_queue_and_the_deadline_are_refused() {
    let server = ready(&["--queue", "2", "--deadline-ms", "700", "--fallback", "live,popular"]);
    let history = known(&server, 1)[0].0.clone();
    let decoder = child_with(server.pid(), "decode").unwrap();
    signal(decoder, "STOP");
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..6).map(|_| scope.spawn(|| decode(&server, &history))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    signal(decoder, "CONT");
    let count = |status: u16| answers.iter().filter(|answer| answer.status == status).count();
    assert_eq!((count(504), count(503)), (2, 4), "{answers:?}");
    let full = answers.iter().find(|answer| answer.status == 503).unwrap();
    assert!(full.body.contains("queue-full") && full.head.contains("retry-after: 1"), "{full:?}");
    wait_until("the decoder does not answer", || Some(()).filter(|()| decode(&server, &history).status == 200));
}
