//! `serve`, as Prometheus, OpenTelemetry and people with bad intentions call it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod http;
mod otlp;
mod server;
mod stream;
