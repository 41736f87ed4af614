//! Platforms, programs and root file systems.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use serde_json::json;

use super::layout_tests::{
    File, HELLO, Layout, MANIFEST, check, elf, elf_file, hello, layer, oci_platform,
};

fn right(archive: &[u8], platforms: &[&str]) {
    assert_eq!(
        check(archive, platforms, &[HELLO]).unwrap(),
        [""; 0],
        "{platforms:?}"
    );
}

#[test]
fn each_architecture_is_known_by_its_programs() {
    for platform in [
        "linux/386",
        "linux/amd64",
        "linux/amd64/v3",
        "linux/arm/v6",
        "linux/arm/v7",
        "linux/arm64",
        "linux/loong64",
        "linux/mips64le",
        "linux/ppc64le",
        "linux/riscv64",
        "linux/s390x",
    ] {
        let architecture = platform.split('/').nth(1).unwrap();
        let layout = Layout::default().image(platform, &[hello(architecture)]);
        right(&layout.archive(), &[platform]);
        for other in ["386", "amd64", "arm", "arm64", "riscv32", "arm64be"] {
            if other == architecture {
                continue;
            }
            let layout = Layout::default().image(platform, &[hello(other)]);
            let mismatches = check(&layout.archive(), &[platform], &[HELLO]).unwrap();
            assert_eq!(mismatches.len(), 1, "{other} on {platform}: {mismatches:?}");
        }
    }
}

#[test]
fn several_platforms_are_in_one_index_or_in_an_index_of_it() {
    let platforms = ["linux/arm/v7", "linux/riscv64"];
    let layout = || {
        Layout::default()
            .image("linux/riscv64", &[hello("riscv64")])
            .image("linux/arm/v7", &[hello("arm")])
    };
    right(&layout().archive(), &platforms);
    right(&layout().nested().archive(), &platforms);
    right(&layout().nested().nested().archive(), &platforms);
}

#[test]
fn layers_may_be_compressed() {
    let plain = hello("arm64");
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(&plain).unwrap();
    let zstd = compress_to_vec(&*plain, CompressionLevel::Fastest);
    for compressed in [gzip.finish().unwrap(), zstd] {
        let layout = Layout::default().image("linux/arm64", &[compressed]);
        right(&layout.archive(), &["linux/arm64"]);
    }
}

#[test]
fn a_wrong_program_says_what_it_is() {
    let script = b"#!/bin/sh\necho hello\n";
    let object = elf_file(183, 2, 1, 1);
    for (content, told) in [
        (
            elf("amd64"),
            "an ELF program for x86-64 (64-bit, little-endian)",
        ),
        (script.to_vec(), "a script (#!/bin/sh)"),
        (
            object,
            "an ELF object file for AArch64 (64-bit, little-endian)",
        ),
        (b"MZ".to_vec(), "a program for Windows"),
        (Vec::new(), "an empty file"),
    ] {
        let layout =
            Layout::default().image("linux/arm64", &[layer(&[File::Plain("hello", &content)])]);
        assert_eq!(
            check(&layout.archive(), &["linux/arm64"], &["/hello"]).unwrap(),
            [format!(
                "linux/arm64: found /hello, {told}, \
                 expected an ELF program for AArch64 (64-bit, little-endian)"
            )]
        );
    }
}

#[test]
fn platforms_are_those_asked_for() {
    let layout = Layout::default()
        .image("linux/amd64", &[hello("amd64")])
        .image("linux/s390x", &[hello("s390x")])
        .nested();
    assert_eq!(
        check(
            &layout.archive(),
            &["linux/amd64", "linux/arm/v7"],
            &[HELLO]
        )
        .unwrap(),
        [
            "linux/arm/v7: found no image, expected one",
            "linux/s390x: found an image for linux/s390x, \
             expected images for linux/amd64, linux/arm/v7 only",
        ]
    );
}

#[test]
fn variants_are_compared_as_platforms_are() {
    let layout = Layout::default()
        .image("linux/arm64/v8", &[hello("arm64")])
        .image("linux/arm", &[hello("arm")]);
    right(&layout.archive(), &["linux/arm64", "linux/arm/v7"]);
    let six = check(&layout.archive(), &["linux/arm64", "linux/arm/v6"], &[]).unwrap();
    assert_eq!(six.len(), 2, "{six:?}");
}

#[test]
fn an_image_of_two_names_is_one() {
    let mut layout = Layout::default().image("linux/amd64", &[hello("amd64")]);
    layout.manifests.push(layout.manifests[0].clone());
    right(&layout.archive(), &["linux/amd64"]);
    let layout = layout.image("linux/amd64", &[hello("amd64"), layer(&[])]);
    assert_eq!(
        check(&layout.archive(), &["linux/amd64"], &[HELLO]).unwrap(),
        ["linux/amd64: found 2 images, expected one"]
    );
}

#[test]
fn one_image_may_come_without_a_platform() {
    let mut layout = Layout::default();
    let manifest = layout.manifest("linux/riscv64", &[hello("riscv64")]);
    layout.manifests.push(manifest);
    right(&layout.archive(), &["linux/riscv64"]);
    let wrong = check(&layout.archive(), &["linux/arm64"], &[HELLO]).unwrap();
    assert_eq!(wrong.len(), 2, "{wrong:?}");
}

#[test]
fn docker_media_types_are_understood() {
    let mut layout = Layout::default().image("linux/amd64", &[hello("amd64")]);
    layout.manifests[0]["mediaType"] =
        json!("application/vnd.docker.distribution.manifest.v2+json");
    let mut layout = layout.nested();
    layout.manifests[0]["mediaType"] =
        json!("application/vnd.docker.distribution.manifest.list.v2+json");
    right(&layout.archive(), &["linux/amd64"]);
}

#[test]
fn attestations_are_passed_over() {
    let mut layout = Layout::default().image("linux/amd64", &[hello("amd64")]);
    let mut attestation = layout.blob(MANIFEST, b"{}");
    attestation["platform"] = oci_platform("unknown/unknown");
    attestation["annotations"] = json!({"vnd.docker.reference.type": "attestation-manifest"});
    layout.manifests.push(attestation);
    right(&layout.nested().archive(), &["linux/amd64"]);
}

#[test]
fn a_configuration_is_for_its_platform() {
    let mut layout = Layout::default();
    let image = layout.manifest("linux/amd64", &[hello("arm64")]);
    for platform in ["linux/arm64", "linux/amd64"] {
        let mut image = image.clone();
        image["platform"] = oci_platform(platform);
        layout.manifests.push(image);
    }
    let mismatches = check(&layout.archive(), &["linux/arm64", "linux/amd64"], &[HELLO]).unwrap();
    assert!(
        mismatches.contains(
            &"linux/arm64: found a configuration for linux/amd64, \
              expected one for the platform of its descriptor"
                .to_owned()
        ),
        "{mismatches:?}"
    );

    let mut layout = Layout::default();
    let mut image = layout.manifest("linux/arm", &[hello("arm")]);
    image["platform"] = oci_platform("linux/arm/v6");
    layout.manifests.push(image);
    right(&layout.archive(), &["linux/arm/v6"]);
}

#[test]
fn a_root_for_the_build_platform_is_found_out() {
    for (root, program) in [
        (
            layer(&[
                File::Symlink("bin", "usr/bin"),
                File::Plain("usr/bin/dash", &elf("amd64")),
                File::Symlink("usr/bin/sh", "dash"),
            ]),
            "/usr/bin/dash",
        ),
        (
            layer(&[
                File::Plain("bin/busybox", &elf("amd64")),
                File::HardLink("bin/sh", "bin/busybox"),
            ]),
            "/bin/sh",
        ),
        (
            layer(&[
                File::Plain("usr/bin/script", b"#!/usr/bin/perl"),
                File::Plain("lib/firmware/modem", &elf("riscv64")),
                File::Plain("lib/libc.so", &elf_file(62, 2, 1, 3)),
            ]),
            "/lib/libc.so",
        ),
    ] {
        let layout = Layout::default().image("linux/arm64", &[root.clone(), hello("arm64")]);
        assert_eq!(
            check(&layout.archive(), &["linux/arm64"], &[HELLO]).unwrap(),
            [format!(
                "linux/arm64: found a root file system for x86-64 (64-bit, little-endian) \
                 ({program}), expected one for AArch64 (64-bit, little-endian)"
            )]
        );
        let layout = Layout::default().image("linux/amd64", &[root, hello("amd64")]);
        right(&layout.archive(), &["linux/amd64"]);
    }
}

#[test]
fn the_program_is_not_taken_for_the_root() {
    let layout = Layout::default().image(
        "linux/arm64",
        &[layer(&[
            File::Plain("bin/app", &elf("arm64")),
            File::Plain("bin/busybox", &elf("amd64")),
        ])],
    );
    let mismatches = check(&layout.archive(), &["linux/arm64"], &["/bin/app"]).unwrap();
    assert_eq!(mismatches.len(), 1);
    assert!(mismatches[0].contains("/bin/busybox"), "{mismatches:?}");
}

#[test]
fn platforms_without_elf_are_not_guessed_at() {
    let layout = Layout::default().image("windows/amd64", &[layer(&[])]);
    let error = check(&layout.archive(), &["windows/amd64"], &[]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "checking the programs for windows/amd64: no ELF machine is known for this platform"
    );
}
