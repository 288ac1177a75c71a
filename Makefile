# Everything a user, a contributor or the CI runs.  Each target sets up what it
# needs in .venv first; stamp files make the second run quick.
#
#   make demo        the main job on real input: 336,776 flights
#   make test        the everyday tests, at most 5 minutes
#   make test-long   the long forms: faults by the hundred, wheels, whole bit-flip tables
#   make bench       the figures of the README
#   make bench-versus  the broker beside a real Kafka (Java 17, Maven)
#   make lint        ruff and mypy
#   make wheel       dist/*.whl, repaired by auditwheel
#   make clean       back to a fresh clone
#
# PYTHON=...  the interpreter for .venv (default: the first CPython >= 3.11 found)
# CI=true     installs missing tools by apt, and a skipped interop or crash test fails

MODERN = import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c '$(MODERN)' 2>/dev/null && echo $$p && break; done)

VENV = .venv
BIN = $(VENV)/bin
PIP = PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check
SOURCES = setup.py $(wildcard native/include/pkl/*.h native/src/*.[ch] pykafkalite/_core/*.pyx pykafkalite/_core/*.pxd)

.PHONY: all venv build lint native-test test test-long demo bench bench-versus wheel clean tools
all: build

# --- the environment ---------------------------------------------------------

venv: $(VENV)/.package
build: $(VENV)/.package

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "no Python >= 3.11 found: install one, or say make PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -c '$(MODERN)' || { echo "$(PYTHON) is older than 3.11: say make PYTHON=/path/to/python3"; exit 1; }
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

# pip 25.1 brought --group.
$(VENV)/.build-tools: pyproject.toml | $(VENV)/bin/python
	$(PIP) --upgrade "pip>=25.1"
	$(PIP) --group build
	@touch $@

# Editable, and built in place: Python files need no rebuild, and only what changed of the C is compiled.
$(VENV)/.package: $(VENV)/.build-tools $(SOURCES)
	@command -v $(CC) >/dev/null || { echo "no C compiler found ($(CC)): install one, or say make CC=/path/to/cc"; exit 1; }
	$(PIP) --no-build-isolation --editable .
	@touch $@

# In one command with the package, so that `pykafkalite[polars]` means this tree and never an index's.
$(VENV)/.test: $(VENV)/.package
	$(PIP) --no-build-isolation --editable ".[polars,pandas,duckdb]" --group test
	@touch $@

$(VENV)/.demo: $(VENV)/.package
	$(PIP) --group demo
	@touch $@

$(VENV)/.wheel: $(VENV)/.build-tools
	$(PIP) --group wheel
	@touch $@

# Real Kafka (Java 17, Maven) is the judge of the interop tests and kcat one of their clients; the crash tests cut
# the power of an ext4 image.
SUDO = $(if $(filter 0,$(shell id -u)),,sudo)
tools:
ifeq ($(CI),true)
	@missing=; \
	command -v kcat >/dev/null || missing="$$missing kcat"; \
	command -v mkfs.ext4 >/dev/null || missing="$$missing e2fsprogs"; \
	command -v mvn >/dev/null || missing="$$missing maven"; \
	command -v javac >/dev/null || missing="$$missing openjdk-17-jdk-headless"; \
	test -z "$$missing" || { $(SUDO) apt-get update -q && $(SUDO) apt-get install -qy --no-install-recommends $$missing; }
endif

# --- what runs in it ---------------------------------------------------------

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/mypy

native-test:
	$(MAKE) --no-print-directory -C native test

test: tools lint native-test $(VENV)/.test
	$(BIN)/python -m pytest -m "not long" tests

test-long: tools $(VENV)/.test $(VENV)/.wheel
	$(BIN)/python -m pytest -m long tests

demo: $(VENV)/.demo
	$(BIN)/python examples/flights.py

bench: $(VENV)/.test
	$(BIN)/python -m bench

bench-versus: tools $(VENV)/.test
	$(BIN)/python -m bench.versus

wheel: $(VENV)/.wheel
	rm -rf dist
	$(BIN)/python -m build --no-isolation --outdir dist
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m auditwheel repair --wheel-dir dist dist/*-linux_*.whl
	rm dist/*-linux_*.whl

clean:
	rm -rf $(VENV) build dist *.egg-info pykafkalite/_version.py
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks
	find pykafkalite -name '*.so' -delete
	-$(MAKE) --no-print-directory -C native clean
