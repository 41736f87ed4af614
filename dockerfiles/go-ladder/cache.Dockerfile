# Step 3 of 4: keep the compiler's cache. After an edit the layer cache cannot
# help the build step, and Go would compile the standard library again. A cache
# mount outlives the step, so that Go compiles only what changed.
#
# What is in a cache mount is in no image and no layer: a step that needs the
# modules must mount them too.
FROM --platform=$BUILDPLATFORM golang:1.24-trixie AS build
# The modules come from files beside the sources, so that no network is timed.
# With a proxy on the network, leave these two lines out.
ENV GOPROXY=file:///src/goproxy
COPY goproxy /src/goproxy
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod \
    go mod download
COPY . .
ARG TARGETOS TARGETARCH
RUN --mount=type=cache,target=/go/pkg/mod \
    --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -o /out/sizes .

FROM debian:trixie-slim
COPY --from=build /out/sizes /usr/local/bin/sizes
ENTRYPOINT ["sizes"]
