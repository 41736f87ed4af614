//! Stopping when the user wants it.

use tokio_util::sync::CancellationToken;

/// A token that Ctrl-C and SIGTERM cancel. A second one ends the process at
/// once.
pub(super) fn stop_on_signals() -> CancellationToken {
    let stop = CancellationToken::new();
    let token = stop.clone();
    tokio::spawn(async move {
        use tokio::signal::unix::{SignalKind, signal};
        let (Ok(mut interrupt), Ok(mut terminate)) = (
            signal(SignalKind::interrupt()),
            signal(SignalKind::terminate()),
        ) else {
            return;
        };
        for again in [false, true] {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if again {
                std::process::exit(130);
            }
            eprintln!(
                "\ninterrupted: cancelling the build and cleaning up (again to quit at once)"
            );
            token.cancel();
        }
    });
    stop
}
