# BROKEN, to show what a check of the outputs must find: every image is one for
# amd64, program and root file system alike.
#
# The mistake: --platform=linux/amd64 on the first stages, perhaps because it
# once silenced a warning. --platform chooses which image is taken from the
# registry; a stage that is FROM another stage has that one's platform, and its
# own --platform is ignored without a word. So $TARGETPLATFORM below has no
# effect, and "emulated" builds seem to run at native speed.
FROM --platform=linux/amd64 golang:1.24-trixie AS toolchain
FROM --platform=linux/amd64 debian:trixie-slim AS system

FROM --platform=$TARGETPLATFORM toolchain AS build
WORKDIR /src
COPY . .
RUN CGO_ENABLED=0 go build -o /out/hello .

FROM --platform=$TARGETPLATFORM system
COPY --from=build /out/hello /usr/local/bin/hello
ENTRYPOINT ["hello"]
