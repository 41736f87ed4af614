# The form that a single-platform Dockerfile has. Built for a foreign platform,
# the Go compiler itself runs under QEMU, and the machine must have an emulator
# and an image of the compiler for each.
FROM golang:1.24-trixie AS build
WORKDIR /src
COPY . .
RUN CGO_ENABLED=0 go build -o /out/hello .

# A static program needs no system around it, and so the image no base that
# would have to be there for every platform.
FROM scratch
COPY --from=build /out/hello /usr/local/bin/hello
ENTRYPOINT ["/usr/local/bin/hello"]
