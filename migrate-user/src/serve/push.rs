//! Pushes figures to an OpenTelemetry collector: OTLP over HTTP, as protocol buffers.
//!
//! What is pushed is cumulative. A push that fails loses no count: the next one that arrives has
//! it.

use std::fmt;
use std::rc::Rc;
use std::str::FromStr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST, RETRY_AFTER};
use hyper::{Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use prost::Message as _;
use tokio::net::TcpStream;
use tokio::task::spawn_local;
use tokio::time::{sleep, timeout};

use super::Shared;
use crate::export::metrics::otlp;
use crate::machine;
use crate::text::counted;

/// How long a push may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the last one may take: somebody waits for the end.
const LAST_PATIENCE: Duration = Duration::from_secs(2);
/// After the first failure; each further one doubles it.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest that a failure or the collector itself puts off the next push.
const LONGEST_WAIT: Duration = Duration::from_secs(120);
/// An answer is short.
const ANSWER_BYTES: usize = 64 << 10;

const PATH: &str = "/v1/metrics";
const PORT: u16 = 4318;

/// Where a collector listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    host: String,
    port: u16,
    path: String,
}

impl FromStr for Endpoint {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = "expected http://HOST[:PORT][/PATH]; for https, let a collector on this machine pass it on";
        let uri: Uri = text.parse().map_err(|_| wrong)?;
        if uri.scheme_str() != Some("http") {
            return Err(wrong);
        }
        let path = match uri.path() {
            "" | "/" => PATH,
            path => path,
        };
        Ok(Self {
            host: uri.host().ok_or(wrong)?.to_owned(),
            port: uri.port_u16().unwrap_or(PORT),
            path: path.to_owned(),
        })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}:{}{}", self.host, self.port, self.path)
    }
}

/// Who gets what there is to say, a sentence at a time.
type Tell = fn(&str);

/// Pushes now and then, and says when that begins to fail, when it works again, and what is not
/// taken.
pub struct Pusher {
    endpoint: Endpoint,
    every: Duration,
    state: Shared,
    tell: Tell,
    /// Failures since the last push that arrived.
    failed: u32,
    /// What the collector last refused to take, as it said.
    refused: Option<String>,
}

/// Why a push did not arrive.
struct Failure {
    why: String,
    /// Is it worth another attempt before the next push is due, and not before when?
    again: Option<Duration>,
}

impl Pusher {
    /// Pushes from now on, as long as the [`LocalSet`](tokio::task::LocalSet) goes on in which this
    /// is called.
    pub fn start(endpoint: Endpoint, every: Duration, state: &Shared, tell: Tell) {
        let mut pusher = Self::new(endpoint, every, state, tell);
        spawn_local(async move {
            loop {
                let wait = pusher.push().await;
                sleep(wait).await;
            }
        });
    }

    /// Pushes once, so that what came last arrives too.
    pub async fn last(endpoint: Endpoint, state: &Shared, tell: Tell) {
        let pusher = Self::new(endpoint, Duration::ZERO, state, tell);
        if let Err(failure) = pusher.send(LAST_PATIENCE).await {
            let endpoint = &pusher.endpoint;
            let why = failure.why;
            tell(&format!(
                "the last push to {endpoint} did not arrive: {why}."
            ));
        }
    }

    fn new(endpoint: Endpoint, every: Duration, state: &Shared, tell: Tell) -> Self {
        Self {
            endpoint,
            every,
            state: Rc::clone(state),
            tell,
            failed: 0,
            refused: None,
        }
    }

    /// One push. How long to wait for the next.
    async fn push(&mut self) -> Duration {
        match self.send(PATIENCE).await {
            Ok(answer) => {
                self.arrived();
                self.look_at(answer);
                self.every
            }
            Err(failure) => self.failed(&failure),
        }
    }

    async fn send(&self, patience: Duration) -> Result<otlp::Response, Failure> {
        let now = machine::unix_time_ns().unwrap_or_default();
        let body = otlp::encode(&self.state.borrow().metrics(), now);
        let sent = timeout(patience, send(&self.endpoint, body.into())).await;
        sent.unwrap_or_else(|_| Err(Failure::passing("it took too long")))
    }

    fn arrived(&mut self) {
        if self.failed > 0 {
            (self.tell)(&format!(
                "pushes arrive at {} again, after {}. No count is lost.",
                self.endpoint,
                counted(self.failed.into(), "failed one", "failed ones")
            ));
        }
        self.failed = 0;
    }

    fn failed(&mut self, failure: &Failure) -> Duration {
        if self.failed == 0 {
            (self.tell)(&format!(
                "cannot push to {}: {}. It is tried again; what is missing comes with the next push that arrives.",
                self.endpoint, failure.why
            ));
        }
        let doubled = FIRST_WAIT.saturating_mul(1 << self.failed.min(16));
        self.failed = self.failed.saturating_add(1);
        let wait = failure.again.map_or(self.every, |least| least.max(doubled));
        wait.min(LONGEST_WAIT)
    }

    /// Says what was refused, once for each reason.
    fn look_at(&mut self, answer: otlp::Response) {
        let partial = answer.partial_success.unwrap_or_default();
        let refused = (partial.rejected_data_points > 0).then_some(partial.error_message);
        if let Some(why) = &refused
            && self.refused != refused
        {
            let rejected = partial.rejected_data_points.unsigned_abs();
            (self.tell)(&format!(
                "{} did not take {}: {why}",
                self.endpoint,
                counted(rejected, "series", "series")
            ));
        }
        self.refused = refused;
    }
}

impl Failure {
    /// The network or the collector may be better soon.
    fn passing(why: impl ToString) -> Self {
        Self {
            why: why.to_string(),
            again: Some(Duration::ZERO),
        }
    }
}

async fn send(endpoint: &Endpoint, body: Bytes) -> Result<otlp::Response, Failure> {
    let stream = TcpStream::connect((endpoint.host.as_str(), endpoint.port)).await;
    let stream = TokioIo::new(stream.map_err(Failure::passing)?);
    let (mut sender, connection) = http1::handshake(stream).await.map_err(Failure::passing)?;
    // It ends with the answer; what goes wrong shows there too.
    let connection = spawn_local(connection);
    let answer = exchange(&mut sender, endpoint, body).await;
    connection.abort();
    answer
}

async fn exchange(
    sender: &mut http1::SendRequest<Full<Bytes>>,
    endpoint: &Endpoint,
    body: Bytes,
) -> Result<otlp::Response, Failure> {
    let request = Request::post(&endpoint.path)
        .header(HOST, format!("{}:{}", endpoint.host, endpoint.port))
        .header(CONTENT_TYPE, "application/x-protobuf")
        .body(Full::new(body))
        .map_err(Failure::passing)?;
    let answer = sender
        .send_request(request)
        .await
        .map_err(Failure::passing)?;
    if !answer.status().is_success() {
        let after = answer.headers().get(RETRY_AFTER);
        let seconds = after.and_then(|after| after.to_str().ok()?.parse().ok());
        return Err(refusal(answer.status(), seconds));
    }
    let body = Limited::new(answer.into_body(), ANSWER_BYTES)
        .collect()
        .await;
    let body = body.map_err(Failure::passing)?.to_bytes();
    // Taken is taken, whatever else is said.
    Ok(otlp::Response::decode(body).unwrap_or_default())
}

/// The protocol names the answers after which the same may be tried again.
fn refusal(status: StatusCode, after_seconds: Option<u64>) -> Failure {
    let passing = matches!(status.as_u16(), 429 | 502 | 503 | 504);
    Failure {
        why: format!("it answered {status}"),
        again: passing.then(|| Duration::from_secs(after_seconds.unwrap_or(0))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_have_the_usual_port_and_path() {
        let endpoint = |text: &str| {
            text.parse::<Endpoint>()
                .map(|endpoint| endpoint.to_string())
        };
        for (text, full) in [
            ("http://collector", "http://collector:4318/v1/metrics"),
            ("http://127.0.0.1:9/x/y", "http://127.0.0.1:9/x/y"),
        ] {
            assert_eq!(endpoint(text).as_deref(), Ok(full));
        }
        for wrong in ["collector:4318", "https://collector", "http://", ""] {
            assert!(endpoint(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_may_pass_is_tried_again_and_nothing_else() {
        assert_eq!(
            refusal(StatusCode::SERVICE_UNAVAILABLE, Some(7)).again,
            Some(Duration::from_secs(7))
        );
        assert_eq!(
            refusal(StatusCode::TOO_MANY_REQUESTS, None).again,
            Some(Duration::ZERO)
        );
        assert_eq!(refusal(StatusCode::BAD_REQUEST, Some(7)).again, None);
    }
}
