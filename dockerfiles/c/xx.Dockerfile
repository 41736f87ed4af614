# xx does what cross.Dockerfile spells out: its scripts read BuildKit's TARGET…
# arguments, so that no Dockerfile has to translate names of platforms.
# https://github.com/tonistiigi/xx
FROM --platform=$BUILDPLATFORM tonistiigi/xx:1.9.0 AS xx

FROM --platform=$BUILDPLATFORM debian:trixie-slim AS build
COPY --from=xx / /

# Before the ARG: once for all platforms. clang is one compiler for all targets,
# and lld one linker; file is what xx-verify asks.
RUN apt-get update && \
    apt-get install -y --no-install-recommends clang file lld make

# After it: once for each platform, and only what the target's programs are
# linked with: no compiler. xx-apt-get adds Debian's architecture and installs
# its packages.
ARG TARGETPLATFORM
RUN xx-apt-get install -y --no-install-recommends libc6-dev libgcc-14-dev

# The sources are read in place, so that no layer is made of them. xx-verify fails
# where the program is not one for the target.
WORKDIR /src
RUN --mount=target=. \
    mkdir /out && make CC=xx-clang O=/out && \
    xx-verify /out/checksum

FROM debian:trixie-slim
COPY --from=build /out/checksum /usr/local/bin/checksum
ENTRYPOINT ["checksum"]
