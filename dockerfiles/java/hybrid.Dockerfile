# Class files are the same on every platform, so there is nothing to
# cross-compile: javac runs natively, once for all. What is left for QEMU is to
# install the run-time, as dpkg runs programs of the packages that it installs.
# (Most of that is certificates, which Debian's run-time puts into a store of
# Java's own.)

# No ARG names the target, here or further down in the stage: BuildKit sees the
# same steps for every platform, and executes them once.
FROM --platform=$BUILDPLATFORM debian:trixie-slim AS build
RUN apt-get update && \
    apt-get install -y --no-install-recommends openjdk-21-jdk-headless

# The sources are read in place, so that no layer is made of them. javac keeps
# nothing between builds, and so there is nothing to keep in a cache mount.
WORKDIR /src
RUN --mount=target=. \
    javac -d /classes calc/*.java && \
    jar --create --file /calc.jar --main-class calc.Main -C /classes .

# The run-time's packages: found out and downloaded natively. Nothing here
# names a platform: dpkg's database of the target says what its architecture is
# in Debian's words, and apt goes by that database.
FROM debian:trixie-slim AS target
FROM --platform=$BUILDPLATFORM debian:trixie-slim AS runtime
RUN --mount=from=target,target=/target \
    architecture=$(dpkg-query --admindir=/target/var/lib/dpkg -W -f '${Architecture}' dpkg) && \
    mkdir -p /packages/partial && \
    printf '%s\n' \
      "APT::Architecture \"$architecture\";" \
      "APT::Architectures { \"$architecture\"; };" \
      'Dir::State::status "/target/var/lib/dpkg/status";' \
      'Dir::Cache::archives "/packages";' \
      >/apt.conf && \
    export APT_CONFIG=/apt.conf && \
    apt-get update && \
    apt-get install -y --no-install-recommends --download-only openjdk-21-jre-headless

# apt for the order alone: some packages must be set up before others are
# unpacked, which dpkg does not see to. It has no lists here to read.
FROM debian:trixie-slim
RUN --mount=from=runtime,source=/packages,target=/packages \
    apt-get install -y --no-install-recommends /packages/*.deb
COPY --from=build /calc.jar /app/calc.jar
ENTRYPOINT ["java", "-jar", "/app/calc.jar"]
