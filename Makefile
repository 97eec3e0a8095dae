# Two commands matter: `make run` and `make test`. Each sets up what is missing, and is quick the second time.
# Needed on the machine: Python 3.11 or newer, make, and a package index.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
JOBS ?= 3
TEST_ARGS ?=
RUN_ARGS ?=
BENCH_ARGS ?=

PACKAGES := $(wildcard core gcal_reminders integrations wordpress_bridge)
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check --no-input
# Every artefact is checked against the lock; the lock is complete, so that pip has nothing left to resolve.
INSTALL_LOCK := $(PIP) install --require-hashes --no-deps --requirement

.DEFAULT_GOAL := help
.PHONY: help run test test-all test-long check services bench bench-others plugin lock fmt clean

help:
	@echo "make run        set up what is missing and start Relance on http://127.0.0.1:8000"
	@echo "make test       set up what is missing and run every check and test"
	@echo "make test-all   the same, and fail when a service that tests use is missing"
	@echo "make test-long  the long forms: every story in four houses, sends under kills, 10,000 hostile requests, every page in the browser"
	@echo "make check      only what needs no test: ruff, mypy, import-linter, bandit"
	@echo "make services   install and start PostgreSQL, Redis, RabbitMQ, Chromium, PHP, WordPress and Kannel (Debian)"
	@echo "make bench      measure this machine"
	@echo "make bench-others  measure it against other queues (docs/performance.md)"
	@echo "make plugin     the WordPress plugin as a zip in dist/"
	@echo "make lock       write the lock files again (UPGRADE=--upgrade for newer releases)"
	@echo "make fmt        sort imports and mend what ruff can mend"
	@echo "make clean      remove the virtual environment and caches; your data in var/ stays"

run: $(VENV)/project.stamp
	@$(BIN)/relance run $(RUN_ARGS)

test: check
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal $(TEST_ARGS)

test-all: export RELANCE_TEST_REQUIRE_ALL = 1
test-all: test

test-long: $(VENV)/dev-lock.stamp $(VENV)/project.stamp
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal -m slow $(TEST_ARGS)

check: $(VENV)/dev-lock.stamp $(VENV)/project.stamp
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/bandit --quiet -ll --recursive $(PACKAGES)

services:
	@sh deploy/services.sh

bench: $(VENV)/dev-lock.stamp $(VENV)/project.stamp
	@$(BIN)/python -m bench $(BENCH_ARGS)

# The other queues live in an environment of their own: nothing of them is needed to run or to test Relance.
$(VENV)/others/lock.stamp: bench/requirements.lock | $(BIN)/python
	@$(PYTHON) -m venv $(VENV)/others
	@$(VENV)/others/bin/python -m pip --quiet --disable-pip-version-check --no-input install --require-hashes --no-deps \
		--requirement $<
	@cp $< $@

bench-others: $(VENV)/dev-lock.stamp $(VENV)/project.stamp $(VENV)/others/lock.stamp
	@$(BIN)/python -m bench --others $(VENV)/others/bin/python $(BENCH_ARGS)

plugin: $(VENV)/project.stamp
	@$(BIN)/python -m wordpress_bridge

# The machine's own choice of index must not reach the locks: no configuration is read, no address is written.
UPGRADE ?=
COMPILE = env -u UV_INDEX_URL -u UV_EXTRA_INDEX_URL -u UV_INDEX -u UV_DEFAULT_INDEX -u UV_FIND_LINKS -u UV_CONSTRAINT \
	$(BIN)/uv pip compile pyproject.toml --quiet --no-config --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header --no-annotate $(UPGRADE)

lock: $(VENV)/dev-lock.stamp
	$(COMPILE) --group build --output-file requirements.lock >/dev/null
	$(COMPILE) --group build --group dev --constraint requirements.lock --output-file requirements-dev.lock >/dev/null
	$(subst pyproject.toml,bench/requirements.in,$(COMPILE)) --output-file bench/requirements.lock >/dev/null
	@! grep -nE '://|^-|^ +--(find|index|extra)|/' bench/requirements.lock requirements.lock requirements-dev.lock \
		|| { echo "A lock file holds an address or a path." >&2; exit 1; }

fmt: $(VENV)/dev-lock.stamp
	$(BIN)/ruff check --fix --show-fixes .

clean:
	rm -rf $(VENV) *.egg-info build dist .hypothesis .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "Relance needs Python 3.11 or newer, and '$(PYTHON)' is $$($(PYTHON) --version 2>&1 | head -n 1)." >&2; \
		echo "Name another one: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@echo "Setting up Relance in $(VENV) (once, about a minute)"
	@$(PYTHON) -m venv --clear $(VENV) || { rm -rf $(VENV); \
		echo "Python cannot make a virtual environment. On Debian: apt-get install python3-venv" >&2; exit 1; }

# A stamp is a copy of the lock that was installed: a fresh date on the same lock installs nothing.
$(VENV)/lock.stamp: requirements.lock | $(BIN)/python
	@cmp -s $< $@ || $(INSTALL_LOCK) $<
	@cp $< $@

$(VENV)/dev-lock.stamp: requirements-dev.lock requirements.lock | $(BIN)/python
	@cmp -s $< $@ || $(INSTALL_LOCK) $<
	@cp $< $@
	@cp requirements.lock $(VENV)/lock.stamp

# Nothing is asked from an index here: the build backend came with the lock.
$(VENV)/project.stamp: pyproject.toml $(VENV)/lock.stamp
	@$(PIP) install --no-index --no-deps --no-build-isolation --editable .
	@cp $< $@
