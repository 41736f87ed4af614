# The form that a single-platform Dockerfile has. Built for a foreign platform,
# it runs under QEMU not only the compiler but also, and for longer, the
# installation of the compiler.
FROM debian:trixie-slim AS build
RUN apt-get update && \
    apt-get install -y --no-install-recommends build-essential
WORKDIR /src
COPY . .
RUN mkdir /out && make O=/out

FROM debian:trixie-slim
COPY --from=build /out/checksum /usr/local/bin/checksum
ENTRYPOINT ["checksum"]
