//! A command whose input and output are the connection, such as
//! `ssh HOST docker system dial-stdio`.

use std::io;
use std::pin::Pin;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;

/// Bytes of what a command complains of that are kept, the last ones.
const COMPLAINT: usize = 4 << 10;
/// How long a command whose output has ended may take to end itself.
const END_LIMIT: Duration = Duration::from_secs(5);
/// How long the rest of its complaint may take: what it started in the
/// background, such as ssh's shared connection, may hold it open for ever.
const COMPLAINT_LIMIT: Duration = Duration::from_millis(300);

/// A command that connects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CommandLine {
    pub(crate) program: String,
    pub(crate) arguments: Vec<String>,
    /// What a person would type to try it.
    pub(crate) shown: String,
}

impl CommandLine {
    /// Starts the command. It is killed when the stream is dropped.
    pub(crate) fn start(&self) -> io::Result<CommandStream> {
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        // Ctrl-C is for us: the build is to be cancelled over this connection.
        #[cfg(unix)]
        command.process_group(0);
        let mut child = command.spawn()?;
        let (Some(stdin), Some(stdout), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(io::Error::other("it has no input or output"));
        };
        let complaint = Arc::default();
        let listening = tokio::spawn(listen(stderr, Arc::clone(&complaint)));
        Ok(CommandStream {
            line: self.clone(),
            stdin: Some(stdin),
            stdout,
            has_spoken: false,
            process: Process::Running(Box::new(Running {
                child,
                listening,
                complaint,
            })),
        })
    }
}

/// Input and output of a running command.
pub(crate) struct CommandStream {
    line: CommandLine,
    stdin: Option<ChildStdin>,
    stdout: ChildStdout,
    has_spoken: bool,
    process: Process,
}

enum Process {
    Running(Box<Running>),
    Ending(BoxFuture<'static, End>),
    Ended(End),
}

struct Running {
    child: Child,
    listening: JoinHandle<()>,
    complaint: Arc<Mutex<Vec<u8>>>,
}

/// How it ended.
#[derive(Clone)]
struct End {
    has_failed: bool,
    said: String,
}

impl Running {
    async fn end(mut self) -> End {
        let status = tokio::time::timeout(END_LIMIT, self.child.wait()).await;
        let rest = tokio::time::timeout(COMPLAINT_LIMIT, &mut self.listening);
        // What is there by then is what is told.
        let _ = rest.await;
        self.listening.abort();
        let outcome = match &status {
            Ok(Ok(status)) => format!("ended with {status}"),
            Ok(Err(error)) => format!("cannot be waited for: {error}"),
            Err(_) => "closed its output and does not end".to_owned(),
        };
        let complaint = self
            .complaint
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let complaint = last_lines(&String::from_utf8_lossy(&complaint));
        End {
            has_failed: !matches!(status, Ok(Ok(status)) if status.success()),
            said: match complaint.as_str() {
                "" => outcome,
                complaint => format!("{outcome}: {complaint}"),
            },
        }
    }
}

/// The last lines of a complaint, on one line: what ends a command comes last.
fn last_lines(complaint: &str) -> String {
    const LINES: usize = 3;
    let lines: Vec<&str> = complaint.lines().map(str::trim).collect();
    let last = &lines[lines.len().saturating_sub(LINES)..];
    crate::escape::one_line(&last.join(" "))
}

async fn listen(mut stderr: ChildStderr, complaint: Arc<Mutex<Vec<u8>>>) {
    let mut piece = [0; 1024];
    while let Ok(read @ 1..) = stderr.read(&mut piece).await {
        let mut kept = complaint.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend(&piece[..read]);
        let surplus = kept.len().saturating_sub(COMPLAINT);
        kept.drain(..surplus);
    }
}

impl CommandStream {
    /// Waits for the command's end.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        loop {
            match &mut self.process {
                Process::Ended(end) => return Poll::Ready(end.clone()),
                Process::Ending(ending) => {
                    let end = ready!(ending.poll_unpin(cx));
                    self.process = Process::Ended(end);
                }
                Process::Running(_) => {
                    let placeholder = End {
                        has_failed: true,
                        said: String::new(),
                    };
                    let running = std::mem::replace(&mut self.process, Process::Ended(placeholder));
                    if let Process::Running(running) = running {
                        self.process = Process::Ending(running.end().boxed());
                    }
                }
            }
        }
    }

    fn failure(&self, end: &End) -> io::Error {
        let Self { line, .. } = self;
        io::Error::other(format!("`{}` {}; try it by hand", line.shown, end.said))
    }

    /// The input is closed: the command's end is the reason.
    fn explain_write<T>(
        &mut self,
        outcome: io::Result<T>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        match outcome {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                let end = ready!(self.poll_end(cx));
                Poll::Ready(Err(self.failure(&end)))
            }
            other => Poll::Ready(other),
        }
    }
}

impl AsyncRead for CommandStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stdout).poll_read(cx, buf))?;
        if buf.filled().len() > before {
            self.has_spoken = true;
            return Poll::Ready(Ok(()));
        }
        let end = ready!(self.poll_end(cx));
        if end.has_failed || !self.has_spoken {
            return Poll::Ready(Err(self.failure(&end)));
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for CommandStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Some(stdin) = &mut self.stdin else {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        };
        let outcome = ready!(Pin::new(stdin).poll_write(cx, buf));
        self.explain_write(outcome, cx)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(stdin) = &mut self.stdin else {
            return Poll::Ready(Ok(()));
        };
        let outcome = ready!(Pin::new(stdin).poll_flush(cx));
        self.explain_write(outcome, cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A pipe is closed by being dropped.
        self.stdin = None;
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt;

    fn shell(script: &str) -> CommandLine {
        CommandLine {
            program: "sh".into(),
            arguments: vec!["-c".into(), script.into()],
            shown: format!("sh -c '{script}'"),
        }
    }

    #[tokio::test]
    async fn bytes_pass_both_ways_until_the_input_is_closed() {
        let mut stream = shell("cat; echo complaint >&2").start().unwrap();
        stream.write_all(b"hello").await.unwrap();
        let mut heard = [0; 5];
        stream.read_exact(&mut heard).await.unwrap();
        assert_eq!(&heard, b"hello");
        stream.shutdown().await.unwrap();
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.unwrap();
        assert!(rest.is_empty());
    }

    #[tokio::test]
    async fn a_command_that_fails_is_told_with_its_last_words() {
        for script in [
            "yes chatter | head -n 9999 >&2; echo Permission denied >&2; exit 255",
            "echo half an answer; echo Permission denied >&2; exit 255",
        ] {
            let mut stream = shell(script).start().unwrap();
            let error = stream.read_to_end(&mut Vec::new()).await.unwrap_err();
            let error = error.to_string();
            for part in ["sh -c", "exit status: 255", "try it by hand"] {
                assert!(error.contains(part), "{error}");
            }
            assert!(error.contains("Permission denied"), "{error}");
            assert!(error.len() < 3 * COMPLAINT, "{error}");
        }
    }

    #[tokio::test]
    async fn a_command_that_only_ends_has_not_connected() {
        let mut stream = shell("true").start().unwrap();
        let error = stream.read_to_end(&mut Vec::new()).await.unwrap_err();
        assert!(error.to_string().contains("exit status: 0"), "{error}");
        let error = stream.write_all(&[0; 1 << 20]).await.unwrap_err();
        assert!(error.to_string().contains("exit status: 0"), "{error}");
    }

    #[tokio::test]
    async fn a_stream_that_is_dropped_takes_its_command_along() {
        let mut stream = shell("echo $$; exec sleep 1000").start().unwrap();
        let mut said = [0; 64];
        let read = stream.read(&mut said).await.unwrap();
        let id = String::from_utf8_lossy(&said[..read]).trim().to_owned();
        drop(stream);
        let status = format!("/proc/{id}/stat");
        let gone = async {
            // Gone once it has been waited for.
            while let Ok(stat) = std::fs::read_to_string(&status) {
                if stat.contains(") Z ") {
                    break;
                }
                tokio::task::yield_now().await;
            }
        };
        let gone = tokio::time::timeout(Duration::from_secs(60), gone).await;
        assert!(gone.is_ok(), "the command still runs");
    }
}
