# The form that a single-platform Dockerfile has. Built for a foreign platform,
# apt, the Go compiler and the C compiler all run under QEMU.
FROM golang:1.24-trixie AS build
RUN apt-get update && \
    apt-get install -y --no-install-recommends libsqlite3-dev
WORKDIR /src
COPY . .
# Linked statically, so that the image need not install the library; libm, which
# the library needs, has to be named then. (The linker warns of dlopen: that is
# how SQLite would load extensions.)
RUN CGO_ENABLED=1 go build -ldflags '-extldflags "-static -lm"' -o /out/query .

FROM debian:trixie-slim
COPY --from=build /out/query /usr/local/bin/query
ENTRYPOINT ["query"]
