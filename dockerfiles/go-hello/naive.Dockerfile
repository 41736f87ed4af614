# The form that a single-platform Dockerfile has. Built for a foreign platform,
# the Go compiler itself runs under QEMU.
FROM golang:1.24-trixie AS build
WORKDIR /src
COPY . .
RUN CGO_ENABLED=0 go build -o /out/hello .

FROM debian:trixie-slim
COPY --from=build /out/hello /usr/local/bin/hello
ENTRYPOINT ["hello"]
