# Go compiles for any platform by itself; with cgo it needs a C compiler that does
# so too, and the target's C libraries. Debian has both for each of its
# architectures, and installs libraries of several side by side (multiarch).
FROM --platform=$BUILDPLATFORM golang:1.24-trixie AS build

# Docker's name of a platform, as Debian and as compilers call it.
ARG TARGETARCH TARGETVARIANT
RUN case "$TARGETARCH$TARGETVARIANT" in \
      amd64) architecture=amd64 triplet=x86_64-linux-gnu ;; \
      arm64*) architecture=arm64 triplet=aarch64-linux-gnu ;; \
      armv7) architecture=armhf triplet=arm-linux-gnueabihf ;; \
      386) architecture=i386 triplet=i686-linux-gnu ;; \
      ppc64le) architecture=ppc64el triplet=powerpc64le-linux-gnu ;; \
      riscv64) architecture=riscv64 triplet=riscv64-linux-gnu ;; \
      s390x) architecture=s390x triplet=s390x-linux-gnu ;; \
      *) echo "no names for $TARGETARCH$TARGETVARIANT here" >&2; exit 1 ;; \
    esac && \
    echo "$triplet" >/triplet && \
    # gcc-for-host:arm64 is no program of arm64's: it depends on the native compiler
    # for it. pkgconf:arm64 is the native pkg-config by the name of
    # aarch64-linux-gnu-pkg-config, which looks for arm64's libraries alone.
    dpkg --add-architecture "$architecture" && \
    apt-get update && \
    apt-get install -y --no-install-recommends \
      "gcc-for-host:$architecture" "pkgconf:$architecture" "libsqlite3-dev:$architecture"

# CGO_ENABLED is said because Go turns cgo off when it cross-compiles. Go's cache
# tells compilers and targets apart, so that all platforms may share one.
WORKDIR /src
ARG TARGETOS
RUN --mount=target=. \
    --mount=type=cache,target=/root/.cache/go-build \
    triplet=$(cat /triplet) && \
    CGO_ENABLED=1 CC=$triplet-gcc PKG_CONFIG=$triplet-pkg-config \
    GOOS=$TARGETOS GOARCH=$TARGETARCH GOARM=${TARGETVARIANT#v} \
    go build -ldflags '-extldflags "-static -lm"' -o /out/query .

# Nothing is run here, so nothing is emulated: the program is linked statically,
# and needs no library from the image.
FROM debian:trixie-slim
COPY --from=build /out/query /usr/local/bin/query
ENTRYPOINT ["query"]
