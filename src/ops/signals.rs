//! Stopping when the user wants it.

use std::ffi::OsStr;
use std::os::unix::net;

use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::temporary;

/// A token that Ctrl-C, SIGTERM and the end of the terminal (SIGHUP) cancel. A
/// second one removes temporary folders and ends the process; a third does
/// not wait for that.
pub fn stop_on_signals() -> CancellationToken {
    let stop = CancellationToken::new();
    let token = stop.clone();
    tokio::spawn(async move {
        let Ok(mut signals) = Signals::listen() else {
            return;
        };
        signals.next().await;
        // First: a terminal that is gone may hold up what is told.
        token.cancel();
        errln!("\ninterrupted: cancelling the build and cleaning up (again to quit at once)");
        signals.next().await;
        let removed = tokio::task::spawn_blocking(temporary::remove_at_once);
        tokio::select! {
            _ = removed => {}
            () = signals.next() => {}
        }
        std::process::exit(130);
    });
    stop
}

/// Returns when Ctrl-C, SIGTERM or the end of the terminal (SIGHUP) stops a command
/// that has nothing to clean up. Asked for once: what comes between two calls is
/// lost.
pub async fn interrupted() {
    match Signals::listen() {
        Ok(mut signals) => signals.next().await,
        // Then the signals end the process themselves.
        Err(_) => std::future::pending().await,
    }
}

/// Makes a file that may grow no larger (`ulimit -f`) an error like that of a
/// full disk. Without it the process is killed.
pub fn survive_file_limit() {
    let kind = SignalKind::from_raw(nix::sys::signal::Signal::SIGXFSZ as i32);
    // What listens stays when it is dropped.
    drop(signal(kind));
}

/// The signals that end a run.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Option<Signal>,
    /// The Docker CLI's socket, where it called.
    docker: Option<UnixStream>,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        // Whoever began this with nohup wants it to go on.
        let hangup = (!ignores_hangup()).then(|| signal(SignalKind::hangup()));
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: hangup.transpose()?,
            docker: docker_socket(),
        })
    }

    async fn next(&mut self) {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = hangup => {}
            () = closed(&mut self.docker) => {}
        }
    }
}

/// The socket by which the Docker CLI stops a plugin where it has no terminal: it is closed then
/// (docker/cli, `cli-plugins/socket`).
fn docker_socket() -> Option<UnixStream> {
    let place = std::env::var_os("DOCKER_CLI_PLUGIN_SOCKET")?;
    let stream = connect(&place).ok()?;
    stream.set_nonblocking(true).ok()?;
    UnixStream::from_std(stream).ok()
}

/// A name that begins with `@` is no file.
#[cfg(target_os = "linux")]
fn connect(place: &OsStr) -> std::io::Result<net::UnixStream> {
    use std::os::linux::net::SocketAddrExt;
    match place.as_encoded_bytes().strip_prefix(b"@") {
        Some(name) => net::UnixStream::connect_addr(&net::SocketAddr::from_abstract_name(name)?),
        None => net::UnixStream::connect(place),
    }
}

#[cfg(not(target_os = "linux"))]
fn connect(place: &OsStr) -> std::io::Result<net::UnixStream> {
    net::UnixStream::connect(place)
}

/// Returns when the other side has closed a socket, once.
async fn closed(socket: &mut Option<UnixStream>) {
    if let Some(open) = socket {
        let mut bytes = [0; 64];
        while let Ok(1..) = open.read(&mut bytes).await {}
        *socket = None;
    } else {
        std::future::pending::<()>().await;
    }
}

/// Whether SIGHUP is ignored already, as under nohup.
#[cfg(target_os = "linux")]
fn ignores_hangup() -> bool {
    const BIT: u64 = 1 << (nix::sys::signal::Signal::SIGHUP as u64 - 1);
    let status = procfs::process::Process::myself().and_then(|process| process.status());
    status.is_ok_and(|status| status.sigign & BIT != 0)
}

/// Other systems than Linux do not tell.
#[cfg(not(target_os = "linux"))]
fn ignores_hangup() -> bool {
    false
}
