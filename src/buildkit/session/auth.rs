//! Registry credentials, asked for by BuildKit when a registry asks it.
//!
//! BuildKit can also have the client fetch registry tokens, so that it never
//! sees the credentials. We answer `Unimplemented` to that and BuildKit falls
//! back to asking for credentials, as it does with every client from before
//! BuildKit 0.8. It follows that a static `registrytoken` of Docker's config
//! is not used.

use bollard_buildkit_proto::moby::filesync::v1::auth_server::Auth;
use bollard_buildkit_proto::moby::filesync::v1::{
    CredentialsRequest, CredentialsResponse, FetchTokenRequest, FetchTokenResponse,
    GetTokenAuthorityRequest, GetTokenAuthorityResponse, VerifyTokenAuthorityRequest,
    VerifyTokenAuthorityResponse,
};
use tonic::{Request, Response, Status, async_trait};

use crate::buildkit::credentials::CredentialStore;

/// Answers with what Docker's config says.
pub(super) struct Credentials {
    pub(super) store: CredentialStore,
}

#[async_trait]
impl Auth for Credentials {
    async fn credentials(
        &self,
        request: Request<CredentialsRequest>,
    ) -> Result<Response<CredentialsResponse>, Status> {
        let found = self
            .store
            .get(&request.get_ref().host)
            .await
            .map_err(|error| Status::internal(error.without_paths()))?;
        // No credentials means an anonymous try, which an empty answer says.
        let (username, secret) = found.map(|found| found.into_parts()).unwrap_or_default();
        Ok(Response::new(CredentialsResponse { username, secret }))
    }

    async fn fetch_token(
        &self,
        _: Request<FetchTokenRequest>,
    ) -> Result<Response<FetchTokenResponse>, Status> {
        Err(no_client_tokens())
    }

    async fn get_token_authority(
        &self,
        _: Request<GetTokenAuthorityRequest>,
    ) -> Result<Response<GetTokenAuthorityResponse>, Status> {
        Err(no_client_tokens())
    }

    async fn verify_token_authority(
        &self,
        _: Request<VerifyTokenAuthorityRequest>,
    ) -> Result<Response<VerifyTokenAuthorityResponse>, Status> {
        Err(no_client_tokens())
    }
}

fn no_client_tokens() -> Status {
    Status::unimplemented("tokens are not fetched on this side")
}
