# The hub as an image: docs/docker.md says how to run it.
# Two stages: the first makes a virtual environment from the lock, the second carries it and nothing else.
ARG PYTHON_IMAGE=docker.io/library/python:3.13-slim

FROM ${PYTHON_IMAGE} AS builder
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PYTHONDONTWRITEBYTECODE=1
WORKDIR /source

# What the hub needs: pinned, hashed, wheels only, so that nothing is compiled and no compiler is needed.
COPY requirements.lock ./
RUN python -m venv --without-pip /opt/hub \
    && python -m pip --python /opt/hub/bin/python install --quiet --no-compile --only-binary :all: \
        --require-hashes --requirement requirements.lock

# What builds the hub: pinned in the development lock, in an environment that stays behind.
COPY requirements-dev.lock ./
RUN awk '/^[a-z]/ { wanted = /^(editables|hatchling|packaging|pathspec|pluggy|tomlkit|trove-classifiers)==/ } wanted' \
        requirements-dev.lock > build.lock \
    && python -m venv --without-pip /opt/build \
    && python -m pip --python /opt/build/bin/python install --quiet --no-compile --only-binary :all: \
        --require-hashes --requirement build.lock

COPY pyproject.toml README.md LICENSE ./
COPY hub hub
COPY connectors connectors
# The image never changes once it is built, so its bytecode need not be checked against the sources.
RUN /opt/build/bin/python -m hatchling build --target wheel --directory /wheel \
    && python -m pip --python /opt/hub/bin/python install --quiet --no-compile --no-deps --no-index /wheel/*.whl \
    && /opt/hub/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/hub/lib


FROM ${PYTHON_IMAGE}
ARG VERSION=0.1.0
ARG REVISION=
LABEL org.opencontainers.image.title="connector-hub" \
      org.opencontainers.image.description="One MCP server that shows the actions of pluggable connectors as tools." \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.licenses="Apache-2.0"

# The number is part of the contract: folders that are mounted must belong to it (docs/docker.md).
RUN groupadd --gid 10001 hub \
    && useradd --uid 10001 --gid 10001 --home-dir /data --no-create-home --shell /usr/sbin/nologin hub \
    && install --directory --owner 10001 --group 10001 --mode 0700 /data \
    && install --directory /connectors
COPY --from=builder /opt/hub /opt/hub

# Nothing but the port mapping decides who reaches a container, so inside it the hub listens everywhere.
ENV PATH=/opt/hub/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HUB_DATA_DIR=/data \
    HUB_LISTEN__HOST=0.0.0.0 \
    HUB_LISTEN__PORT=8080 \
    HUB_CONNECTORS__PATHS='["{data_dir}/connectors", "/connectors"]'

# The config file is ./config.yaml, here /config.yaml; it need not be there.
WORKDIR /
USER 10001:10001
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-I", "-c", "import os, sys, http.client as http; hub = http.HTTPConnection('localhost', int(os.environ['HUB_LISTEN__PORT']), timeout=4); hub.request('GET', '/healthz'); sys.exit(hub.getresponse().status != 200)"]

# One process, named directly and not through a shell: SIGTERM reaches the hub, which ends its calls and exits with 0.
ENTRYPOINT ["hub"]
CMD ["serve"]
