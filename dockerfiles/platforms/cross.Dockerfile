# One Dockerfile for any number of platforms: each further one costs one more
# run of the compiler, whether or not the machine has an emulator for it.
#
# Only arm has versions that Go must be told of: BuildKit gives them as
# TARGETVARIANT, "v7" for linux/arm/v7, and Go wants the number alone. Where
# there is no variant, GOARM is empty, and Go takes its default.
FROM --platform=$BUILDPLATFORM golang:1.24-trixie AS build
WORKDIR /src
ARG TARGETOS TARGETARCH TARGETVARIANT
RUN --mount=target=. \
    --mount=type=cache,target=/root/.cache/go-build \
    --mount=type=cache,target=/go/pkg/mod \
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH GOARM=${TARGETVARIANT#v} \
    go build -o /out/hello .

# A static program needs no system around it, and so the image no base that
# would have to be there for every platform.
FROM scratch
COPY --from=build /out/hello /usr/local/bin/hello
ENTRYPOINT ["/usr/local/bin/hello"]
