//! The client of one BuildKit, wherever it runs.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;

use super::control::Control;
use super::credentials::CredentialStore;
use super::dial::{self, Daemon, Dial, Duplex};
use super::error::ClientError;

/// How long a connection for a session may take to open.
const SESSION_LIMIT: Duration = Duration::from_secs(5);

/// Talks to one BuildKit. Every call has a connection of its own, so that
/// losing one loses one build, and dropping it is enough to be rid of it.
#[derive(Debug, Clone)]
pub struct Client {
    dial: Arc<dyn Dial>,
    credentials: CredentialStore,
}

impl Client {
    /// A client that dials in this way, and gives the registry credentials of
    /// Docker's config to BuildKit.
    pub fn new(dial: Arc<dyn Dial>) -> Self {
        Self::with_credentials(dial, CredentialStore::for_user())
    }

    /// As `new`, with credentials from elsewhere.
    pub fn with_credentials(dial: Arc<dyn Dial>, credentials: CredentialStore) -> Self {
        Self { dial, credentials }
    }

    /// The place of BuildKit, as a person would name it.
    pub fn endpoint(&self) -> String {
        self.dial.endpoint()
    }

    pub(super) fn daemon(&self) -> Daemon {
        self.dial.daemon()
    }

    /// What has become of BuildKit, which is lost or said so.
    pub(super) async fn fate(&self, said: &str) -> Option<String> {
        self.dial.fate(said).await
    }

    pub(super) fn credentials(&self) -> CredentialStore {
        self.credentials.clone()
    }

    pub(super) async fn connect(&self) -> Result<Control, ClientError> {
        Ok(Control::new(dial::connect(&*self.dial).await?))
    }

    /// A connection of its own for a session. Without one, for whatever reason,
    /// the session goes through the Control API: that works everywhere, and only
    /// costs the daemon more.
    pub(super) async fn session(&self, metadata: &HeaderMap) -> Option<Box<dyn Duplex>> {
        let opening = tokio::time::timeout(SESSION_LIMIT, self.dial.session(metadata));
        opening.await.ok()??.ok()
    }
}
