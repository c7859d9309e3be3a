//! A collector that is pushed to.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use prost::Message as _;
use rustix::process::Signal;

use crate::server::{MIGRATIONS, Server};

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
        Some(Value::AsDouble(value)) => value,
        other => panic!("{other:?}"),
    });
    assert_eq!(values.sum::<f64>(), MIGRATIONS as f64);

    // One more comes at the end.
    take_push(&collector, "200 OK");
    server.signal(Signal::INT);
    take_push(&collector, "200 OK");
    assert!(server.child.wait().unwrap().success());
}
