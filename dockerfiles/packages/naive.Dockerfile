# The usual way to install packages. Built for a foreign platform, apt and dpkg
# run under QEMU, and most of that time goes into reading the package lists and
# unpacking, which have nothing to do with the platform.
FROM debian:trixie-slim
RUN apt-get update && \
    apt-get install -y --no-install-recommends jq tini && \
    rm -rf /var/lib/apt/lists/*
COPY describe /usr/local/bin/describe
ENTRYPOINT ["tini", "--", "describe"]
