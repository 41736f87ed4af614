# The form that a single-platform Dockerfile has. Built for a foreign platform,
# all of it runs under QEMU: apt, twice, pip and gcc. Nearly all of what is
# installed and compiled to byte code would be the same for any platform.
FROM debian:trixie-slim AS build
RUN apt-get update && \
    apt-get install -y --no-install-recommends \
      gcc libc6-dev libpython3-dev python3-pip python3-setuptools
WORKDIR /src
COPY . .
RUN pip install --no-build-isolation --target=/app -r requirements.txt .

FROM debian:trixie-slim
RUN apt-get update && \
    apt-get install -y --no-install-recommends python3 && \
    rm -rf /var/lib/apt/lists/*
COPY --from=build /app /app
ENV PYTHONPATH=/app
ENTRYPOINT ["python3", "-m", "nearest"]
