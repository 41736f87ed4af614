//! What it means when TLS fails, and what to do, in the words of whoever keeps
//! the certificates.

use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use rustls::{AlertDescription, CertificateError, Error};
use rustls_pki_types::UnixTime;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Who is at the two ends, as far as a message needs to know.
#[derive(Debug)]
pub(super) struct Parties {
    /// The name that the server's certificate must have.
    pub(super) name: String,
    pub(super) ca: Option<PathBuf>,
    pub(super) certificate: Option<PathBuf>,
    /// Whether the server has asked for our certificate.
    pub(super) asked: Arc<AtomicBool>,
}

impl Parties {
    /// An error of the handshake.
    pub(super) fn explain_handshake(&self, error: &io::Error) -> String {
        if let Some(error) = tls_error(error) {
            return self.explain(error);
        }
        match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset => {
                "it hung up on TLS; does it speak TLS at this port?".into()
            }
            _ => error.to_string(),
        }
    }

    fn explain(&self, error: &Error) -> String {
        match error {
            Error::InvalidCertificate(problem) => self.explain_certificate(problem),
            Error::AlertReceived(alert) => self.explain_alert(*alert),
            Error::InvalidMessage(_) => {
                "it does not speak TLS; ask it in plain (without DOCKER_TLS_VERIFY or files for TLS), or give the port that speaks TLS".into()
            }
            other => format!("TLS: {other}"),
        }
    }

    /// The server's certificate is not accepted by us.
    fn explain_certificate(&self, problem: &CertificateError) -> String {
        let authority = match &self.ca {
            Some(ca) => ca.display().to_string(),
            None => "the system's authorities (no CA certificate is given)".into(),
        };
        match problem {
            CertificateError::UnknownIssuer | CertificateError::BadSignature => format!(
                "its certificate is signed by none of {authority}; give the CA certificate that it is signed with"
            ),
            CertificateError::ExpiredContext { not_after, .. } => format!(
                "its certificate expired on {}; renew it there",
                date(*not_after)
            ),
            CertificateError::Expired => "its certificate has expired; renew it there".into(),
            CertificateError::NotValidYetContext { not_before, .. } => format!(
                "its certificate is valid only from {}; check the clocks of both machines",
                date(*not_before)
            ),
            CertificateError::NotValidForNameContext { presented, .. } => format!(
                "its certificate is for {}, not for {:?}; use one of these names, as the address or as the server name for TLS",
                listed(presented),
                self.name
            ),
            CertificateError::NotValidForName => format!(
                "its certificate is not for {:?}; set the server name for TLS",
                self.name
            ),
            other => format!(
                "its certificate is refused: {other}; checked with {authority}, it must be a server's, signed by a CA"
            ),
        }
    }

    /// Something of ours is not accepted by the server.
    fn explain_alert(&self, alert: AlertDescription) -> String {
        let about_certificate = matches!(
            alert,
            AlertDescription::CertificateRequired
                | AlertDescription::BadCertificate
                | AlertDescription::UnknownCA
                | AlertDescription::CertificateExpired
                | AlertDescription::CertificateRevoked
                | AlertDescription::CertificateUnknown
                | AlertDescription::UnsupportedCertificate
                | AlertDescription::AccessDenied
                | AlertDescription::HandshakeFailure
                | AlertDescription::DecryptError
        );
        if alert == AlertDescription::NoApplicationProtocol {
            return "it speaks no HTTP/2 over TLS, so it is no BuildKit; check the port".into();
        }
        if about_certificate && self.asked.load(Ordering::Relaxed) {
            return match (alert, &self.certificate) {
                (_, None) => WANTS_CERTIFICATE.into(),
                (AlertDescription::CertificateExpired, Some(certificate)) => format!(
                    "it says that certificate {} has expired; renew it",
                    certificate.display()
                ),
                (_, Some(certificate)) => format!(
                    "it does not accept certificate {} (TLS alert {alert:?}); give one for clients, signed by the authority that it trusts",
                    certificate.display()
                ),
            };
        }
        format!("it ended TLS with alert {alert:?}")
    }

    /// It hung up before it said anything.
    fn explain_silence(&self) -> String {
        match (&self.certificate, self.asked.load(Ordering::Relaxed)) {
            (None, true) => WANTS_CERTIFICATE.into(),
            (Some(certificate), true) => format!(
                "it hung up after it was shown certificate {}; is it signed by the authority that the server trusts?",
                certificate.display()
            ),
            (_, false) => "it closed the connection without an answer; is it a BuildKit?".into(),
        }
    }
}

const WANTS_CERTIFICATE: &str = "it wants a client certificate; give a certificate and its key, signed by the authority that it trusts";

fn tls_error(error: &io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref::<Error>()
}

fn date(time: UnixTime) -> String {
    let seconds = i64::try_from(time.as_secs()).ok();
    seconds
        .and_then(|seconds| jiff::Timestamp::from_second(seconds).ok())
        .map_or_else(|| "an unknown day".into(), |time| time.to_string())
}

/// Names of a certificate, which come from outside: bounded and escaped.
fn listed(names: &[String]) -> String {
    const SHOWN: usize = 5;
    if names.is_empty() {
        return "no name at all".into();
    }
    let mut shown: Vec<String> = names
        .iter()
        .take(SHOWN)
        .map(|name| crate::escape::bounded(&crate::escape::one_line(name)))
        .collect();
    if names.len() > SHOWN {
        shown.push(format!("{} more", names.len() - SHOWN));
    }
    shown.join(", ")
}

/// A TLS stream whose errors say what to do.
pub(super) struct Explained<S> {
    stream: S,
    parties: Arc<Parties>,
    has_spoken: bool,
}

impl<S> Explained<S> {
    pub(super) fn new(stream: S, parties: Arc<Parties>) -> Self {
        Self {
            stream,
            parties,
            has_spoken: false,
        }
    }

    fn explain(&self, error: io::Error) -> io::Error {
        if let Some(inner) = tls_error(&error) {
            return io::Error::new(error.kind(), self.parties.explain(inner));
        }
        let is_cut = matches!(
            error.kind(),
            io::ErrorKind::ConnectionReset
                | io::ErrorKind::BrokenPipe
                | io::ErrorKind::UnexpectedEof
        );
        if is_cut && !self.has_spoken {
            return io::Error::other(self.parties.explain_silence());
        }
        error
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Explained<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let outcome = ready!(Pin::new(&mut self.stream).poll_read(cx, buf));
        if let Err(error) = outcome {
            return Poll::Ready(Err(self.explain(error)));
        }
        if buf.filled().len() > before {
            self.has_spoken = true;
        } else if !self.has_spoken && buf.remaining() > 0 {
            return Poll::Ready(Err(io::Error::other(self.parties.explain_silence())));
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Explained<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = ready!(Pin::new(&mut self.stream).poll_write(cx, buf));
        Poll::Ready(outcome.map_err(|error| self.explain(error)))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, bufs));
        Poll::Ready(outcome.map_err(|error| self.explain(error)))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = ready!(Pin::new(&mut self.stream).poll_flush(cx));
        Poll::Ready(outcome.map_err(|error| self.explain(error)))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
