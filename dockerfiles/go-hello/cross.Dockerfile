# The form of "Faster Multi-platform builds: Dockerfile cross-compilation
# guide": the compiler runs on the node's own platform and compiles for the
# target's, reads the sources in place, and keeps its caches.
FROM --platform=$BUILDPLATFORM golang:1.24-trixie AS build
WORKDIR /src
ARG TARGETOS TARGETARCH
RUN --mount=target=. \
    --mount=type=cache,target=/root/.cache/go-build \
    --mount=type=cache,target=/go/pkg/mod \
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -o /out/hello .

FROM debian:trixie-slim
COPY --from=build /out/hello /usr/local/bin/hello
ENTRYPOINT ["hello"]
