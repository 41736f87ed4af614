# Program and tests are compiled natively, the tests to programs of their own
# (`go test -c`), and only those run on the target platform, where it is
# foreign under QEMU. `go test` also vets; `go test -c` leaves that to `go vet`.
FROM --platform=$BUILDPLATFORM golang:1.24-trixie AS build
WORKDIR /src
ARG TARGETOS TARGETARCH
RUN --mount=target=. \
    --mount=type=cache,target=/root/.cache/go-build \
    export CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH && \
    go build -o /out/record . && \
    go vet ./... && \
    go test -c -o /tests/ ./...

# No --platform: this stage runs on the target platform. `go test` runs the
# tests of a package in its folder, where their test data is; so does this.
FROM debian:trixie-slim AS test
RUN --mount=from=build,source=/tests,target=/tests \
    --mount=target=/src \
    cd /src/record && /tests/record.test && \
    cd /src/version && /tests/version.test
# BuildKit builds only what the last stage needs: were the program taken from
# the stage `build`, nobody would need the tests, and they would never run.
COPY --from=build /out/record /out/record

FROM debian:trixie-slim
COPY --from=test /out/record /usr/local/bin/record
ENTRYPOINT ["record"]
