# What does not depend on the platform runs natively: the lists are read, what
# is needed is found out, and packages are downloaded. dpkg alone, which runs
# programs of the packages that it installs, runs on the target platform.

# The target's root file system, to ask what is installed in it.
FROM debian:trixie-slim AS target

# Nothing here names a platform: dpkg's database of the target says what its
# architecture is in Debian's words, and apt goes by that database.
FROM --platform=$BUILDPLATFORM debian:trixie-slim AS download
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
    apt-get install -y --no-install-recommends --download-only jq tini

# The packages are mounted, not copied: they are in no layer of the image, and
# neither are apt's lists, which need no removing.
FROM debian:trixie-slim
RUN --mount=from=download,source=/packages,target=/packages \
    dpkg --install /packages/*.deb
COPY describe /usr/local/bin/describe
ENTRYPOINT ["tini", "--", "describe"]
