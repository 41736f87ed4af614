# The usual way to install packages. Built for a foreign platform, apt and dpkg
# run under QEMU. Most of that time is apt's: it reads the package lists and
# works out what to install, which it could do on any machine.
FROM debian:trixie-slim
RUN apt-get update && \
    apt-get install -y --no-install-recommends jq tini && \
    rm -rf /var/lib/apt/lists/*
COPY describe /usr/local/bin/describe
ENTRYPOINT ["tini", "--", "describe"]
