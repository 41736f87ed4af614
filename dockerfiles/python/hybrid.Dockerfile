# What is Python is the same on every platform: it is installed and compiled to
# byte code natively, once for all. What is C is cross-compiled. What is left
# for QEMU is to install the interpreter, as dpkg runs programs of the packages
# that it installs. Byte code is of one minor version of Python: the stages that
# make it must have the one of the image. (Most of what stays under QEMU is the
# interpreter compiling its own library to byte code.)

FROM --platform=$BUILDPLATFORM debian:trixie-slim AS tools
RUN apt-get update && \
    apt-get install -y --no-install-recommends gcc libc6-dev python3-pip python3-setuptools

# Packages that are only Python, without any part in C, from wheels whose names
# end in none-any. It is done again when requirements.txt changes, and not when
# the program does.
FROM tools AS dependencies
WORKDIR /src
RUN --mount=source=requirements.txt,target=requirements.txt \
    --mount=source=wheels,target=wheels \
    pip install --only-binary=:all: --target=/app -r requirements.txt

# The program itself, as far as it is Python.
FROM tools AS program
WORKDIR /app
COPY nearest nearest
RUN python3 -m compileall -q nearest

# The part in C, once for each platform. Debian, GNU and Docker name machines
# each in their own way.
# Headers and settings of a foreign platform's Python are packages like any
# other, of which nothing is run. _PYTHON_SYSCONFIGDATA_NAME makes the native
# Python answer as that one would when setuptools asks for compiler and flags.
FROM tools AS extension
ARG TARGETARCH TARGETVARIANT
RUN case "$TARGETARCH$TARGETVARIANT" in \
      amd64) debian=amd64 gnu=x86_64-linux-gnu ;; \
      arm64) debian=arm64 gnu=aarch64-linux-gnu ;; \
      armv7) debian=armhf gnu=arm-linux-gnueabihf ;; \
      riscv64) debian=riscv64 gnu=riscv64-linux-gnu ;; \
      *) echo "no names for $TARGETARCH$TARGETVARIANT here" >&2; exit 1 ;; \
    esac && \
    dpkg --add-architecture "$debian" && \
    apt-get update && \
    apt-get install -y --no-install-recommends \
      "gcc-$(echo "$gnu" | tr _ -)" "libpython3-dev:$debian" && \
    echo "_sysconfigdata__$gnu" >/sysconfigdata
WORKDIR /src
# Only what it is made of, so that an edit of a Python module leaves it alone.
RUN --mount=source=native,target=native \
    --mount=source=setup.py,target=setup.py \
    _PYTHON_SYSCONFIGDATA_NAME=$(cat /sysconfigdata) \
    python3 setup.py build_ext --build-temp /tmp --build-lib /app

# The interpreter's packages: found out and downloaded natively. Nothing here
# names a platform: dpkg's database of the target says what its architecture is
# in Debian's words, and apt goes by that database.
FROM debian:trixie-slim AS target
FROM --platform=$BUILDPLATFORM debian:trixie-slim AS interpreter
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
    apt-get install -y --no-install-recommends --download-only python3

# apt for the order alone: some packages must be set up before others are
# unpacked, which dpkg does not see to. It has no lists here to read.
FROM debian:trixie-slim
RUN --mount=from=interpreter,source=/packages,target=/packages \
    apt-get install -y --no-install-recommends /packages/*.deb
COPY --from=dependencies /app /app
COPY --from=extension /app /app
COPY --from=program /app /app
ENV PYTHONPATH=/app
ENTRYPOINT ["python3", "-m", "nearest"]
