//! What each path answers.

use std::io::Write as _;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http_body_util::Full;
use hyper::header::{ALLOW, CONTENT_ENCODING, CONTENT_TYPE, HeaderValue, VARY};
use hyper::{HeaderMap, Method, Request, Response, StatusCode};

use super::State;
use super::accept::{Format, takes_gzip};
use crate::export::metrics::protobuf;
use crate::export::metrics::text::{self, Dialect};

const TEXT: &str = "text/plain; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";

const PAGE: &str = "<!DOCTYPE html>
<html lang=\"en\">
<title>migscope</title>
<h1>migscope</h1>
<p>Migrations of memory between the CPU and devices on this machine.</p>
<ul>
<li><a href=\"/metrics\">/metrics</a>: for Prometheus
<li><a href=\"/-/healthy\">/-/healthy</a>: it runs
<li><a href=\"/-/ready\">/-/ready</a>: there are figures
</ul>
</html>
";

type Answer = Response<Full<Bytes>>;

/// Answers a request. Its body, if it has one, is nobody's business.
pub(super) fn answer<B>(request: &Request<B>, state: &State) -> Answer {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut answer = plain(
            StatusCode::METHOD_NOT_ALLOWED,
            TEXT,
            "Only GET and HEAD are answered.\n",
        );
        let allowed = HeaderValue::from_static("GET, HEAD");
        answer.headers_mut().insert(ALLOW, allowed);
        return answer;
    }
    match request.uri().path() {
        "/metrics" => metrics(request.headers(), state),
        "/-/healthy" => plain(StatusCode::OK, TEXT, "migscope is healthy.\n"),
        "/-/ready" if state.is_ready() => plain(StatusCode::OK, TEXT, "migscope is ready.\n"),
        "/-/ready" => plain(
            StatusCode::SERVICE_UNAVAILABLE,
            TEXT,
            "There are no figures yet.\n",
        ),
        "/" => plain(StatusCode::OK, HTML, PAGE),
        _ => plain(
            StatusCode::NOT_FOUND,
            TEXT,
            "There is /metrics, /-/healthy and /-/ready.\n",
        ),
    }
}

fn plain(status: StatusCode, content_type: &'static str, body: &'static str) -> Answer {
    with(status, content_type, Bytes::from_static(body.as_bytes()))
}

fn with(status: StatusCode, content_type: &'static str, body: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() = status;
    let content_type = HeaderValue::from_static(content_type);
    answer.headers_mut().insert(CONTENT_TYPE, content_type);
    answer
}

fn metrics(headers: &HeaderMap, state: &State) -> Answer {
    let format = Format::wanted(headers);
    let (metrics, per_octave) = (state.metrics(), state.per_octave);
    let text = |dialect| text::encode(&metrics.families(), dialect, per_octave).into_bytes();
    let body = match format {
        Format::Text => text(Dialect::Prometheus),
        Format::OpenMetrics => text(Dialect::OpenMetrics),
        Format::Protobuf => protobuf::encode(&metrics, per_octave),
    };
    let packed = takes_gzip(headers).then(|| gzip(&body)).flatten();
    let is_packed = packed.is_some();
    let mut answer = with(
        StatusCode::OK,
        format.content_type(),
        packed.unwrap_or(body).into(),
    );
    let headers = answer.headers_mut();
    headers.insert(VARY, HeaderValue::from_static("Accept, Accept-Encoding"));
    if is_packed {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    answer
}

/// `None` if that did not work, which is no reason not to answer.
fn gzip(body: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body).ok()?;
    encoder.finish().ok()
}
