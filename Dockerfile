# One DungeonFighter server. docs/deployment.md describes how to build and run it.
# The tag is pinned here; add the digest that your registry shows: --build-arg BASE=python:...@sha256:...
ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS build
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
# Where packages come from, if not from pip's usual place. Only the last stage becomes the image.
ARG PIP_INDEX_URL=
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
# The first process of a container must reap the processes that others leave behind.
RUN apt-get update && apt-get install -y --no-install-recommends 'tini=0.19.*' && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY requirements/image.txt requirements/build.txt ./
RUN python3 -m venv --without-pip /usr/local/lib/dungeonfighter && python3 -m venv /build/tools \
    && /build/tools/bin/pip --python /usr/local/lib/dungeonfighter/bin/python install --require-hashes -r image.txt \
    && /build/tools/bin/pip install --require-hashes -r build.txt
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN /build/tools/bin/pip --python /usr/local/lib/dungeonfighter/bin/python install --no-index --no-deps \
      "$(/build/tools/bin/pip wheel --no-deps --no-build-isolation -w dist . >&2 && echo dist/*.whl)" \
    && find /usr/local/lib/dungeonfighter -name tests -type d -prune -exec rm -rf {} + \
    && find /usr/local/lib/dungeonfighter -type f -name '*.py[ix]' -delete \
    && find /usr/local/lib/dungeonfighter -type f -name '*.pxd' -delete
COPY deploy/container/healthcheck.py deploy/container/sbom.py /usr/local/lib/dungeonfighter/
RUN /usr/local/lib/dungeonfighter/bin/python /usr/local/lib/dungeonfighter/sbom.py >/usr/local/lib/dungeonfighter/sbom.cdx.json \
    && rm /usr/local/lib/dungeonfighter/sbom.py

FROM ${BASE}
ARG VERSION=0
ARG REVISION=unknown
ARG BASE
LABEL org.opencontainers.image.title="DungeonFighter" \
      org.opencontainers.image.description="A dungeon-crawling RPG for AI agents, served over the Model Context Protocol" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="${BASE}"
RUN groupadd --gid 10001 dungeonfighter \
    && useradd --uid 10001 --gid 10001 --home-dir /data --no-create-home --shell /usr/sbin/nologin dungeonfighter \
    && install -d -o dungeonfighter -g dungeonfighter -m 0750 /data /var/log/dungeonfighter
COPY --from=build /usr/bin/tini /usr/bin/tini
COPY --from=build /usr/local/lib/dungeonfighter /usr/local/lib/dungeonfighter
# Reachable from outside the container, so nobody plays without an access token unless AUTH says so.
ENV PATH=/usr/local/lib/dungeonfighter/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    DUNGEONFIGHTER_HOST=0.0.0.0 AUTH=tokens DB_CONNECTION_STRING=sqlite:////data/dungeonfighter.db
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=5s --timeout=4s --start-period=60s --retries=3 \
    CMD ["python3", "-I", "-S", "/usr/local/lib/dungeonfighter/healthcheck.py"]
ENTRYPOINT ["/usr/bin/tini", "--", "dungeonfighter"]
CMD ["serve"]
