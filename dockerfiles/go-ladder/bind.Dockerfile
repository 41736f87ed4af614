# Step 4 of 4: read the sources in place. A bind mount shows the build context
# to the step without copying it into a layer first, and with the modules in a
# cache mount there is no need for a step that downloads them: the first
# platform that needs one downloads it, the others find it.
#
# The mount is read-only: what the build writes goes elsewhere (-o /out/…).
FROM --platform=$BUILDPLATFORM golang:1.24-trixie AS build
# The modules come from files beside the sources, so that no network is timed.
# With a proxy on the network, leave this line out.
ENV GOPROXY=file:///src/goproxy
WORKDIR /src
ARG TARGETOS TARGETARCH
RUN --mount=target=. \
    --mount=type=cache,target=/go/pkg/mod \
    --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -o /out/sizes .

FROM debian:trixie-slim
COPY --from=build /out/sizes /usr/local/bin/sizes
ENTRYPOINT ["sizes"]
