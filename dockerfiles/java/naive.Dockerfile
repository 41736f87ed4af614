# The form that a single-platform Dockerfile has. Built for a foreign platform,
# all of it runs under QEMU: apt, twice, and a Java virtual machine, to make
# class files that would be the same on any platform.
FROM debian:trixie-slim AS build
RUN apt-get update && \
    apt-get install -y --no-install-recommends openjdk-21-jdk-headless
WORKDIR /src
COPY . .
RUN javac -d /classes calc/*.java && \
    jar --create --file /calc.jar --main-class calc.Main -C /classes .

FROM debian:trixie-slim
RUN apt-get update && \
    apt-get install -y --no-install-recommends openjdk-21-jre-headless && \
    rm -rf /var/lib/apt/lists/*
COPY --from=build /calc.jar /app/calc.jar
ENTRYPOINT ["java", "-jar", "/app/calc.jar"]
