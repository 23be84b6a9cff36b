# Everything a fresh machine with Python >= 3.11 needs: `make demo` and `make test`.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help install tools demo test check lint bench constraints docs clean

help:  ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "make %-12s %s\n", $$1, $$2}'

install: $(STAMP)  ## create .venv and install everything, pinned and hash-checked

$(STAMP): constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; set PYTHON=/path/to/python3"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r constraints.txt
	PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

tools:  ## install what the browser tests need beside Python: a Chromium, by apt-get
	@for name in chromium chromium-browser google-chrome-stable google-chrome chrome; do \
		if command -v $$name >/dev/null; then exit 0; fi; done; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update -qq && \
		DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium; \
	else \
		echo "No Chromium here: install the package chromium, or Google Chrome;"; \
		echo "as root on Debian, make tools does it by itself"; exit 1; fi

demo: $(STAMP)  ## the main job in about a minute: the limit finds a simulated provider's capacity
	@$(BIN)/llm-sidecar demo $(DEMO_ARGS)

test: $(STAMP)  ## every test that this machine can run
	$(BIN)/python -m pytest -q $(PYTEST_ARGS)

lint: $(STAMP)  ## format, lint, import contracts, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy

check: lint test  ## lint, then test

bench: $(STAMP)  ## the five benchmarks of benchmarks/, a table at the end of each (half an hour)
	$(BIN)/python -m benchmarks.control $(CONTROL_ARGS)
	$(BIN)/python -m benchmarks.dataplane $(DATAPLANE_ARGS)
	$(BIN)/python -m benchmarks.sockets $(SOCKETS_ARGS)
	$(BIN)/python -m benchmarks.push_back $(PUSH_BACK_ARGS)
	$(BIN)/python -m benchmarks.metering $(METERING_ARGS)

constraints:  ## pin the newest versions again
	$(BIN)/pip-compile --quiet --upgrade --generate-hashes --allow-unsafe --strip-extras \
		--no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-header \
		--extra cost --extra dev --output-file constraints.txt pyproject.toml

docs: $(STAMP)  ## write the README's tables anew from the code
	$(BIN)/python -m tests.readme_tables

clean:  ## remove what was installed and built
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .coverage
