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
    needs(
        text,
        BuildOf {
            target,
            build_args: &build_args,
            node: &node,
            platforms: &platforms,
        },
    )
    .map(|needs| {
        let unclear = needs.unclear.into_iter();
        let unclear = unclear.map(|(line, why)| format!("{line}: {why}"));
        let images = needs.images.iter();
        images
            .map(|i| format!("{} {} {}", i.line, i.name, i.platform.architecture()))
            .chain(unclear)
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
fn what_cannot_be_read_is_told_with_its_line_and_refuses_nothing() {
    for (text, expected) in [
        (
            "\nFROM $NONE\n",
            "2: \"$NONE\" names no image: a variable in it has no value",
        ),
        (
            "FROM a AS b\nFROM b${X\n",
            "2: \"b${X\": expected '}' after \"${X\"",
        ),
        (
            "FROM --platform=toaster a\n",
            "1: --platform=toaster: \"toaster\" is not a platform: expected os/architecture[/variant] or an architecture, like linux/arm64 or arm64",
        ),
        (
            "FROM scratch\nCOPY --from=$X / /\n",
            "2: from=\"$X\": not every BuildKit replaces variables here",
        ),
        (
            "FROM Foo/Bar\n",
            "1: \"Foo/Bar\" is not the name of an image: it must be in lower case",
        ),
    ] {
        assert_eq!(build_images(text, None, &[]).unwrap(), [expected]);
    }
    let mut two = build_images("FROM a\nRUN <<X\nCOPY --from=b / /\n", None, &[]).unwrap();
    assert_eq!(two.pop().unwrap(), "2: nothing ends the heredoc \"X\"");
    assert_eq!(two.len(), 4);
}

#[test]
fn what_an_engine_does_not_survive_is_refused() {
    for text in ["", "# nothing\n", "ARG X=1\n", "ARG X\rFROM a\rRUN b\r"] {
        let message = build_images(text, None, &[]).unwrap_err();
        assert!(message.contains("Docker Engine 26.1"), "{message}");
    }
}

#[test]
fn a_text_in_another_language_needs_its_frontend_alone() {
    let text = "# syntax=example.org/mopy:1\nFROM not an image\n";
    let found = build_images(text, None, &[]).unwrap();
    assert_eq!(
        found,
        [
            "1 example.org/mopy:1 amd64",
            "1: \"example.org/mopy:1\" reads it"
        ]
    );
    let chosen = [("BUILDKIT_SYNTAX", "docker/dockerfile:1.7")];
    let found = build_images(text, None, &chosen).unwrap();
    assert_eq!(found[0], "1 docker/dockerfile:1.7 amd64");
    assert_eq!(found[1], "2 not amd64");
}

#[test]
fn what_grows_without_end_is_refused_in_one_line() {
    let text = include_str!("../../tests/fixtures/cases/arg-doubling/a.Dockerfile");
    let message = build_images(text, None, &[]).unwrap_err();
    assert_eq!(
        message,
        "Dockerfile:28: FROM \"${A26}\": it expands to more than 65536 characters; \
         no image has such a name"
    );
}

#[test]
fn names_and_stages_of_the_cases_are_read() {
    let case = |text: &str, args: &[(&str, &str)]| build_images(text, None, args).unwrap();
    let args = include_str!("../../tests/fixtures/cases/name-arg-default/Dockerfile");
    assert_eq!(
        case(args, &[])[0],
        "3 docker.io/library/debian:trixie-slim amd64"
    );
    assert_eq!(
        case(args, &[("REG", "r:5000"), ("TAG", "1")])[0],
        "3 r:5000/debian:1 amd64"
    );
    let twice = include_str!("../../tests/fixtures/cases/stage-twice/Dockerfile");
    assert_eq!(case(twice, &[])[0], "2 debian:trixie-slim amd64");
    let none = include_str!("../../tests/fixtures/cases/platforms/Dockerfile");
    assert_eq!(case(none, &[]), [""; 0]);
}

#[test]
fn a_name_means_the_last_stage_before_it_or_of_all() {
    let text = "FROM one AS x\nFROM x AS x\nFROM two AS x\nFROM scratch\nCOPY --from=X / /\n";
    assert_eq!(
        build_images(text, None, &[]).unwrap(),
        ["3 two amd64", "3 two arm64"]
    );
    assert_eq!(
        build_images("FROM one AS x\nFROM x AS x\n", None, &[]).unwrap(),
        ["1 one amd64", "1 one arm64"]
    );
}

#[test]
fn a_long_chain_of_stages_is_read_at_once() {
    use std::fmt::Write as _;
    let mut text = String::from("FROM base AS s0\n");
    for at in 1..100_000 {
        let before = at - 1;
        writeln!(text, "FROM s{before} AS s{at}\nCOPY --from=s0 / /").unwrap();
    }
    assert_eq!(build_images(&text, None, &[]).unwrap().len(), 2);
    assert_eq!(crate::scenario::instructions(&text).len(), 100_000);
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
