//! The admin port: health, metrics, status. Not for clients: no session and no payload is shown.

use std::{convert::Infallible, sync::Arc};

use hyper::{
    Method, Request, Response, StatusCode,
    header::{CONTENT_TYPE, HeaderValue},
};
use serde_json::{Value, json};
use waggle_protocol::mux::Sharing;

use crate::{
    downstream::{Body, Endpoint},
    error::Refusal,
    upstream::Server,
    utc,
};

/// Answers a request on the admin port.
pub(crate) async fn answer<B>(
    endpoint: Arc<Endpoint>,
    request: Request<B>,
) -> Result<Response<Body>, Infallible> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Ok(Refusal::method_not_allowed("GET, HEAD").into_response());
    }
    Ok(match request.uri().path().trim_end_matches('/') {
        // The loop turns, or nobody would answer.
        "/livez" => text(StatusCode::OK, "ok"),
        "/readyz" => readiness(&endpoint),
        "/metrics" => metrics(&endpoint),
        "/status" => status(&endpoint),
        _ => Refusal::not_found().into_response(),
    })
}

/// Ready means: the server has answered a handshake, and we are not going away.
fn readiness(endpoint: &Endpoint) -> Response<Body> {
    if endpoint.is_draining() {
        return text(StatusCode::SERVICE_UNAVAILABLE, "shutting down");
    }
    if endpoint.server.waits_for_launcher() {
        return text(StatusCode::SERVICE_UNAVAILABLE, "waiting for the launcher");
    }
    // The next container may be there before requests are let in again.
    if endpoint.server.launcher().is_some_and(|launcher| launcher.is_leaving())
        || endpoint.server.gate.is_shut()
    {
        return text(StatusCode::SERVICE_UNAVAILABLE, "the launcher is shutting down");
    }
    match endpoint.server.handshakes.known() {
        Some(_) if endpoint.fleet.is_serving() => text(StatusCode::OK, "ok"),
        Some(_) => text(StatusCode::SERVICE_UNAVAILABLE, "the server has failed and is being restarted"),
        None => text(StatusCode::SERVICE_UNAVAILABLE, "the server has not answered initialize yet"),
    }
}

fn metrics(endpoint: &Endpoint) -> Response<Body> {
    let server = &endpoint.server;
    server.metrics.sessions.set(endpoint.sessions.len() as i64);
    server.metrics.processes.set(server.processes() as i64);
    server.metrics.spares.set(server.spares() as i64);
    let mut response = Response::new(Body::full(server.metrics.encode()));
    let media_type = HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, media_type);
    response
}

fn status(endpoint: &Endpoint) -> Response<Body> {
    let server = &endpoint.server;
    let handshake = server.handshakes.known();
    let mut status = json!({
        "waggle": env!("CARGO_PKG_VERSION"),
        "processMode": match server.sharing { Sharing::Exclusive => "session", Sharing::Shared => "shared" },
        "server": server.name(),
        "era": endpoint.fleet.dialect().map(|dialect| dialect.era().as_str()),
        "transport": endpoint.fleet.dialect().map(|dialect| server.transport(dialect)),
        "serverInfo": handshake.as_ref().map(|handshake| &handshake.result()["serverInfo"]),
        "protocolVersion": handshake.as_ref().map(|handshake| handshake.version().as_str()),
        "protocolVersions": handshake.as_ref().map(|handshake| handshake.spoken()),
        "tools": server.tools(),
        "sessions": endpoint.sessions.len(),
        "processes": server.processes(),
        "spareProcesses": server.spares(),
        "requestsInFlight": server.metrics.in_flight.get(),
        "callsAwaitingInput": server.parked(),
        "draining": endpoint.is_draining(),
        "config": server.config.outcome.to_json(),
    });
    add_processes(&mut status, server);
    let mut response = Response::new(Body::full(status.to_string()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Who runs the server's processes, where that is a launcher, and how the last one has failed.
fn add_processes(status: &mut Value, server: &Server) {
    if let Some(launcher) = server.launcher() {
        let version = launcher.version();
        status["launcher"] = json!({ "connected": version.is_some(), "version": version });
    }
    if let Some(exit) = server.last_exit() {
        status["lastExit"] = json!({ "reason": exit.reason, "time": utc::format_time(exit.at) });
    }
}

fn text(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::full(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}
