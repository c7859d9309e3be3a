//! The host's ends of the guest's byte streams.
//!
//! Every byte is counted on both sides. Before the guest ends the machine it tells how much it
//! sent, and waits until it hears that all of it is here: what QEMU still holds when it ends would
//! be lost.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use vm_init::control::{Request, Sent};

/// Where a stream's bytes go.
pub(crate) type Sink = Box<dyn Write + Send>;

const PAUSE: Duration = Duration::from_millis(2);

/// All streams of a machine.
pub(crate) struct Streams {
    readers: Vec<Reader>,
    counters: Counters,
    sink_failed: Arc<AtomicBool>,
    control: Option<Control>,
}

type Counters = Arc<BTreeMap<String, AtomicU64>>;

struct Reader {
    name: String,
    thread: JoinHandle<io::Result<()>>,
}

struct Control {
    to_guest: UnixStream,
    sent: Arc<Mutex<Option<Sent>>>,
}

impl Streams {
    /// Reads each socket into its sink; `control` is the socket of the control port.
    pub(crate) fn start(
        sinks: Vec<(String, UnixStream, Sink)>,
        control: Option<UnixStream>,
    ) -> Result<Self> {
        let counter = |(name, _, _): &(String, UnixStream, Sink)| (name.clone(), AtomicU64::new(0));
        let counters = Arc::new(sinks.iter().map(counter).collect());
        let control = control
            .map(|socket| listen(socket, Arc::clone(&counters)))
            .transpose()?;
        let sink_failed = Arc::<AtomicBool>::default();
        let readers = sinks
            .into_iter()
            .map(|(name, socket, sink)| {
                let (counters, counted) = (Arc::clone(&counters), name.clone());
                let failed = sink_failed.clone();
                let thread =
                    thread::spawn(move || copy(socket, sink, &counters[&counted], &failed));
                Reader { name, thread }
            })
            .collect();
        Ok(Streams {
            readers,
            counters,
            sink_failed,
            control,
        })
    }

    /// Whether there is a stream that nobody takes any more: `cargo xtask vm … | head` has read
    /// what it wanted.
    pub(crate) fn is_unwanted(&self) -> bool {
        self.sink_failed.load(Ordering::Relaxed)
    }

    /// Asks the guest to end its job. Without a control port it cannot be asked.
    pub(crate) fn ask_to_stop(&self) -> Result<()> {
        let control = self
            .control
            .as_ref()
            .context("this machine has no control port")?;
        send(&control.to_guest, Request::Stop).context("ask the guest to stop")
    }

    /// Waits for the last byte of each stream, now that QEMU has ended. `complete`: the guest said
    /// that it was done, so that everything it sent must be here.
    pub(crate) fn finish(self, complete: bool) -> Result<()> {
        for Reader { name, thread } in self.readers {
            match thread.join() {
                Ok(result) => {
                    result.with_context(|| format!("write what the guest sent on {name}"))?
                }
                Err(_) => bail!("the reader of {name} panicked"),
            }
        }
        let Some(control) = self.control.filter(|_| complete) else {
            return Ok(());
        };
        let sent = control
            .sent
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        for (name, sent) in sent.context("the guest did not tell what it sent")?.sent {
            let Some(counter) = self.counters.get(&name) else {
                continue;
            };
            let received = counter.load(Ordering::Acquire);
            ensure!(
                sent == received,
                "{name}: the guest sent {sent} bytes and {received} arrived"
            );
        }
        Ok(())
    }
}

fn listen(socket: UnixStream, counters: Counters) -> Result<Control> {
    let sent = Arc::new(Mutex::new(None));
    let reader = BufReader::new(socket.try_clone().context("the control socket")?);
    let answer = socket.try_clone().context("the control socket")?;
    let told = sent.clone();
    thread::spawn(move || {
        for line in reader.lines().map_while(Result::ok) {
            let Ok(Sent { sent }) = serde_json::from_str(&line) else {
                continue;
            };
            wait_for(&sent, &counters);
            *told.lock().unwrap_or_else(PoisonError::into_inner) = Some(Sent { sent });
            if send(&answer, Request::Received).is_err() {
                return;
            }
        }
    });
    Ok(Control {
        to_guest: socket,
        sent,
    })
}

/// How long this may take is limited from outside: the machine is ended, and this thread with us.
fn wait_for(sent: &BTreeMap<String, u64>, counters: &BTreeMap<String, AtomicU64>) {
    let arrived = |(name, sent): (&String, &u64)| {
        counters
            .get(name)
            .is_none_or(|received| received.load(Ordering::Acquire) >= *sent)
    };
    while !sent.iter().all(arrived) {
        thread::sleep(PAUSE);
    }
}

fn send(mut socket: &UnixStream, request: Request) -> io::Result<()> {
    socket.write_all(format!("{}\n", request.line()).as_bytes())
}

/// Copies to the end. When the sink fails it goes on reading, so that the guest is not held up, and
/// tells afterwards.
fn copy(
    mut socket: UnixStream,
    sink: Sink,
    received: &AtomicU64,
    failed: &AtomicBool,
) -> io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    let mut sink: io::Result<Sink> = Ok(sink);
    loop {
        let count = match socket.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            // QEMU was ended in the middle of something.
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => break,
            Err(error) => return Err(error),
        };
        sink = sink.and_then(|mut sink| {
            sink.write_all(&buffer[..count])?;
            sink.flush()?;
            Ok(sink)
        });
        failed.fetch_or(sink.is_err(), Ordering::Relaxed);
        received.fetch_add(count as u64, Ordering::Release);
    }
    match sink {
        // Whoever closed the other end knows what is missing.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}

/// A sink that keeps what comes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Captured(Arc<Mutex<Vec<u8>>>);

impl Captured {
    /// What has come.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn streams() -> (UnixStream, UnixStream, Captured, Streams) {
        let (guest, host) = UnixStream::pair().unwrap();
        let (guest_control, control) = UnixStream::pair().unwrap();
        let captured = Captured::default();
        let sinks: Vec<(String, UnixStream, Sink)> =
            vec![("data".into(), host, Box::new(captured.clone()))];
        (
            guest,
            guest_control,
            captured,
            Streams::start(sinks, Some(control)).unwrap(),
        )
    }

    #[test]
    fn the_guest_hears_when_everything_arrived() {
        let (mut guest, mut control, captured, streams) = streams();
        guest.write_all(b"12").unwrap();
        control
            .write_all(b"{\"sent\":{\"data\":5,\"vm-init.control\":9}}\n")
            .unwrap();
        control
            .set_read_timeout(Some(Duration::from_millis(50)))
            .unwrap();
        let mut answer = [0; 9];
        assert!(
            control.read(&mut answer).is_err(),
            "answered before everything was there"
        );
        guest.write_all(b"345").unwrap();
        control.set_read_timeout(None).unwrap();
        control.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"received\n");
        drop(guest);
        streams.finish(true).unwrap();
        assert_eq!(captured.bytes(), b"12345");
    }

    #[test]
    fn a_stop_reaches_the_guest() {
        let (guest, control, _, streams) = streams();
        streams.ask_to_stop().unwrap();
        let mut line = String::new();
        BufReader::new(control).read_line(&mut line).unwrap();
        assert_eq!(Request::parse(&line), Some(Request::Stop));
        drop(guest);
        let error = streams.finish(true).unwrap_err().to_string();
        assert!(error.contains("did not tell"), "{error}");
    }
}
