# Step 1 of 4: cross-compile. The build stage stays on the platform that the
# node runs natively ($BUILDPLATFORM), and Go compiles for the one that is
# wanted: BuildKit sets TARGETOS and TARGETARCH for each.
#
# The ARG stands below everything that is the same for all platforms: what
# comes before it is executed once for all of them, what comes after once for
# each. So here COPY is shared, but every platform downloads the modules again.
FROM --platform=$BUILDPLATFORM golang:1.24-trixie AS build
# The modules come from files beside the sources, so that no network is timed.
# With a proxy on the network, leave this line out.
ENV GOPROXY=file:///src/goproxy
WORKDIR /src
COPY . .
ARG TARGETOS TARGETARCH
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -o /out/sizes .

# No --platform here: this stage is the image for the target platform.
FROM debian:trixie-slim
COPY --from=build /out/sizes /usr/local/bin/sizes
ENTRYPOINT ["sizes"]
