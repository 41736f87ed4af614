FROM --platform=$BUILDPLATFORM golang AS build
WORKDIR /src
RUN GOARCH=arm64 go build -o /out/x .
FROM alpine
COPY --from=build /out/x /x
