//! HTTP/1 connections with limits: how many, how long, how big.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tracing::{debug, error, warn};

/// Connections at one time; more wait at the door.
const MAX_CONNECTIONS: usize = 256;

/// Longest body of a request.
const MAX_BODY: usize = 64 * 1024;

/// Largest head of a request.
const MAX_HEAD: usize = 16 * 1024;

/// Time for a request's head, and for its answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Time that one connection may last.
const LIFETIME: Duration = Duration::from_secs(300);

/// Serves `routes` on `socket` for ever.
pub async fn serve(socket: std::net::TcpListener, routes: Router) {
    let listener = match TcpListener::from_std(socket) {
        Ok(listener) => listener,
        Err(error) => {
            error!(%error, "HTTP can't be served");
            return;
        }
    };
    let routes = routes
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(middleware::from_fn(in_time));
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&room).acquire_owned().await else {
            return;
        };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                warn!(%error, "HTTP connection can't be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let service = TowerToHyperService::new(routes.clone());
        tokio::spawn(async move {
            let connection = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(PATIENCE)
                .max_buf_size(MAX_HEAD)
                .serve_connection(TokioIo::new(stream), service);
            if let Ok(Err(error)) = tokio::time::timeout(LIFETIME, connection).await {
                debug!(%error, "HTTP connection");
            }
            drop(place);
        });
    }
}

async fn in_time(request: axum::extract::Request, next: Next) -> axum::response::Response {
    use axum::response::IntoResponse as _;
    tokio::time::timeout(PATIENCE, next.run(request))
        .await
        .unwrap_or_else(|_| StatusCode::REQUEST_TIMEOUT.into_response())
}
