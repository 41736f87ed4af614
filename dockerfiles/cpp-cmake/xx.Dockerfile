# xx does what cross.Dockerfile spells out: its scripts read BuildKit's TARGET…
# arguments, so that no Dockerfile has to translate names of platforms.
# https://github.com/tonistiigi/xx
FROM --platform=$BUILDPLATFORM tonistiigi/xx:1.9.0 AS xx

FROM --platform=$BUILDPLATFORM debian:trixie-slim AS build
COPY --from=xx / /

# Before the ARG: once for all platforms. clang is one compiler for all targets,
# and lld one linker; file is what xx-verify asks.
RUN apt-get update && \
    apt-get install -y --no-install-recommends ccache clang cmake file lld ninja-build

# After it: once for each platform, and only what the target's programs are
# linked with. xx-apt-get adds Debian's architecture and installs its packages.
ARG TARGETPLATFORM
RUN xx-apt-get install -y --no-install-recommends libstdc++-14-dev pkgconf zlib1g-dev

# What xx prints for CMake are the compiler, its target and the pkg-config.
# ccache keeps in a cache mount what clang compiled, as in cross.Dockerfile.
# xx-verify fails where the program is not one for the target, or not static.
WORKDIR /src
RUN --mount=target=. \
    --mount=type=cache,target=/root/.cache/ccache \
    cmake -G Ninja -S . -B /build $(xx-clang --print-cmake-defines) \
      -DCMAKE_CXX_COMPILER_LAUNCHER=ccache && \
    cmake --build /build && \
    xx-verify --static /build/words

FROM debian:trixie-slim
COPY --from=build /build/words /usr/local/bin/words
ENTRYPOINT ["words"]
