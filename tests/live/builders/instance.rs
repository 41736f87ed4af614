//! Builders of buildx's, and our client on a buildkitd.

use std::sync::Arc;

use buildrace::builder::NodeBuilder;
use buildrace::buildkit::{RemoteDial, TlsFiles};

use super::Place;
use crate::certificates::{Authority, Identity};
use crate::support::unique;

/// A builder of buildx's that is there until it is dropped.
pub struct Instance<'a> {
    place: &'a Place,
    pub name: String,
}

impl<'a> Instance<'a> {
    pub fn create(place: &'a Place, options: &[&str]) -> Self {
        let name = unique("instance");
        let instance = Self { place, name };
        let create = ["create", "--name", &instance.name];
        place.buildx(&[&create[..], options].concat());
        instance
    }
}

impl<'a> Instance<'a> {
    /// A builder of two buildkitds: `farm0` for amd64, `farm1` for arm64.
    pub fn farm(place: &'a Place, addresses: [&str; 2]) -> Self {
        let remote = ["--driver", "remote", "--node"];
        let [first, second] = addresses;
        let amd64 = ["farm0", "--platform", "linux/amd64", first];
        let farm = Self::create(place, &[&remote[..], &amd64].concat());
        let append = ["create", "--append", "--name", &farm.name];
        let arm64 = ["farm1", "--platform", "linux/arm64", second];
        place.buildx(&[&append[..], &remote, &arm64].concat());
        farm
    }
}

impl Drop for Instance<'_> {
    fn drop(&mut self) {
        let remove = self
            .place
            .program(crate::support::buildx::program())
            .args(["rm", "--force", &self.name])
            .status();
        assert!(remove.is_ok_and(|status| status.success()));
    }
}

/// Our client on a buildkitd of its own.
pub async fn connect(address: &str, tls: Option<TlsFiles>) -> NodeBuilder {
    let dial = RemoteDial::new(address, tls).unwrap();
    NodeBuilder::connect(Arc::new(dial)).await.unwrap()
}

/// `--driver-opt` of a client that shows `client` and trusts `authority`.
pub fn options(authority: &Authority, client: &Identity) -> String {
    format!(
        "cacert={},cert={},key={}",
        authority.certificate().display(),
        client.certificate.display(),
        client.key.display()
    )
}
