//! What a server answers: lists, batches, items, histories, fallbacks, errors, tokens, the page.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use serde_json::{Value, json};
use std::sync::LazyLock;
use support::{POPULAR, Server, Shop};

static SHOP: LazyLock<Shop> = LazyLock::new(|| Shop::new(POPULAR));

fn ids(list: &Value) -> Vec<String> {
    list["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

fn problem(answer: &support::Answer, status: u16, kind: &str) {
    assert_eq!(answer.status, status, "{answer:?}");
    assert!(answer.head.contains("content-type: application/problem+json"), "{answer:?}");
    let body: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!((&body["status"], &body["type"]), (&json!(status), &json!(format!("urn:pipe:problem:{kind}"))));
    assert!(body["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{body}");
}

#[test]
fn lists_are_those_of_the_shell_cut_as_asked() {
    let server = SHOP.serve(&[]);
    let user = &SHOP.users(5)[3];
    let path = format!("/v1/users/{user}/recommendations");
    let list = server.json(&path);
    assert_eq!(
        (list["source"].as_str(), list["user"].as_str(), list["model"].as_str()),
        (Some("cached"), Some(user.as_str()), Some("popularity"))
    );
    let output = SHOP.pipe(&["recommend", "shop.toml", "--user", user, "-k", "20", "--json"]);
    let shell: Value = serde_json::from_slice(&output.stdout).unwrap();
    let all = server.json(&format!("{path}?k=20"));
    assert_eq!((ids(&all), all["next_offset"].as_u64()), (ids(&shell), None));
    assert_eq!((ids(&list), list["next_offset"].as_u64()), (ids(&shell)[..10].to_vec(), Some(10)));
    let next = server.json(&format!("{path}?offset=10&k=3"));
    assert_eq!((ids(&next), next["items"][0]["rank"].as_u64()), (ids(&shell)[10..13].to_vec(), Some(11)));
    let without = server.json(&format!("{path}?exclude={},{}", ids(&shell)[0], ids(&shell)[2]));
    assert_eq!(ids(&without)[..2], [ids(&shell)[1].clone(), ids(&shell)[3].clone()]);

    let history = server.json(&format!("/v1/users/{user}/history"));
    assert!(ids(&history).iter().all(|id| !ids(&all).contains(id)) && !ids(&history).is_empty());
    let item = server.json(&format!("/v1/items/{}", ids(&all)[0]));
    assert!(item["title"].as_str().is_some_and(|title| !title.is_empty()), "{item}");
    let category = item["categories"][0].as_str().unwrap().replace(' ', "%20").replace('&', "%26");
    let of_category = server.json(&format!("{path}?category={category}&k=1"));
    assert_eq!(ids(&of_category).len(), 1, "{category}");
    let none = server.json(&format!("{path}?category=none"));
    assert!(ids(&none).is_empty());

    let body = json!({"users": [user, "nobody"], "k": 2}).to_string();
    let batch: Value = serde_json::from_str(&server.post("/v1/recommendations", &body).body).unwrap();
    assert_eq!(ids(&batch["results"][0]), ids(&shell)[..2]);
    assert_eq!(batch["results"][1], json!({"user": "nobody", "error": "there is no user 'nobody'"}));
    let status = server.json("/v1/status");
    assert_eq!((status["users"].as_u64(), status["pipeline"].as_str()), (Some(120), Some("shop")));
    let metrics = server.get("/metrics").body;
    assert!(metrics.contains("pipe_serve_lists_total{source=\"cached\"}") && metrics.ends_with("# EOF\n"), "{metrics}");
    assert!(server.json("/openapi.json")["paths"].as_object().unwrap().len() >= 8);
}

#[test]
fn what_is_unknown_or_cannot_be_is_a_problem_that_says_why() {
    let server = SHOP.serve(&["--max-body", "2000"]);
    let user = &SHOP.users(1)[0];
    problem(&server.get("/v1/users/nobody/recommendations"), 404, "unknown-user");
    problem(&server.get("/v1/users/nobody/history"), 404, "unknown-user");
    problem(&server.get("/v1/items/none"), 404, "unknown-item");
    problem(&server.get("/v1/items/none/similar"), 404, "unknown-item");
    problem(&server.get("/nothing"), 404, "not-found");
    problem(&server.post("/v1/items/none", "{}"), 405, "method-not-allowed");
    for query in ["k=0", "k=1001", "k=-1", "k=9999999999999999999999", "k=x", "offset=1000001", "kk=1", "k=1&k=2"] {
        problem(&server.get(&format!("/v1/users/{user}/recommendations?{query}")), 400, "bad-request");
    }
    problem(&server.get(&format!("/v1/users/{user}/recommendations?exclude=none")), 404, "unknown-item");
    problem(&server.get("/v1/users/%ff/recommendations"), 400, "bad-request");
    let post = |body: &str| server.post("/v1/recommendations", body);
    problem(&post("{"), 400, "bad-request");
    problem(&post("[]"), 422, "invalid-body");
    problem(&post("{}"), 422, "invalid-body");
    problem(&post("{\"users\": [\"a\"], \"history\": []}"), 422, "invalid-body");
    problem(&post("{\"userz\": [\"a\"]}"), 422, "invalid-body");
    problem(&post(&json!({"users": vec!["a"; 101]}).to_string()), 400, "bad-request");
    problem(&post(&json!({"history": ["none"]}).to_string()), 404, "unknown-item");
    problem(&post(&json!({"history": []}).to_string()), 501, "not-live");
    problem(&post(&"x".repeat(3000)), 413, "body-too-large");
    let text = "POST /v1/recommendations HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}";
    problem(&server.request(text).unwrap(), 415, "unsupported-media-type");
}

#[test]
fn an_unknown_user_gets_popular_items_where_that_is_declared() {
    let server = SHOP.serve(&["--fallback", "live,popular"]);
    let list = server.json("/v1/users/nobody/recommendations?k=3");
    assert_eq!((list["source"].as_str(), ids(&list).len()), (Some("popular"), 3));
    assert!(list["items"][0]["score"].is_null());
    let known = server.json(&format!("/v1/users/{}/recommendations", SHOP.users(1)[0]));
    assert_eq!(known["source"], "cached");
}

#[test]
fn a_token_is_needed_for_all_but_health_and_names_of_requests_come_back() {
    let file = SHOP.path("token");
    std::fs::write(&file, "secret\n").unwrap();
    let server = SHOP.serve(&["--token-file", file.to_str().unwrap()]);
    let ask = |path: &str, header: &str| {
        server.request(format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{header}\r\n")).unwrap()
    };
    for header in
        ["", "authorization: Bearer wrong\r\n", "authorization: Bearer secret2\r\n", "authorization: secret\r\n"]
    {
        for path in ["/v1/status", "/", "/metrics", "/openapi.json", "/nothing"] {
            problem(&ask(path, header), 401, "unauthorized");
        }
        assert_eq!(ask("/health/live", header).status, 200);
        assert_eq!(ask("/health/ready", header).status, 200);
    }
    let answer = ask("/v1/status", "authorization: Bearer secret\r\nx-request-id: abc-1\r\n");
    assert!(answer.status == 200 && answer.head.contains("x-request-id: abc-1"), "{answer:?}");
    let other = ask("/v1/status", "authorization: Bearer secret\r\nx-request-id: a b\r\n");
    assert!(other.head.contains("x-request-id: ") && !other.head.contains("x-request-id: a b"), "{other:?}");
    assert!(!other.head.contains("access-control"), "{other:?}");
}

#[test]
fn all_wrong_tokens_take_one_way_to_one_answer() {
    let file = SHOP.path("long-token");
    let token = "0123456789abcdef".repeat(4);
    std::fs::write(&file, &token).unwrap();
    let server = SHOP.serve(&["--token-file", file.to_str().unwrap()]);
    let ask = |header: &str| {
        let request =
            format!("GET /v1/status HTTP/1.1\r\nhost: x\r\nx-request-id: a\r\nconnection: close\r\n{header}\r\n");
        let answer = server.request(request).unwrap();
        let head: Vec<String> =
            answer.head.lines().filter(|line| !line.starts_with("date: ")).map(str::to_owned).collect();
        (answer.status, head, answer.body)
    };
    let absent = ask("");
    assert_eq!(absent.0, 401);
    let wrong = [
        String::new(),
        "0".to_owned(),
        "x".repeat(token.len()),
        token[..token.len() - 1].to_owned(),
        format!("{}x", &token[..token.len() - 1]),
        format!("x{}", &token[1..]),
        format!("{token}0"),
        token.to_uppercase(),
        "y".repeat(4_000),
    ];
    for token in wrong {
        assert_eq!(ask(&format!("authorization: Bearer {token}\r\n")), absent, "{token}");
        assert_eq!(ask(&format!("authorization: Basic {token}\r\n")), absent, "{token}");
    }
    assert_eq!(ask(&format!("authorization: Bearer {token}\r\n")).0, 200);
}

#[test]
fn requests_beyond_the_rate_are_told_to_come_back() {
    let server = SHOP.serve(&["--rate", "5"]);
    let statuses: Vec<u16> = (0..20).map(|_| server.get("/v1/status").status).collect();
    assert!(statuses[..5].iter().all(|status| *status == 200), "{statuses:?}");
    assert!(statuses.contains(&429), "{statuses:?}");
    assert_eq!(server.get("/health/live").status, 200);
}

#[test]
fn the_page_shows_users_items_and_histories_without_a_script() {
    let server = SHOP.serve(&[]);
    let page = |path: &str| {
        let answer = server.get(path);
        assert!(
            answer.status == 200 && answer.head.contains("content-security-policy: default-src 'none'"),
            "{answer:?}"
        );
        answer.body
    };
    let user = &SHOP.users(1)[0];
    assert!(page("/").contains("Begin a history with a popular item"));
    let shown = page(&format!("/?user={user}"));
    assert!(shown.contains(&format!("History of {user}")) && shown.contains("class=\"source cached\""), "{shown}");
    let item = ids(&server.json(&format!("/v1/users/{user}/recommendations")))[0].clone();
    let title = server.json(&format!("/v1/items/{item}"))["title"].as_str().unwrap().to_owned();
    let word = title.split(' ').next().unwrap();
    assert!(page(&format!("/?q={word}")).contains(&format!("item={item}")));
    assert!(page(&format!("/?item={item}")).contains("<dt>id</dt>"));
    assert!(page(&format!("/?user={}", &user[..3])).contains(user.as_str()));
    let hostile = page("/?user=%3Cscript%3Ealert(1)%3C/script%3E&q=%22%3E%3Cb%3E");
    assert!(!hostile.contains("<script>alert") && !hostile.contains("\"><b>"), "{hostile}");
}

#[test]
fn a_server_that_is_told_to_stop_answers_what_was_begun() {
    use std::io::Write as _;
    let mut server: Server = SHOP.serve(&[]);
    let mut slow = std::net::TcpStream::connect(server.address).unwrap();
    slow.write_all(b"GET /v1/status HTTP/1.1\r\nhost: x\r\n").unwrap();
    std::thread::sleep(std::time::Duration::from_millis(100));
    server.signal("TERM");
    server.wait_for("stopping");
    slow.write_all(b"\r\n").unwrap();
    let answer = support::read_answer(&mut slow).unwrap();
    assert_eq!(answer.status, 200);
    assert_eq!(server.wait(), Some(0));
}
