//! The web pages of `web:`, on a side thread that never touches a shard.

use crate::health::Health;
use crate::logins::Figures;
use crate::metrics;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use engine::Stop;
use prometheus_client::registry::Registry;
use std::net::TcpListener;
use std::sync::Arc;
use std::{io, thread};
use tracing::error;

const METRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const INDEX: &str = "ferriswheel\n\n/metrics   what is counted, for Prometheus\n\
                     /healthz   whether every shard lives\n/readyz    whether it takes connections\n";

/// What the pages show.
#[derive(Clone)]
pub struct Pages {
    registry: Arc<Registry>,
    stop: Stop,
    health: Health,
    logins: Figures,
}

impl Pages {
    /// The pages of a daemon that runs.
    pub fn new(registry: Registry, stop: Stop, health: Health, logins: Figures) -> Pages {
        Pages { registry: Arc::new(registry), stop, health, logins }
    }
}

/// Serves the pages until the process ends.
pub fn serve(listener: TcpListener, pages: Pages) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let router = Router::new()
        .route("/", get(INDEX))
        .route("/metrics", get(metrics_page))
        .route("/healthz", get(health_page))
        .route("/readyz", get(ready_page))
        .with_state(pages);
    let serve = async move {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        axum::serve(listener, router).await
    };
    let run = move || {
        if let Err(error) = runtime.block_on(serve) {
            error!(%error, "the web pages are gone");
        }
    };
    thread::Builder::new().name("web".into()).spawn(run)?;
    Ok(())
}

async fn metrics_page(State(pages): State<Pages>) -> Response {
    match metrics::page(&pages.registry) {
        Ok(page) => ([(header::CONTENT_TYPE, METRICS_TYPE)], page).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

async fn health_page(State(pages): State<Pages>) -> Response {
    let hanging = pages.health.hanging().await;
    if hanging.is_empty() {
        return "ok\n".into_response();
    }
    (StatusCode::SERVICE_UNAVAILABLE, format!("hanging shards: {hanging:?}\n")).into_response()
}

/// Listeners and Event Loggers are up before the pages are, so only a stop makes a daemon unready, and
/// a LoginManager that has not joined yet, or not again.
async fn ready_page(State(pages): State<Pages>) -> Response {
    let unready = |why| (StatusCode::SERVICE_UNAVAILABLE, why).into_response();
    if pages.stop.is_asked() {
        return unready("stopping\n".to_owned());
    }
    let unlinked = pages.logins.unlinked();
    if !unlinked.is_empty() {
        return unready(format!("not linked: login {}\n", unlinked.join(", ")));
    }
    "ready\n".into_response()
}
