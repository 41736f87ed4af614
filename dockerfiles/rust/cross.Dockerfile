# rustc compiles for any target; one compiler is enough. What a target needs of
# its own is Rust's standard library, a C library, and a C compiler, with which
# rustc links. Where rustc comes from rustup and not from Debian, the first of
# these is `rustup target add`.
FROM --platform=$BUILDPLATFORM debian:trixie-slim AS build

# Before the ARG: once for all platforms. gcc is for build scripts, which run
# here whatever the target.
RUN apt-get update && \
    apt-get install -y --no-install-recommends cargo gcc libc6-dev rustc

# After it: once for each platform. Debian, GNU and Rust name machines each in
# their own way. Here a package of a foreign architecture is only a folder with
# that machine's libraries: nothing of it is run.
ARG TARGETARCH TARGETVARIANT
RUN case "$TARGETARCH$TARGETVARIANT" in \
      amd64) debian=amd64 gnu=x86_64-linux-gnu rust=x86_64-unknown-linux-gnu ;; \
      arm64) debian=arm64 gnu=aarch64-linux-gnu rust=aarch64-unknown-linux-gnu ;; \
      armv7) debian=armhf gnu=arm-linux-gnueabihf rust=armv7-unknown-linux-gnueabihf ;; \
      riscv64) debian=riscv64 gnu=riscv64-linux-gnu rust=riscv64gc-unknown-linux-gnu ;; \
      *) echo "no names for $TARGETARCH$TARGETVARIANT here" >&2; exit 1 ;; \
    esac && \
    dpkg --add-architecture "$debian" && \
    apt-get update && \
    apt-get install -y --no-install-recommends \
      "gcc-$(echo "$gnu" | tr _ -)" "libc6-dev:$debian" "libstd-rust-dev:$debian" && \
    mkdir -p /root/.cargo && \
    printf '%s\n' \
      '[build]' "target = \"$rust\"" \
      "[target.$rust]" "linker = \"$gnu-gcc\"" \
      >/root/.cargo/config.toml

# The sources are read in place. What Cargo has built is kept, for each platform
# apart: Cargo locks the folder, and one would wait for the other. The mount is
# in no layer, so the program is copied out of it in the same step.
# The crate cc, which compiles the C part, looks at the target and calls the C
# compiler by its GNU name; others want CC. Crates that are not vendored want a
# further cache mount, on /root/.cargo/registry.
WORKDIR /src
RUN --mount=target=. \
    --mount=type=cache,target=/target,id=target-$TARGETARCH$TARGETVARIANT \
    cargo build --release --locked --target-dir /target && \
    cp /target/*/release/tally /tally

FROM debian:trixie-slim
COPY --from=build /tally /usr/local/bin/tally
ENTRYPOINT ["tally"]
