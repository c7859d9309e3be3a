//! `serve`, as Prometheus, OpenTelemetry and people with bad intentions call it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[expect(dead_code, reason = "the library's own tests use the rest")]
mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use prost::Message as _;
use rustix::process::{Pid, Signal, kill_process};
use support::recording;
use tempfile::TempDir;

const MIGRATIONS: usize = 300;
/// Connections that the server has at once.
const CONNECTIONS: usize = 256;

/// A server of a recording.
struct Server {
    child: Child,
    said: BufReader<ChildStderr>,
    address: SocketAddr,
    _folder: TempDir,
}

impl Server {
    fn start(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.arrow");
        std::fs::write(&path, recording(1, 3, MIGRATIONS / 3).0).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_migscope"))
            .args(["serve", "--listen", "127.0.0.1:0"])
            .args(arguments)
            .arg(path)
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(child.stderr.take().unwrap());
        let mut server = Self {
            child,
            said,
            address: ([127, 0, 0, 1], 0).into(),
            _folder: folder,
        };
        let line = server.hear("serving http://");
        let (_, rest) = line.split_once("http://").unwrap();
        server.address = rest.split('/').next().unwrap().parse().unwrap();
        server.hear("the recording has ended");
        server
    }

    /// The next line that it says with this in it.
    fn hear(&mut self, text: &str) -> String {
        let mut line = String::new();
        while !line.contains(text) {
            line.clear();
            assert_ne!(
                self.said.read_line(&mut line).unwrap(),
                0,
                "never said: {text}"
            );
        }
        line
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        let patience = Some(Duration::from_secs(20));
        stream.set_read_timeout(patience).unwrap();
        stream
    }

    fn ask(&self, request: &[u8]) -> Answer {
        let mut stream = self.connect();
        // It may answer, and close, before it has read everything.
        let _ = stream.write_all(request);
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        Answer::parse(&bytes)
    }

    fn get(&self, path: &str, headers: &str) -> Answer {
        self.ask(format!("GET {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n").as_bytes())
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn parse(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|end| end == b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("no answer: {}", String::from_utf8_lossy(bytes)));
        let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Self {
            status,
            head,
            body: bytes[end + 4..].to_vec(),
        }
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

/// All migrations are in a scrape.
fn assert_has_all(answer: &Answer) {
    assert_eq!(answer.status, 200);
    let counted = answer
        .text()
        .lines()
        .filter(|line| line.starts_with("migscope_migrations_total"));
    let sum: f64 = counted
        .map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap())
        .sum();
    assert_eq!(sum, MIGRATIONS as f64);
}

#[test]
fn every_path_and_format() {
    let server = Server::start(&[]);
    let text = server.get("/metrics", "");
    assert!(
        text.head
            .contains("content-type: text/plain; version=0.0.4"),
        "{}",
        text.head
    );
    assert_has_all(&text);
    assert!(
        text.text().contains("\nmigscope_source_up 0\n"),
        "the recording has ended"
    );

    let open = server.get(
        "/metrics",
        "Accept: application/openmetrics-text;version=1.0.0\r\n",
    );
    assert!(
        open.head
            .contains("content-type: application/openmetrics-text"),
        "{}",
        open.head
    );
    assert_has_all(&open);
    assert!(open.text().ends_with("# EOF\n"));

    let accept = "Accept: application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited\r\n";
    let protobuf = server.get("/metrics", accept);
    assert!(
        protobuf.head.contains("io.prometheus.client.metricfamily"),
        "{}",
        protobuf.head
    );
    let name = b"migscope_build_info";
    assert!(protobuf.body.windows(name.len()).any(|part| part == name));

    let packed = server.get("/metrics", "Accept-Encoding: gzip\r\n");
    assert!(
        packed.head.contains("content-encoding: gzip"),
        "{}",
        packed.head
    );
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(&*packed.body)
        .read_to_end(&mut unpacked)
        .unwrap();
    assert_eq!(unpacked, text.body);
    assert!(packed.body.len() * 5 < text.body.len());

    for (path, status, words) in [
        ("/", 200, "/metrics"),
        ("/-/healthy", 200, "healthy"),
        ("/-/ready", 200, "ready"),
        ("/elsewhere", 404, "There is /metrics"),
    ] {
        let answer = server.get(path, "");
        assert_eq!(answer.status, status, "{path}");
        assert!(answer.text().contains(words), "{path}");
    }
    assert_eq!(
        server
            .ask(b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
            .status,
        405
    );
    let head = server.ask(b"HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!((head.status, head.body.len()), (200, 0));
}

#[test]
fn finer_buckets_are_a_choice() {
    let lines = |server: &Server| {
        let text = server.get("/metrics", "");
        text.text()
            .lines()
            .filter(|line| line.contains("_bucket{"))
            .count()
    };
    let (few, many) = (
        Server::start(&["--buckets", "1"]),
        Server::start(&["--buckets", "16"]),
    );
    assert!(lines(&few) * 8 < lines(&many));
}

#[test]
fn nonsense_is_refused_and_does_no_harm() {
    let server = Server::start(&[]);
    let long = format!(
        "GET /metrics HTTP/1.1\r\nX: {}\r\n\r\n",
        "x".repeat(1 << 20)
    );
    assert_eq!(server.ask(long.as_bytes()).status, 431);
    let many = format!("GET /metrics HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(2000));
    assert_eq!(server.ask(many.as_bytes()).status, 431);
    assert_eq!(
        server
            .ask(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n")
            .status,
        400
    );
    assert_has_all(&server.get("/metrics", ""));
}

/// Neither a thousand silent connections nor half requests keep a scrape from being answered at once.
#[test]
fn crowds_and_slow_clients_hold_nobody_up() {
    let server = Server::start(&[]);
    let slow: Vec<_> = (0..1000)
        .map(|number| {
            let mut stream = server.connect();
            if number % 2 == 0 {
                // The oldest are closed by then.
                let _ = stream.write_all(b"GET /metrics HTTP/1.1\r\nHost:");
            }
            stream
        })
        .collect();
    let asked = Instant::now();
    assert_has_all(&server.get("/metrics", ""));
    assert!(
        asked.elapsed() < Duration::from_secs(5),
        "{:?}",
        asked.elapsed()
    );
    let descriptors = std::fs::read_dir(format!("/proc/{}/fd", server.child.id()))
        .unwrap()
        .count();
    assert!(
        descriptors < CONNECTIONS + 50,
        "{descriptors} descriptors are open"
    );
    drop(slow);
    assert_has_all(&server.get("/metrics", ""));
}

/// Whoever does not go on is let go after ten seconds.
#[test]
fn half_a_request_is_not_waited_for_for_ever() {
    let server = Server::start(&[]);
    let mut stream = server.connect();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost:").unwrap();
    let begun = Instant::now();
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest);
    assert!(
        begun.elapsed() < Duration::from_secs(15),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(rest, b"");
}

#[test]
fn ends_at_once_when_asked() {
    for signal in [Signal::INT, Signal::TERM] {
        let mut server = Server::start(&[]);
        let _silent = server.connect();
        let asked = Instant::now();
        server.signal(signal);
        assert!(server.child.wait().unwrap().success());
        assert!(
            asked.elapsed() < Duration::from_secs(2),
            "{:?}",
            asked.elapsed()
        );
    }
}

#[test]
fn an_address_that_is_taken_is_told() {
    let server = Server::start(&[]);
    let address = server.address.to_string();
    let output = Command::new(env!("CARGO_BIN_EXE_migscope"))
        .args(["serve", "--listen", &address, "/nowhere"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains(&format!("cannot listen on {address}")),
        "{said}"
    );
    assert!(said.contains("--listen"), "{said}");
}

/// The request of one push, which is answered so.
fn take_push(collector: &TcpListener, answer: &str) -> ExportMetricsServiceRequest {
    let (mut stream, _) = collector.accept().unwrap();
    let mut bytes = Vec::new();
    let (head, length) = loop {
        let mut part = [0; 4096];
        let count = stream.read(&mut part).unwrap();
        assert_ne!(count, 0, "the push is cut off");
        bytes.extend_from_slice(&part[..count]);
        let Some(end) = bytes.windows(4).position(|end| end == b"\r\n\r\n") else {
            continue;
        };
        let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
        let length = head.split("content-length: ").nth(1).unwrap();
        let length: usize = length.lines().next().unwrap().parse().unwrap();
        bytes.drain(..end + 4);
        break (head, length);
    };
    assert!(head.starts_with("post /v1/metrics http/1.1"), "{head}");
    assert!(
        head.contains("content-type: application/x-protobuf"),
        "{head}"
    );
    let have = bytes.len();
    bytes.resize(length, 0);
    stream.read_exact(&mut bytes[have..]).unwrap();
    let answer = format!("HTTP/1.1 {answer}\r\nContent-Length: 0\r\n\r\n");
    stream.write_all(answer.as_bytes()).unwrap();
    ExportMetricsServiceRequest::decode(&*bytes).unwrap()
}

#[test]
fn a_collector_is_sent_everything_and_its_failures_are_told() {
    let collector = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", collector.local_addr().unwrap());
    let mut server = Server::start(&["--otlp", &url, "--otlp-interval", "0.2"]);
    take_push(&collector, "503 Busy");
    let request = take_push(&collector, "200 OK");
    assert!(server.hear("pushes arrive").contains("after 1 failed one"));
    let metrics = &request.resource_metrics[0].scope_metrics[0].metrics;
    let migrations = metrics
        .iter()
        .find(|metric| metric.name == "migscope_migrations")
        .unwrap();
    let Some(Data::Sum(sum)) = &migrations.data else {
        panic!("migrations are a sum")
    };
    let values = sum.data_points.iter().map(|point| match point.value {
        Some(opentelemetry_proto::tonic::metrics::v1::number_data_point::Value::AsDouble(
            value,
        )) => value,
        other => panic!("{other:?}"),
    });
    assert_eq!(values.sum::<f64>(), MIGRATIONS as f64);

    // One more comes at the end.
    take_push(&collector, "200 OK");
    server.signal(Signal::INT);
    take_push(&collector, "200 OK");
    assert!(server.child.wait().unwrap().success());
}
