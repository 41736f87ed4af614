# The form that a single-platform Dockerfile has. Built for a foreign platform,
# it runs under QEMU apt, rustc and gcc, and after any edit compiles every crate
# anew.
FROM debian:trixie-slim AS build
RUN apt-get update && \
    apt-get install -y --no-install-recommends cargo gcc libc6-dev rustc
WORKDIR /src
COPY . .
RUN cargo build --release --locked

FROM debian:trixie-slim
COPY --from=build /src/target/release/tally /usr/local/bin/tally
ENTRYPOINT ["tally"]
