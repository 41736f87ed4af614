# The form that a single-platform Dockerfile has. Built for a foreign platform,
# apt, CMake and the compiler all run under QEMU, and an edit to one file makes
# all of them compile again.
FROM debian:trixie-slim AS build
RUN apt-get update && \
    apt-get install -y --no-install-recommends cmake g++ ninja-build pkgconf zlib1g-dev
WORKDIR /src
COPY . .
RUN cmake -G Ninja -S . -B /build && cmake --build /build

FROM debian:trixie-slim
COPY --from=build /build/words /usr/local/bin/words
ENTRYPOINT ["words"]
