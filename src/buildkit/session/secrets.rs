//! Secrets, asked for by BuildKit when a step mounts one.
//!
//! As BuildKit's own client answers (`session/secrets/secretsprovider`):
//! `NotFound` is the answer to an unknown id, and the step decides whether it
//! can do without.

use std::collections::BTreeMap;

use bollard_buildkit_proto::moby::buildkit::secrets::v1::secrets_server::Secrets;
use bollard_buildkit_proto::moby::buildkit::secrets::v1::{GetSecretRequest, GetSecretResponse};
use tonic::{Request, Response, Status, async_trait};

use crate::buildkit::request::Secret;

/// Answers with the secrets of the request.
pub(super) struct Known(pub(super) BTreeMap<String, Secret>);

#[async_trait]
impl Secrets for Known {
    async fn get_secret(
        &self,
        request: Request<GetSecretRequest>,
    ) -> Result<Response<GetSecretResponse>, Status> {
        // BuildKit adds the id to the error itself.
        let secret = self
            .0
            .get(&request.get_ref().id)
            .ok_or_else(|| Status::not_found("not found"))?;
        Ok(Response::new(GetSecretResponse {
            data: secret.expose().to_vec(),
        }))
    }
}
