# The form that "Faster Multi-platform builds: Dockerfile cross-compilation
# guide" arrives at: the compiler runs on the node's own platform and compiles
# for the target's, reads the sources in place, and keeps its cache. What the
# platforms share comes before the first ARG that tells them apart.
FROM --platform=$BUILDPLATFORM golang:1.24-trixie AS build
WORKDIR /go/src/github.com/docker/cli
ENV GO111MODULE=off CGO_ENABLED=0
ARG TARGETOS TARGETARCH
RUN --mount=target=. \
    --mount=type=cache,target=/root/.cache/go-build \
    GOOS=$TARGETOS GOARCH=$TARGETARCH go build -o /out/docker ./cmd/docker

FROM debian:trixie-slim
COPY --from=build /out/docker /usr/local/bin/docker
ENTRYPOINT ["docker"]
