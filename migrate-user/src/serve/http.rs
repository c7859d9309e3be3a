//! Connections. Nobody is trusted: headers are short, time is limited, and there are not many at
//! once.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::ready;
use std::rc::Rc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::task::{AbortHandle, spawn_local};
use tokio::time::{sleep, timeout};

use super::Shared;
use super::answer::answer;
use super::listener::{Listener, Stream};

/// Connections at once. When one more comes, the oldest is closed: whoever only holds connections
/// open keeps nobody out.
const CONNECTIONS: usize = 256;
/// How long a connection may take from its first byte to its last. Each is for one request.
const PATIENCE: Duration = Duration::from_secs(10);
/// A request's line and headers.
const HEAD_BYTES: usize = 16 << 10;
/// When the system has no more descriptors: until some may be free again.
const PAUSE: Duration = Duration::from_millis(100);

/// Answers from now on, as long as the [`LocalSet`](tokio::task::LocalSet) goes on in which this is
/// called.
pub fn start(listener: Listener, state: Shared) {
    spawn_local(async move {
        let mut open = VecDeque::new();
        loop {
            match listener.accept().await {
                Ok(stream) => add(&mut open, stream, &state),
                Err(_) => sleep(PAUSE).await,
            }
        }
    });
}

fn add(open: &mut VecDeque<AbortHandle>, stream: Box<dyn Stream>, state: &Shared) {
    open.retain(|connection| !connection.is_finished());
    if open.len() == CONNECTIONS
        && let Some(oldest) = open.pop_front()
    {
        oldest.abort();
    }
    let connection = spawn_local(serve(stream, Rc::clone(state)));
    open.push_back(connection.abort_handle());
}

async fn serve(stream: Box<dyn Stream>, state: Shared) {
    let service = service_fn(|request| {
        let answer = answer(&request, &state.borrow());
        ready(Ok::<_, Infallible>(answer))
    });
    let connection = http1::Builder::new()
        .keep_alive(false)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    // A connection that breaks, or takes too long, is the other side's affair.
    let _ = timeout(PATIENCE, connection).await;
}
