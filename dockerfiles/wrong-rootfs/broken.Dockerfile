# BROKEN, to show what a check of the outputs must find: every image holds the
# root file system of the machine that built it.
#
# The mistake: --platform=$BUILDPLATFORM on the last stage too. It belongs on
# the stages that compile; the last stage is the image itself. The program is
# the right one, and a static one even starts, but the shell, the C library and
# every other program beside it are those of another architecture.
FROM --platform=$BUILDPLATFORM golang:1.24-trixie AS build
WORKDIR /src
ARG TARGETOS TARGETARCH
RUN --mount=target=. \
    --mount=type=cache,target=/root/.cache/go-build \
    --mount=type=cache,target=/go/pkg/mod \
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -o /out/hello .

FROM --platform=$BUILDPLATFORM debian:trixie-slim
COPY --from=build /out/hello /usr/local/bin/hello
ENTRYPOINT ["hello"]
