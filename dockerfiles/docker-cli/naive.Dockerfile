# The form that a single-platform Dockerfile has. Built for a foreign platform,
# the Go compiler itself runs under QEMU. Sources with a vendor/ folder and no
# go.mod are built at their place in GOPATH, as the Docker CLI's own Dockerfile
# builds them.
FROM golang:1.24-trixie AS build
WORKDIR /go/src/github.com/docker/cli
ENV GO111MODULE=off CGO_ENABLED=0
COPY . .
RUN go build -o /out/docker ./cmd/docker

FROM debian:trixie-slim
COPY --from=build /out/docker /usr/local/bin/docker
ENTRYPOINT ["docker"]
