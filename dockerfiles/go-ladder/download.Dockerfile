# Step 2 of 4: download once. Modules are the same for every platform, so they
# are downloaded before the ARG, in a step that all platforms share. And that
# step sees go.mod and go.sum alone, so that editing a source file does not
# make it run again.
FROM --platform=$BUILDPLATFORM golang:1.24-trixie AS build
# The modules come from files beside the sources, so that no network is timed.
# With a proxy on the network, leave these two lines out.
ENV GOPROXY=file:///src/goproxy
COPY goproxy /src/goproxy
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG TARGETOS TARGETARCH
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -o /out/sizes .

FROM debian:trixie-slim
COPY --from=build /out/sizes /usr/local/bin/sizes
ENTRYPOINT ["sizes"]
