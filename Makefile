# Everything a fresh machine with Python >= 3.11 needs: `make demo` and `make test`; with Go, the chart's tests too.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help install tools kube demo test check chart-tools e2e lint bench image sbom constraints docs clean

help:  ## this list
	@grep -E '^[a-z0-9]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "make %-12s %s\n", $$1, $$2}'

install: $(STAMP)  ## create .venv and install everything, pinned and hash-checked

$(STAMP): constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; set PYTHON=/path/to/python3"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r constraints.txt
	PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

tools:  ## get what the tests use beside Python: Go tools for the chart, Debian packages by apt-get
	$(PYTHON) -m tests.tools.build
	tests/tools/packages.sh

kube:  ## build a Kubernetes control plane for the tests of the cluster (minutes; kept in the cache)
	$(PYTHON) -m tests.tools.build kube

demo: $(STAMP)  ## the main job in about a minute: the limit finds a simulated provider's capacity
	@$(BIN)/llm-sidecar demo $(DEMO_ARGS)

test: $(STAMP)  ## every test that this machine can run
	$(BIN)/python -m pytest -q $(PYTEST_ARGS)

lint: $(STAMP)  ## format, lint, import contracts, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy

check: lint chart-tools test  ## lint, then test

chart-tools:
	@if command -v go >/dev/null; then $(PYTHON) -m tests.tools.build; \
	else echo "No Go on this machine: tests of the chart whose tools are not there are left out"; fi

e2e: $(STAMP) chart-tools $(if $(KUBE_ASSETS),,kube)  ## the tests against a real control plane, none of them left out
	CI=true $(BIN)/python -m pytest -q tests/cluster $(PYTEST_ARGS)

bench: $(STAMP)  ## the five benchmarks of benchmarks/, a table at the end of each (half an hour)
	$(BIN)/python -m benchmarks.control $(CONTROL_ARGS)
	$(BIN)/python -m benchmarks.dataplane $(DATAPLANE_ARGS)
	$(BIN)/python -m benchmarks.sockets $(SOCKETS_ARGS)
	$(BIN)/python -m benchmarks.push_back $(PUSH_BACK_ARGS)
	$(BIN)/python -m benchmarks.metering $(METERING_ARGS)

IMAGE ?= llm-sidecar
VERSION := $(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' sidecar/version.py)
# What rich needs to colour source code and Markdown: we show neither, and the image goes without.
LEFT_OUT := markdown-it-py mdurl pygments

image:  ## build the container image, with docker, podman or buildah; IMAGE=name, IMAGE_ARGS=more
	@for builder in docker podman buildah; do \
		if command -v $$builder >/dev/null && $$builder info >/dev/null 2>&1; then break; fi; builder=; done; \
	test -n "$$builder" || { echo "Neither docker nor podman nor buildah works here"; exit 1; }; \
	set -x; $$builder build --tag $(IMAGE):$(VERSION) --build-arg VERSION=$(VERSION) \
		--build-arg REVISION="$$(git rev-parse HEAD)" \
		--build-arg CREATED="$$(TZ=UTC git show --no-patch --format=%cd --date=format-local:%Y-%m-%dT%H:%M:%SZ)" \
		$(IMAGE_ARGS) .

SBOM ?= build/sbom.cdx.json

sbom: $(STAMP)  ## list the Python packages of the image and their licences, as CycloneDX: SBOM=file
	rm -rf build/image && mkdir -p build/image/source
	cp -r LICENSE README.md pyproject.toml sidecar build/image/source
	$(PYTHON) -m venv --without-pip build/image/venv
	$(BIN)/python -m pip --python build/image/venv install --quiet --no-deps --require-hashes -r constraints-image.txt
	$(BIN)/python -m pip --python build/image/venv install --quiet --no-deps --no-build-isolation build/image/source
	$(BIN)/python -m pip --python build/image/venv uninstall --quiet --yes setuptools
	rm build/image/venv/lib/python*/site-packages/llm_sidecar-*.dist-info/direct_url.json
	$(BIN)/cyclonedx-py environment --output-reproducible --output-file $(SBOM) build/image/venv

constraints:  ## pin the newest versions again
	$(BIN)/pip-compile --quiet --upgrade --generate-hashes --allow-unsafe --strip-extras \
		--no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-header \
		--extra cost --extra dev --output-file constraints.txt pyproject.toml
	$(BIN)/pip-compile --quiet --generate-hashes --strip-extras --no-annotate \
		--no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-header \
		--extra cost --build-deps-for wheel --constraint constraints.txt \
		$(LEFT_OUT:%=--unsafe-package %) --output-file constraints-image.txt pyproject.toml

docs: $(STAMP) chart-tools  ## write anew what is made: tables of the README, files of the chart, its README
	$(BIN)/python -m tests.readme_tables
	$(BIN)/python -m tests.chart_files
	$(BIN)/python -m tests.helm.chart_readme

clean:  ## remove what was installed and built
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .coverage
