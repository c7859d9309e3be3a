//! Recordings that are still under way, or that are not whole.

use std::time::{Duration, Instant};

use migscope::recording::Writer;
use rustix::process::Signal;

use crate::http::assert_has_all;
use crate::server::{MIGRATIONS, Server};
use migscope_testkit::{Synthetic, facts, recording};

/// Until a path answers so.
fn wait_for(server: &Server, path: &str, status: u16, text: &str) {
    let begun = Instant::now();
    loop {
        let answer = server.get(path, "");
        if answer.status == status && answer.text().contains(text) {
            return;
        }
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "{path} stays {}: {}",
            answer.status,
            answer.text()
        );
    }
}

#[test]
fn it_is_ready_when_figures_come_and_says_when_no_more_do() {
    let (mut server, pipe) = Server::of_pipe();
    let mut synthetic = Synthetic::new(1).with_totals();
    let mut writer = Writer::new(pipe, &facts()).unwrap();
    server.find_address();
    assert_eq!(server.get("/-/healthy", "").status, 200);
    assert_eq!(server.get("/-/ready", "").status, 503);

    writer.write(&synthetic.batch(10)).unwrap();
    wait_for(&server, "/-/ready", 200, "ready");
    wait_for(
        &server,
        "/metrics",
        200,
        "migscope_migrations_ended_total 10\n",
    );
    assert!(
        server
            .get("/metrics", "")
            .text()
            .contains("migscope_source_up 1\n")
    );
    writer.write(&synthetic.batch(5)).unwrap();
    wait_for(
        &server,
        "/metrics",
        200,
        "migscope_migrations_ended_total 15\n",
    );

    drop(writer.finish().unwrap());
    wait_for(&server, "/metrics", 200, "migscope_source_up 0\n");
    assert!(
        server
            .get("/metrics", "")
            .text()
            .contains("migscope_migrations_ended_total 15\n")
    );
    server.signal(Signal::TERM);
    assert!(server.child.wait().unwrap().success());
}

/// What stands before the damage is served, and the exit status is that of a failure.
#[test]
fn damage_is_told_at_once_and_at_the_end() {
    let (mut bytes, _) = recording(1, 3, MIGRATIONS / 3);
    let end = bytes.len() - 8;
    bytes.splice(end.., *b"rubbish, rubbish");
    let mut server = Server::of(&bytes, &[]);
    assert_has_all(&server.get("/metrics", ""));
    server.signal(Signal::TERM);
    assert!(server.hear("is damaged at byte").contains("run.arrow"));
    assert_eq!(server.child.wait().unwrap().code(), Some(2));
}
