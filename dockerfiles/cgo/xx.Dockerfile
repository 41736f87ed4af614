# xx does what cross.Dockerfile spells out: its scripts read BuildKit's TARGET…
# arguments, so that no Dockerfile has to translate names of platforms.
# https://github.com/tonistiigi/xx
FROM --platform=$BUILDPLATFORM tonistiigi/xx:1.9.0 AS xx

FROM --platform=$BUILDPLATFORM golang:1.24-trixie AS build
COPY --from=xx / /

# Before the ARG: once for all platforms. clang is one compiler for all targets,
# and lld one linker; file is what xx-verify asks.
RUN apt-get update && \
    apt-get install -y --no-install-recommends clang file lld

# After it: once for each platform, and only what the target's programs are
# linked with. xx-apt-get adds Debian's architecture and installs its packages.
ARG TARGETPLATFORM
RUN xx-apt-get install -y --no-install-recommends \
      libc6-dev libgcc-14-dev libsqlite3-dev pkgconf

# xx-go sets GOOS, GOARCH, GOARM, CC and PKG_CONFIG. CGO_ENABLED it leaves alone,
# and Go turns cgo off when it cross-compiles. xx-verify fails where the program
# is not one for the target, or not static.
WORKDIR /src
RUN --mount=target=. \
    --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=1 xx-go build -ldflags '-extldflags "-static -lm"' -o /out/query . && \
    xx-verify --static /out/query

FROM debian:trixie-slim
COPY --from=build /out/query /usr/local/bin/query
ENTRYPOINT ["query"]
