//! What timed builds have exported, until it is removed.
//!
//! An image stays until the next build of its chain has ended, as one that is built
//! again and again stays under its tag: layers that did not change need not be loaded or
//! unpacked anew. No chain finds the images of another, and no job of CI those of the
//! job before.

use std::collections::HashMap;

use super::chain::ChainName;
use crate::buildkit::{BakeRequest, Destination, Export};

/// The builds whose results may be there, by their chains.
#[derive(Debug, Default)]
pub(super) struct Exports {
    of_chains: HashMap<ChainName, Exported>,
}

#[derive(Debug)]
struct Exported {
    place: usize,
    /// The last one last.
    builds: Vec<BakeRequest>,
}

impl Exports {
    /// Notes a build that is about to begin.
    pub(super) fn add(&mut self, chain: &ChainName, place: usize, build: &BakeRequest) {
        if build
            .targets
            .iter()
            .all(|it| it.request.export == Export::CacheOnly)
        {
            return;
        }
        let of_chain = self.of_chains.entry(chain.clone());
        let exported = of_chain.or_insert(Exported {
            place,
            builds: Vec::new(),
        });
        exported.builds.push(build.clone());
    }

    /// Takes out those of a chain but its last image.
    pub(super) fn take_replaced(&mut self, chain: &ChainName) -> Vec<(usize, BakeRequest)> {
        let Some(exported) = self.of_chains.get_mut(chain) else {
            return Vec::new();
        };
        let kept = exported.builds.pop_if(|last| !is_archive(last));
        let replaced = std::mem::replace(&mut exported.builds, kept.into_iter().collect());
        let place = exported.place;
        replaced.into_iter().map(|build| (place, build)).collect()
    }

    /// Takes out those of chains.
    pub(super) fn take(
        &mut self,
        is_meant: impl Fn(&ChainName, usize) -> bool,
    ) -> Vec<(usize, BakeRequest)> {
        let taken = self
            .of_chains
            .extract_if(|chain, exported| is_meant(chain, exported.place));
        taken
            .flat_map(|(_, exported)| {
                let place = exported.place;
                exported.builds.into_iter().map(move |build| (place, build))
            })
            .collect()
    }
}

/// Whether a result is in a file, which nothing is gained by keeping.
fn is_archive(build: &BakeRequest) -> bool {
    build.targets.iter().any(|target| {
        matches!(
            target.request.export,
            Export::Exporter {
                destination: Some(Destination::File(_)),
                ..
            }
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Slot;

    fn build(reference: &str, export: Export) -> BakeRequest {
        let request = crate::buildkit::BuildRequest::internal(
            reference.to_owned(),
            std::path::Path::new("."),
            Vec::new(),
            std::time::Duration::ZERO,
        );
        BakeRequest::alone(crate::buildkit::BuildRequest { export, ..request })
    }

    fn image(destination: Option<Destination>) -> Export {
        Export::Exporter {
            kind: "image".into(),
            attributes: Default::default(),
            destination,
        }
    }

    fn chain(variant: &str) -> ChainName {
        ChainName::of(&Slot {
            id: String::new(),
            scenario: "s".into(),
            variant: variant.into(),
            kind: crate::model::BuildKind::MultiArch,
            round: 1,
            position: 1,
        })
    }

    fn references(taken: &[(usize, BakeRequest)]) -> Vec<&str> {
        let targets = taken.iter().flat_map(|(_, build)| &build.targets);
        targets.map(|it| it.request.reference.as_str()).collect()
    }

    #[test]
    fn an_image_stays_until_the_next_build_of_its_chain_has_ended() {
        let mut exports = Exports::default();
        let (a, b) = (chain("a"), chain("b"));
        exports.add(&a, 0, &build("a1", image(None)));
        assert_eq!(exports.take_replaced(&a).len(), 0);
        exports.add(&a, 0, &build("a2", image(None)));
        exports.add(&b, 1, &build("b1", image(None)));
        assert_eq!(references(&exports.take_replaced(&a)), ["a1"]);
        assert_eq!(references(&exports.take(|_, place| place == 1)), ["b1"]);
        assert_eq!(references(&exports.take(|_, _| true)), ["a2"]);
        assert_eq!(exports.take(|_, _| true).len(), 0);
    }

    #[test]
    fn an_archive_does_not_stay() {
        let mut exports = Exports::default();
        let archive = image(Some(Destination::File("image.tar".into())));
        exports.add(&chain("a"), 0, &build("a1", archive));
        assert_eq!(references(&exports.take_replaced(&chain("a"))), ["a1"]);
        exports.add(&chain("a"), 0, &build("a2", Export::CacheOnly));
        assert_eq!(exports.take(|_, _| true).len(), 0);
    }
}
