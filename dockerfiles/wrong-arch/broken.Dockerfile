# BROKEN, to show what a check of the outputs must find: every image holds a
# program for amd64.
#
# The mistake: a default for TARGETARCH, perhaps so that the Dockerfile builds
# with the old builder, which does not set it. But a default that a Dockerfile
# gives goes before the value that BuildKit would set, so the compiler is told
# amd64 for every platform. The build succeeds, and is fast: the platforms even
# share one compilation. Right is `ARG TARGETOS TARGETARCH`, without defaults.
FROM --platform=$BUILDPLATFORM golang:1.24-trixie AS build
WORKDIR /src
ARG TARGETOS=linux
ARG TARGETARCH=amd64
RUN --mount=target=. \
    --mount=type=cache,target=/root/.cache/go-build \
    --mount=type=cache,target=/go/pkg/mod \
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -o /out/hello .

FROM debian:trixie-slim
COPY --from=build /out/hello /usr/local/bin/hello
ENTRYPOINT ["hello"]
