//! The HTTP side: status, health and metrics.

mod health;
mod metrics;
mod server;
mod status;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::runtime::Runtime;

pub use server::serve as serve_routes;

use crate::serve::chain::Chain;
use crate::serve::clock::Clock;
use crate::serve::faults::Faults;
use crate::shard::acceptor::AcceptCounts;
use crate::store::StoreHealth;

/// What the API shows.
pub struct Service {
    name: String,
    clock: Clock,
    chains: Vec<Arc<Chain>>,
    store: Arc<StoreHealth>,
    accepted: Arc<AcceptCounts>,
    stopping: AtomicBool,
}

impl Service {
    /// A program that has just started.
    pub fn new(
        name: String,
        clock: Clock,
        chains: Vec<Arc<Chain>>,
        store: Arc<StoreHealth>,
        accepted: Arc<AcceptCounts>,
    ) -> Self {
        Self {
            name,
            clock,
            chains,
            store,
            accepted,
            stopping: AtomicBool::new(false),
        }
    }

    /// From now on `/health` says that the program is going away.
    pub fn stopping(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }
}

/// Serves what has a socket; ends with the runtime.
pub fn serve(
    runtime: &Runtime,
    faults: &Faults,
    service: &Arc<Service>,
    api: Option<std::net::TcpListener>,
    metrics: Option<std::net::TcpListener>,
    health: Option<std::net::TcpListener>,
) {
    let health_only = Router::new().route("/health", get(health_page));
    let api_routes = health_only.clone().route("/api/status", get(status_page));
    let metrics_routes = Router::new().route("/metrics", get(metrics_page));
    for (socket, routes) in [
        (api, api_routes),
        (metrics, metrics_routes),
        (health, health_only),
    ] {
        if let Some(socket) = socket {
            faults.task(
                runtime.handle(),
                "http",
                server::serve(socket, routes.with_state(Arc::clone(service))),
            );
        }
    }
}

async fn status_page(State(service): State<Arc<Service>>) -> impl IntoResponse {
    axum::Json(status::status(&service))
}

async fn health_page(State(service): State<Arc<Service>>) -> impl IntoResponse {
    let report = health::health(&service);
    let code = if report.healthy {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (code, axum::Json(report))
}

async fn metrics_page(State(service): State<Arc<Service>>) -> impl IntoResponse {
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    (
        [(header::CONTENT_TYPE, kind)],
        metrics::text(&status::status(&service), &service),
    )
}
