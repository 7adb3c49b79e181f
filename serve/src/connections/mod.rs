//! Connections: how many, for how long, and how they end.

mod stream;

use crate::app::App;
use crate::http::router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use std::sync::Arc;
use std::time::Duration;
use stream::Stream;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

/// How long requests that were begun may take after the server was told to stop.
const GRACE: Duration = Duration::from_secs(20);

/// How many bytes the head of a request may have.
const LONGEST_HEAD: usize = 16 << 10;

/// Accepts connections until `stop` returns, then waits for what was begun.
pub(crate) async fn accept(listener: TcpListener, app: Arc<App>, stop: impl Future<Output = ()>) {
    let service = router(&app);
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(app.arguments.read_timeout()).max_buf_size(LONGEST_HEAD);
    let graceful = GracefulShutdown::new();
    let room = Arc::new(Semaphore::new(app.arguments.max_connections.max(1)));
    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = async {
            // Further connections wait in the system's queue.
            let room = Arc::clone(&room).acquire_owned().await;
            (room, listener.accept().await)
        };
        let (room, stream) = tokio::select! {
            () = &mut stop => break,
            (room, accepted) = accepted => match accepted {
                Ok((stream, _)) => (room, stream),
                Err(error) => {
                    // Such as too many open files: those that are open end one day.
                    tracing::error!("a connection could not be accepted: {error}");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
        };
        // Answers are written at once; without it the small ones wait for an acknowledgement.
        drop(stream.set_nodelay(true));
        let stream = TokioIo::new(Stream::new(stream));
        let served = graceful.watch(http.serve_connection(stream, TowerToHyperService::new(service.clone())));
        tokio::spawn(async move {
            if let Err(error) = served.await {
                tracing::debug!("a connection ended: {error}");
            }
            drop(room);
        });
    }
    drop(listener);
    if tokio::time::timeout(GRACE, graceful.shutdown()).await.is_err() {
        tracing::warn!("connections were closed before they were answered");
    }
}
