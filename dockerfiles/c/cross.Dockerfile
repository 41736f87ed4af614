# Debian has a cross compiler for each of its architectures, in the package
# crossbuild-essential-ARCHITECTURE: a native program that compiles for another
# machine, with that machine's C library.
FROM --platform=$BUILDPLATFORM debian:trixie-slim AS build

# Before the ARG: once for all platforms. The lists stay for the next step.
RUN apt-get update && \
    apt-get install -y --no-install-recommends build-essential

# After it: once for each platform. Debian's names of architectures are not
# always Docker's; where both are the same, the name is left as it is.
ARG TARGETARCH TARGETVARIANT
RUN case "$TARGETARCH$TARGETVARIANT" in \
      armv7) architecture=armhf ;; \
      386) architecture=i386 ;; \
      ppc64le) architecture=ppc64el ;; \
      *) architecture=$TARGETARCH ;; \
    esac && \
    if [ "$architecture" != "$(dpkg --print-architecture)" ]; then \
      apt-get install -y --no-install-recommends "crossbuild-essential-$architecture"; \
    fi && \
    echo "$(dpkg-architecture -a "$architecture" -q DEB_HOST_GNU_TYPE)-gcc" >/cc

# A compiler is called by its target: aarch64-linux-gnu-gcc. The sources are
# read in place, so that no layer is made of them.
WORKDIR /src
RUN --mount=target=. \
    mkdir /out && make CC="$(cat /cc)" O=/out

FROM debian:trixie-slim
COPY --from=build /out/checksum /usr/local/bin/checksum
ENTRYPOINT ["checksum"]
