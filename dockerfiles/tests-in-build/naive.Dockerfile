# Tests run where the compiler runs. For a foreign platform that is right for
# the tests, which must show that the program works there, but the compiler
# runs under QEMU too, once for the program and once more for the tests.
FROM golang:1.24-trixie AS build
WORKDIR /src
COPY . .
RUN CGO_ENABLED=0 go test ./...
RUN CGO_ENABLED=0 go build -o /out/record .

FROM debian:trixie-slim
COPY --from=build /out/record /usr/local/bin/record
ENTRYPOINT ["record"]
