use proptest::prelude::*;

use super::*;

fn build_images(
    text: &str,
    target: Option<&str>,
    args: &[(&str, &str)],
) -> Result<Vec<String>, String> {
    let build_args = args
        .iter()
        .map(|(k, v)| ((*k).into(), (*v).into()))
        .collect();
    let node = Platform::linux("amd64");
    let platforms = ["amd64", "arm64"].map(Platform::linux);
    images(
        text,
        BuildOf {
            target,
            build_args: &build_args,
            node: &node,
            platforms: &platforms,
        },
    )
    .map(|images| {
        images
            .iter()
            .map(|i| format!("{} {} {}", i.line, i.name, i.platform.architecture()))
            .collect()
    })
    .map_err(|error| error.at(Path::new("Dockerfile")).to_string())
}

#[test]
fn a_stage_of_the_build_platform_needs_its_image_there_alone() {
    let text = "FROM --platform=$BUILDPLATFORM golang:1.24-trixie AS build\n\
                RUN --mount=target=. --mount=type=cache,target=/c go build\n\n\
                FROM debian:trixie-slim\nCOPY --from=build /out /\n";
    assert_eq!(
        build_images(text, None, &[]).unwrap(),
        [
            "1 golang:1.24-trixie amd64",
            "4 debian:trixie-slim amd64",
            "4 debian:trixie-slim arm64",
        ]
    );
}

#[test]
fn copies_mounts_and_syntax_name_images_too() {
    let text = "# syntax=docker/dockerfile:1\n\
                FROM --platform=linux/arm64 alpine AS one\n\
                FROM one AS two\n\
                RUN --mount=type=bind,from=busybox,target=/b \\\n    --mount=from=ONE,target=/o true\n\
                FROM scratch\n\
                COPY --from=two --chmod=755 /a /\n\
                COPY --from=1 /a /\n\
                COPY --from=tools:2 /a /\n";
    assert_eq!(
        build_images(text, None, &[]).unwrap(),
        [
            "1 docker/dockerfile:1 amd64",
            "2 alpine arm64",
            "4 busybox amd64",
            "4 busybox arm64",
            "9 tools:2 amd64",
            "9 tools:2 arm64",
        ]
    );
}

#[test]
fn arguments_are_replaced_as_from_sees_them() {
    let text = "ARG GO=1.24 SUITE='trixie'\nARG BASE=golang:${GO}-$SUITE\nARG NONE\n\
                FROM ${BASE} AS a\nFROM x${NONE:-y}\nCOPY --from=a / /\n";
    assert_eq!(
        build_images(text, None, &[]).unwrap(),
        [
            "4 golang:1.24-trixie amd64",
            "4 golang:1.24-trixie arm64",
            "5 xy amd64",
            "5 xy arm64"
        ]
    );
    assert_eq!(
        build_images(text, Some("A"), &[("GO", "1.25")]).unwrap(),
        ["4 golang:1.25-trixie amd64", "4 golang:1.25-trixie arm64"]
    );
}

#[test]
fn a_stage_chosen_by_architecture_is_needed_on_that_one_alone() {
    let text = "FROM intel AS base-amd64\nFROM arm AS base-arm64\nFROM base-$TARGETARCH\n";
    assert_eq!(
        build_images(text, None, &[]).unwrap(),
        ["1 intel amd64", "2 arm arm64"]
    );
}

#[test]
fn stages_that_the_build_does_not_reach_need_nothing() {
    let text = "FROM unused AS lint\nFROM used AS build\nFROM scratch\nCOPY --from=build / /\n";
    assert_eq!(
        build_images(text, None, &[]).unwrap(),
        ["2 used amd64", "2 used arm64"]
    );
}

#[test]
fn a_stage_named_like_its_image_is_no_loop() {
    assert_eq!(
        build_images("FROM alpine AS alpine\n", None, &[]).unwrap(),
        ["1 alpine amd64", "1 alpine arm64"]
    );
}

#[test]
fn windows_line_ends_byte_order_marks_and_escapes_are_understood() {
    let text = "\u{feff}# escape=`\r\nARG X=a `\r\n  Y=b\r\nFROM $X$Y\r\n";
    assert_eq!(
        build_images(text, None, &[]).unwrap(),
        ["4 ab amd64", "4 ab arm64"]
    );
}

#[test]
fn what_names_no_image_is_an_error_with_its_line() {
    for (text, expected) in [
        (
            "\nFROM $NONE\n",
            "Dockerfile:2: \"$NONE\" names no image: a variable in it has no value",
        ),
        (
            "FROM a\nFROM ${X\n",
            "Dockerfile:2: \"${X\": expected '}' after \"${X\"",
        ),
        (
            "FROM --platform=arm a\n",
            "Dockerfile:1: --platform=arm: \"arm\" is not a platform: expected os/architecture[/variant], like linux/arm64",
        ),
        (
            "FROM a\nCOPY --from=$X / /\n",
            "Dockerfile:2: from=\"$X\": BuildKit replaces no variables here; name a stage that is FROM the image",
        ),
    ] {
        assert_eq!(build_images(text, None, &[]).unwrap_err(), expected);
    }
}

proptest! {
    #[test]
    fn no_dockerfile_makes_it_panic(
        text in "((#|# ?syntax=|# ?escape=|FROM |ARG |COPY |RUN |ADD |ONBUILD |--from=|--mount=|--platform=|AS |<<E|\\[\"|[ -~é\n\r\t\\\\`$]){0,4}\n?){0,12}",
    ) {
        if let Err(error) = build_images(&text, None, &[("X", "y")]) {
            prop_assert!(!error.contains('\n'), "{error:?}");
            prop_assert!(error.starts_with("Dockerfile:"), "{error:?}");
        }
    }

    #[test]
    fn arbitrary_text_does_not_make_it_panic(text in any::<String>()) {
        let _ = build_images(&text, None, &[]);
    }
}
