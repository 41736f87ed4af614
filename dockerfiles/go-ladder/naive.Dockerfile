# Step 0 of 4: the Dockerfile that a single platform needs. For a foreign
# platform the whole build stage, download and compiler alike, runs under QEMU.
FROM golang:1.24-trixie AS build
# The modules come from files beside the sources, so that no network is timed.
# With a proxy on the network, leave this line out.
ENV GOPROXY=file:///src/goproxy
WORKDIR /src
COPY . .
RUN CGO_ENABLED=0 go build -o /out/sizes .

FROM debian:trixie-slim
COPY --from=build /out/sizes /usr/local/bin/sizes
ENTRYPOINT ["sizes"]
