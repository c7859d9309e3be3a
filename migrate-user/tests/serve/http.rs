//! Paths, formats, and what must do no harm.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::server::{Answer, MIGRATIONS, Server};

/// Connections that the server has at once.
const CONNECTIONS: usize = 256;

/// All migrations are in a scrape.
pub(crate) fn assert_has_all(answer: &Answer) {
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
fn labels_that_are_asked_for_are_on_every_series() {
    let server = Server::start(&["--label", "node=gpu1", "--label", "rack=7"]);
    let answer = server.get("/metrics", "");
    assert_has_all(&answer);
    let text = answer.text();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        assert!(line.contains("node=\"gpu1\",rack=\"7\""), "{line}");
    }
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

/// Without a network, and without a trace at the end.
#[test]
fn a_socket_in_the_file_system_answers_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let mut server = Server::at(&path);
    let mut stream = UnixStream::connect(&path).unwrap();
    stream
        .write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    assert_has_all(&Answer::parse(&bytes));
    server.signal(Signal::INT);
    assert!(server.child.wait().unwrap().success());
    assert!(!path.exists());
}

/// Neither a thousand silent connections nor half requests keep a scrape from being answered at
/// once.
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
