//! Thousands of requests that are not as they should be: each is a 4xx that says why, and none ends the server.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::Value;
use std::io::Write as _;
use std::net::TcpStream;
use std::time::Duration;
use support::{POPULAR, Server, Shop, read_answer};

/// How many requests each of four threads sends; `PIPE_SOAK=N` for more.
fn requests() -> usize {
    std::env::var("PIPE_SOAK").map_or(1500, |number| number.parse().expect("PIPE_SOAK is a whole number"))
}

/// Bytes that say nothing in particular, more often those that HTTP, paths and JSON give a meaning.
fn noise(random: &mut StdRng, most: usize) -> Vec<u8> {
    const SPECIAL: &[u8] = b"/?&=%#{}[]\":,\\ \t.;-+0123456789eE\x00\x7f\x80\xc3\xff";
    let byte = |random: &mut StdRng| match random.random_bool(0.7) {
        true => SPECIAL[random.random_range(0..SPECIAL.len())],
        false => random.random(),
    };
    (0..random.random_range(1..most)).map(|_| byte(random)).collect()
}

fn escaped(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("%{byte:02X}")).collect()
}

/// A request that cannot be answered with a list, whatever the bytes are.
fn request(random: &mut StdRng) -> Vec<u8> {
    let close = "host: x\r\nconnection: close\r\n";
    let number = ["-1", "0", "1e9", "99999999999999999999999", "NaN", "0x10", "1001", "%00", "１"];
    let number = number[random.random_range(0..number.len())];
    let with_body = |path: &str, headers: &str, body: &[u8]| {
        [format!("POST {path} HTTP/1.1\r\n{close}{headers}content-length: {}\r\n\r\n", body.len()).as_bytes(), body]
            .concat()
    };
    let json = "content-type: application/json\r\n";
    match random.random_range(0..12) {
        // No HTTP at all.
        0 => [&b"\x16"[..], &noise(random, 200), b"\r\n\r\n"].concat(),
        1 => [b"GET ", &noise(random, 60)[..], b" HTTP/9.7\r\n\r\n"].concat(),
        2 => [format!("GET / HTTP/1.1\r\n{close}bad header: ").as_bytes(), &noise(random, 60), b"\r\n\r\n"].concat(),
        3 => format!("GET /v1/status HTTP/1.1\r\n{close}x: {}\r\n\r\n", "y".repeat(100_000)).into_bytes(),
        4 => format!("GET /{} HTTP/1.1\r\n{close}\r\n", "z".repeat(70_000)).into_bytes(),
        5 => format!("GET / HTTP/1.1\r\n{close}{}\r\n", "a: b\r\n".repeat(200)).into_bytes(),
        // Paths and numbers.
        6 => format!("GET /v1/users/{}/recommendations HTTP/1.1\r\n{close}\r\n", escaped(&noise(random, 40)))
            .into_bytes(),
        7 => format!("GET /v1/users/x/recommendations?k={number} HTTP/1.1\r\n{close}\r\n").into_bytes(),
        8 => format!("GET /v1/items/{}/similar?k={number} HTTP/1.1\r\n{close}\r\n", escaped(&noise(random, 9)))
            .into_bytes(),
        // Bodies.
        9 => with_body("/v1/recommendations", json, &[&b"{"[..], &noise(random, 300)].concat()),
        10 => with_body("/v1/recommendations", "content-type: text/plain\r\n", &noise(random, 300)),
        _ => {
            let deep = format!("{{\"history\": {}", "[".repeat(random.random_range(1..20_000)));
            with_body("/v1/recommendations", json, deep.as_bytes())
        }
    }
}

fn check(server: &Server, bytes: &[u8]) {
    let shown = || String::from_utf8_lossy(&bytes[..bytes.len().min(300)]).into_owned();
    let answer = server.request(bytes).unwrap_or_else(|| panic!("no answer to {}", shown()));
    assert!((400..500).contains(&answer.status), "{} to {}", answer.status, shown());
    let body: Value =
        serde_json::from_str(&answer.body).unwrap_or_else(|error| panic!("{error}: {answer:?} to {}", shown()));
    assert_eq!(body["status"].as_u64(), Some(u64::from(answer.status)), "{answer:?}");
    assert!(body["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{body} to {}", shown());
}

#[test]
fn each_malformed_request_is_a_4xx_that_says_why() {
    let shop = Shop::new(POPULAR);
    let server = shop.serve(&[]);
    std::thread::scope(|scope| {
        for seed in 0..4 {
            let server = &server;
            scope.spawn(move || {
                let mut random = StdRng::seed_from_u64(seed);
                (0..requests()).for_each(|_| check(server, &request(&mut random)));
            });
        }
    });
    assert_eq!(server.get("/health/ready").status, 200);
    assert_eq!(server.get(&format!("/v1/users/{}/recommendations", shop.users(1)[0])).status, 200);
}

#[test]
fn clients_that_are_too_slow_are_told_so_and_others_are_served() {
    let shop = Shop::new(POPULAR);
    let server = shop.serve(&["--read-timeout-ms", "500", "--deadline-ms", "500", "--max-connections", "16"]);
    let begun = |text: &str| {
        let mut stream = TcpStream::connect(server.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.write_all(text.as_bytes()).unwrap();
        stream
    };
    let head =
        "POST /v1/recommendations HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n";
    let mut slow: Vec<TcpStream> = (0..8).map(|_| begun("GET / HTTP/1.1\r\nhos")).collect();
    slow.extend((0..4).map(|_| begun(&format!("{head}content-length: 10\r\n\r\n{{\"us"))));
    assert_eq!(server.get("/health/ready").status, 200);
    for mut stream in slow {
        let answer = read_answer(&mut stream).unwrap();
        let body: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!((answer.status, body["status"].as_u64()), (408, Some(408)), "{answer:?}");
    }
    assert_eq!(server.get("/health/ready").status, 200);
}
