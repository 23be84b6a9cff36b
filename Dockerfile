# The sidecar, its injector and the simulated provider in one image: user 65532, no shell, no pip,
# and a root file system that may be read-only.
#
# --build-arg BASE=slim       on Debian slim instead, with a shell
# --secret id=pip,src=FILE    a pip.conf for the build, for a package index of your own

ARG BASE=gcr.io/distroless/python3-debian13:nonroot

# Debian's own Python is also the one in distroless: what one installs, the other runs.
FROM docker.io/library/debian:trixie-slim AS slim
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates python3 \
    && rm -rf /var/lib/apt/lists/* /var/cache/* /var/log/*

FROM slim AS builder
RUN apt-get update && apt-get install --yes --no-install-recommends binutils python3-pip
RUN python3 -m venv --without-pip /opt/llm-sidecar
ENV PIP_PYTHON=/opt/llm-sidecar/bin/python3 PYTHONDONTWRITEBYTECODE=1
WORKDIR /source
COPY constraints-image.txt .
RUN --mount=type=secret,id=pip,target=/etc/pip.conf \
    pip install --no-compile --no-deps --only-binary :all: --require-hashes -r constraints-image.txt
COPY LICENSE README.md pyproject.toml ./
COPY sidecar sidecar
RUN pip install --no-compile --no-deps --no-build-isolation . \
    && pip uninstall --yes setuptools
# The libraries stay as bytecode alone, half their size: nothing could write it on a read-only root,
# and a traceback still names file and line. Then away with what would tell two builds apart.
ARG SOURCE_DATE_EPOCH=0
RUN cd /opt/llm-sidecar \
    && python3 -m compileall -q -b --invalidation-mode unchecked-hash "$PWD/lib" \
    && find lib \( -name '*.py' -o -name '*.py[ix]' -o -name '*.pxd' -o -name '*.[ch]' \) -delete \
    && find lib -name '*.so' -exec strip --strip-unneeded {} + \
    && find lib -name direct_url.json -delete \
    && find bin -type f ! -name llm-sidecar -delete \
    && find . -exec touch --no-dereference --date "@${SOURCE_DATE_EPOCH}" {} +

FROM ${BASE}
COPY --from=builder /opt/llm-sidecar /opt/llm-sidecar
# Distroless brings no bytecode of the standard library either. Python writes that of what it
# imports: every module of ours, and what some of them import only once they are used.
USER 0
RUN ["/opt/llm-sidecar/bin/python3", "-c", "\
import importlib.resources, pkgutil, encodings.idna, genai_prices.data, sidecar; \
importlib.resources.files(sidecar); \
[__import__(module.name) for module in pkgutil.walk_packages(sidecar.__path__, 'sidecar.') \
if module.name != 'sidecar.__main__']"]
USER 65532:65532
WORKDIR /
ENV PATH=/opt/llm-sidecar/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
# The app's calls, and metrics, health and dashboard.
EXPOSE 18080 18090
STOPSIGNAL SIGTERM
ENTRYPOINT ["llm-sidecar"]
CMD ["serve"]

ARG CREATED=""
ARG REVISION=""
ARG SOURCE=""
ARG VERSION=""
LABEL org.opencontainers.image.title="llm-sidecar" \
      org.opencontainers.image.description="A pod-local proxy that finds and keeps the concurrency limit of every LLM API its app calls." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.version="${VERSION}"
