//! Archives that are damaged, or were made to do damage.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use serde_json::json;
use tar::{EntryType, Header};

use super::layout_tests::{
    File, HELLO, INDEX, Layout, MANIFEST, bounded_check, check, elf, hello, layer,
};
use super::limits::Limits;
use super::{Expected, VerifyError, check_archive};

const PLATFORM: &str = "linux/arm64";

fn right() -> Layout {
    Layout::default().image(PLATFORM, &[hello("arm64")])
}

fn refused(layout: &Layout) -> String {
    refused_within(layout, &Limits::DEFAULT)
}

fn refused_within(layout: &Layout, limits: &Limits) -> String {
    let error = bounded_check(&layout.archive(), &[PLATFORM], &[HELLO], limits).unwrap_err();
    let line = error.to_string();
    assert!(!line.chars().any(char::is_control), "{line:?}");
    line
}

fn with_layer(layer: Vec<u8>) -> Layout {
    Layout::default().image(PLATFORM, &[layer])
}

/// An entry whose header claims a size that does not follow.
fn claims(kind: EntryType, size: u64) -> Vec<u8> {
    let mut header = Header::new_gnu();
    header.set_path("hello").unwrap();
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_cksum();
    let mut tar = header.as_bytes().to_vec();
    tar.extend([0; 1024]);
    tar
}

#[test]
fn a_file_that_is_not_there_or_no_file_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let expected = Expected {
        platforms: Vec::new(),
        binaries: Vec::new(),
    };
    for path in [folder.path().join("none\n.tar"), folder.path().to_owned()] {
        let error = check_archive(&path, &expected).unwrap_err();
        assert!(matches!(error, VerifyError::Open { .. }), "{error}");
        assert!(!error.to_string().contains('\n'), "{error}");
    }
}

#[test]
fn a_truncated_archive_is_never_right() {
    let whole = right().nested().archive();
    // Not needed are the two blocks of zeros that end a tar, the last entry,
    // `oci-layout`, and the padding before it.
    let before = &whole[..whole.len() - 4 * 512];
    let last = before.iter().rposition(|byte| *byte != 0).unwrap();
    for length in (0..last).step_by(97).chain([last]) {
        let result = check(&whole[..length], &[PLATFORM], &[HELLO]);
        assert!(result.is_err(), "{length}: {result:?}");
    }
}

#[test]
fn a_truncated_layer_is_an_error() {
    let plain = hello("arm64");
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(&plain).unwrap();
    let gzip = gzip.finish().unwrap();
    for layer in [&plain[..540], &gzip[..gzip.len() - 4], &gzip[..30]] {
        let line = refused(&with_layer(layer.to_vec()));
        assert!(line.contains("a layer for linux/arm64"), "{line}");
    }
}

#[test]
fn documents_have_the_digest_that_is_claimed() {
    let mut layout = right().nested();
    for (_, content) in &mut layout.blobs {
        if content.starts_with(b"{") {
            // JSON still, of the same length.
            let at = content.iter().position(|b| *b == b'2').unwrap_or(0);
            if content[at] == b'2' {
                content[at] = b'3';
            }
        }
    }
    assert!(refused(&layout).ends_with("its content has another digest"));
}

#[test]
fn blobs_are_there_and_as_long_as_claimed() {
    let mut layout = right();
    layout.manifests[0]["size"] = json!(1_u64 << 40);
    assert!(refused(&layout).contains("1099511627776 by its descriptor"));
    let mut layout = right();
    layout.manifests[0]["digest"] = json!(format!("sha256:{}", "0".repeat(64)));
    assert!(refused(&layout).ends_with("the archive does not hold it"));
    let mut layout = right();
    layout.manifests[0]["digest"] = json!(format!("sha512:{}", "0".repeat(128)));
    assert!(refused(&layout).ends_with("only blobs named by SHA-256 are read"));
    let mut layout = right();
    layout.manifests[0]["digest"] = json!("sha256:../../../etc/passwd");
    assert!(refused(&layout).contains("index.json"));
}

#[test]
fn sizes_claimed_are_not_believed() {
    for size in [1 << 20, 1 << 40, u64::MAX - 511, u64::MAX] {
        for kind in [
            EntryType::Regular,
            EntryType::GNULongName,
            EntryType::GNULongLink,
            EntryType::XHeader,
            EntryType::XGlobalHeader,
            EntryType::GNUSparse,
        ] {
            let result = check(&claims(kind, size), &[PLATFORM], &[HELLO]);
            assert!(result.is_err(), "{kind:?} {size}");
            refused(&with_layer(claims(kind, size)));
        }
    }
}

#[test]
fn bounds_are_kept() {
    let small = Limits::DEFAULT;
    let many = || {
        let names: Vec<String> = (0..50).map(|n| format!("file-{n}")).collect();
        let files: Vec<File<'_>> = names.iter().map(|name| File::Plain(name, b"x")).collect();
        with_layer(layer(&files))
    };
    let zeros = || {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(&layer(&[File::Plain("zeros", &[0; 1 << 20])]))
            .unwrap();
        with_layer(gzip.finish().unwrap())
    };
    let layers = || Layout::default().image(PLATFORM, &vec![layer(&[]); 11]);
    for (layout, limits, told) in [
        (
            zeros(),
            Limits {
                layer_bytes: 1 << 19,
                ..small
            },
            "524288 bytes decompressed",
        ),
        (
            zeros(),
            Limits {
                total_bytes: 1 << 19,
                ..small
            },
            "524288 bytes decompressed",
        ),
        (
            many(),
            Limits { files: 49, ..small },
            "49 files in an image",
        ),
        (
            many(),
            Limits {
                name_bytes: 300,
                ..small
            },
            "300 bytes of names in an image",
        ),
        (
            layers(),
            Limits {
                layers: 10,
                ..small
            },
            "10 layers",
        ),
        (
            right(),
            Limits {
                document_bytes: 100,
                ..small
            },
            "100 bytes",
        ),
        (
            right(),
            Limits {
                archive_entries: 3,
                ..small
            },
            "3 entries",
        ),
        (
            right(),
            Limits {
                descriptors: 0,
                ..small
            },
            "0 descriptors",
        ),
        (
            right().nested().nested(),
            Limits {
                nesting: 2,
                ..small
            },
            "2 indexes in each other",
        ),
    ] {
        let line = refused_within(&layout, &limits);
        assert!(line.ends_with(&format!("more than {told}")), "{line}");
    }
    let twice = Layout::default().image(PLATFORM, &[hello("arm64"), hello("arm64")]);
    let limits = Limits {
        total_bytes: hello("arm64").len() as u64 * 2 - 1,
        ..small
    };
    refused_within(&twice, &limits);
}

#[test]
fn files_in_files_and_links_to_nothing_are_errors() {
    let program = elf("arm64");
    for files in [
        [File::Plain("a", b""), File::Plain("a/b/c", &program)],
        [File::Folder("a"), File::HardLink("b", "none")],
        [File::Folder("a"), File::HardLink("b", "a")],
        [File::Symlink("a", "a"), File::Plain("a/b", &program)],
    ] {
        refused(&with_layer(layer(&files)));
    }
}

#[test]
fn names_are_escaped_when_told() {
    let mut layout = right();
    layout.manifests[0]["platform"] = json!({"os": "linux\u{1b}[31m", "architecture": "a\nb"});
    let mismatches = check(&layout.archive(), &[PLATFORM], &["/\u{202e}hello"]).unwrap();
    assert_eq!(mismatches[0], "linux/arm64: found no image, expected one");
    assert_eq!(
        mismatches[1],
        "found an image for linux\\x1b[31m/a\\nb, expected images for linux/arm64 only"
    );
    let line = check(&right().archive(), &[PLATFORM], &["/\u{202e}hello"]).unwrap();
    assert!(line[0].contains("no /\\u{202e}hello,"), "{line:?}");
}

#[test]
fn a_type_of_no_image_is_told() {
    let mut layout = right();
    layout.manifests[0]["mediaType"] = json!("text/\u{1b}html");
    assert!(refused(&layout).ends_with("text/\\x1bhtml is the type of no image"));
}

/// A tar whose header is right and whose content is not.
fn entry(name: &str, content: &[u8]) -> Vec<u8> {
    layer(&[File::Plain(name, content)])
}

proptest! {
    #[test]
    fn garbage_is_an_error(bytes in prop::collection::vec(any::<u8>(), 0..3000)) {
        prop_assert!(check(&bytes, &[PLATFORM], &[HELLO]).is_err());
        prop_assert!(check(&entry("index.json", &bytes), &[PLATFORM], &[HELLO]).is_err());
    }

    #[test]
    fn garbage_never_panics(
        bytes in prop::collection::vec(any::<u8>(), 0..1500),
        magic in prop::sample::select(vec![&b""[..], b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd"]),
    ) {
        let bytes = [magic, &bytes].concat();
        let _ = check(&with_layer(bytes.clone()).archive(), &[PLATFORM], &[HELLO]);
        let binary = layer(&[File::Plain(&HELLO[1..], &bytes)]);
        let _ = check(&with_layer(binary).archive(), &[PLATFORM], &[HELLO]);
        for kind in [INDEX, MANIFEST] {
            let mut layout = Layout::default();
            let descriptor = layout.blob(kind, &bytes);
            layout.manifests.push(descriptor);
            prop_assert!(check(&layout.archive(), &[PLATFORM], &[HELLO]).is_err());
        }
    }

    #[test]
    fn a_damaged_archive_never_panics(at: prop::sample::Index, byte: u8, cut: prop::sample::Index) {
        let mut bytes = right().nested().archive();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _ = check(&bytes, &[PLATFORM], &[HELLO]);
        bytes.truncate(cut.index(bytes.len()));
        let _ = check(&bytes, &[PLATFORM], &[HELLO]);
    }

    #[test]
    fn a_damaged_layer_never_panics(at: prop::sample::Index, byte: u8) {
        let mut bytes = layer(&[
            File::Plain(&HELLO[1..], &elf("arm64")),
            File::Symlink("bin", "usr/local/bin"),
            File::HardLink("bin/sh", &HELLO[1..]),
        ]);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _ = check(&with_layer(bytes).archive(), &[PLATFORM], &[HELLO]);
    }
}
