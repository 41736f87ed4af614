//! What a builder makes of the scenario.

use std::collections::BTreeMap;

use buildrace::builder::Builder;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::Place;
use crate::program::hello;
use crate::support::archive::images;
use crate::support::unique;

/// Builds the scenario on a builder, and holds its images against what went
/// into them: they are the same on all.
pub async fn builds_the_same_images(builder: &dyn Builder, place: &Place) {
    for variant in ["naive", "cross"] {
        let archive = place.path().join(unique("image"));
        let (sink, _statuses) = mpsc::unbounded_channel();
        let request = place.export(variant, archive.clone());
        let end = builder
            .build(&request, sink, CancellationToken::new())
            .await;
        end.result.unwrap();
        let expected = ["amd64", "arm64"].map(|architecture| {
            let platform = format!("linux/{architecture}");
            (platform, expected_files(architecture))
        });
        let built = images(&archive).into_iter().map(|(platform, files)| {
            let files = files.into_iter().filter(|(_, file)| file.kind == '0');
            let files = files.map(|(path, file)| (path, (file.mode, file.digest)));
            (platform, files.collect::<BTreeMap<_, _>>())
        });
        assert_eq!(built.collect::<BTreeMap<_, _>>(), expected.into());
    }
}

/// Mode and SHA-256 of each file, by its path.
fn expected_files(architecture: &str) -> BTreeMap<String, (u32, String)> {
    let digest = |content: &[u8]| hex::encode(<sha2::Sha256 as sha2::Digest>::digest(content));
    [
        ("hello", (0o755, digest(&hello(architecture)))),
        ("note", (0o644, digest(b"nonce: none\n"))),
    ]
    .map(|(path, file)| (path.to_owned(), file))
    .into()
}
