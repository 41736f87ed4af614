# CMake cross-compiles when it is told the target's system, compiler and
# pkg-config. Debian has compilers and libraries for each of its architectures,
# and installs libraries of several side by side (multiarch).
FROM --platform=$BUILDPLATFORM debian:trixie-slim AS build

# Before the ARG: once for all platforms. The tools are the same for each; binutils
# has `as` and `ld` by the names by which the compiler for the own platform calls
# them.
RUN apt-get update && \
    apt-get install -y --no-install-recommends binutils ccache cmake ninja-build

# After it: once for each platform. First Docker's name of the platform, as
# Debian and compilers call it.
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
    # g++-for-host:arm64 is no program of arm64's: it depends on the native compiler
    # for it. pkgconf:arm64 is the native pkg-config by the name of
    # aarch64-linux-gnu-pkg-config, which looks for arm64's libraries alone.
    dpkg --add-architecture "$architecture" && \
    apt-get update && \
    apt-get install -y --no-install-recommends \
      "g++-for-host:$architecture" "pkgconf:$architecture" "zlib1g-dev:$architecture" && \
    # What CMake has to be told. /usr/lib/TRIPLET and the like it asks the compiler for.
    printf 'set(%s %s)\n' \
      CMAKE_SYSTEM_NAME Linux \
      CMAKE_SYSTEM_PROCESSOR "${triplet%%-*}" \
      CMAKE_CXX_COMPILER "$triplet-g++" \
      PKG_CONFIG_EXECUTABLE "$triplet-pkg-config" >/toolchain.cmake

# Go keeps what it compiled, g++ does not: ccache does so in its stead, and a
# cache mount keeps it from one build to the next. The build folder itself would
# not do: Ninja goes by times of files, and each checkout makes new ones; ccache
# goes by what is in them.
WORKDIR /src
RUN --mount=target=. \
    --mount=type=cache,target=/root/.cache/ccache \
    cmake -G Ninja -S . -B /build --toolchain /toolchain.cmake \
      -DCMAKE_CXX_COMPILER_LAUNCHER=ccache && \
    cmake --build /build

# Nothing is run here, so nothing is emulated: the program is linked statically,
# and needs no library from the image.
FROM debian:trixie-slim
COPY --from=build /build/words /usr/local/bin/words
ENTRYPOINT ["words"]
