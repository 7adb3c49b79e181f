//! Answers `GET /v1/users/{id}/recommendations` with what Redis has under the user: `redis-peer ADDRESS REDIS THREADS`.
//!
//! Connections to Redis are multiplexed, one for each thread, so that requests of many clients go out together.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use redis::AsyncCommands as _;
use redis::aio::MultiplexedConnection;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

struct Redis {
    connections: Vec<MultiplexedConnection>,
    next: AtomicUsize,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, redis, threads] = &arguments[..] else { panic!("usage: redis-peer ADDRESS REDIS THREADS") };
    let threads: usize = threads.parse().expect("THREADS is a number");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build();
    runtime.expect("threads can be started").block_on(serve(address, redis, threads));
}

async fn serve(address: &str, redis: &str, threads: usize) {
    let client = redis::Client::open(redis).expect("REDIS is a URL");
    let mut connections = Vec::new();
    for _ in 0..threads {
        connections.push(client.get_multiplexed_async_connection().await.expect("Redis answers"));
    }
    let state = Arc::new(Redis { connections, next: AtomicUsize::new(0) });
    let router = Router::new().route("/v1/users/{id}/recommendations", get(list)).with_state(state);
    let listener = tokio::net::TcpListener::bind(address).await.expect("ADDRESS is free");
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        drop(stream.set_nodelay(true));
        let service = TowerToHyperService::new(router.clone());
        tokio::spawn(async move { http1::Builder::new().serve_connection(TokioIo::new(stream), service).await });
    }
}

async fn list(State(redis): State<Arc<Redis>>, Path(id): Path<String>) -> Response {
    let turn = redis.next.fetch_add(1, Ordering::Relaxed) % redis.connections.len();
    let mut connection = redis.connections[turn].clone();
    match connection.get::<_, Option<Vec<u8>>>(id).await {
        Ok(Some(body)) => ([(CONTENT_TYPE, "application/json")], body).into_response(),
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, error.to_string()).into_response(),
    }
}
