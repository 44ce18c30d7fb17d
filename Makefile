# Every verb of the project. `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
WORKERS ?= 4
PYTEST := $(BIN)/python -m pytest
SUITE := $(BIN)/python tools/suite.py -n $(WORKERS) --dist loadfile -q
# An eighth of what uses the metadata runs on PostgreSQL too, others for other commits: by the commit's last digit. Of
# the slow tests and the walks over routes each runs once, there or on a file. Of the files that kill processes and fill
# disks a commit runs one third, the next ones the others; `make test-faults` runs them all.
DIGIT := $(or $(shell git rev-parse HEAD 2>/dev/null | tail -c 2),0)
SHARE ?= $(shell echo $(DIGIT) | tr 0-9a-f 0123456701234567)/8
FAULTS ?= $(shell echo $(DIGIT) | tr 0-9a-f 0120120120120120)/3
export PIP_NO_INPUT := 1
# Without its bytecode every worker of every run would compile all tests again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: test-faults ui ui-check ui-e2e screens bench-ui package azurite durations fuzz torture help setup setup-dev up test test-fast test-only test-minio bench-stores month lint format bench docs lock system-parts clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-13s %s\n", $$1, $$2}'

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Holdfast needs Python 3.11 or newer as $(PYTHON)" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) >/dev/null 2>&1 || ( rm -rf $(VENV); bash tools/system-parts.sh python3-venv && $(PYTHON) -m venv $(VENV) )

$(VENV)/.runtime: requirements/runtime.lock pyproject.toml | $(BIN)/python
	@echo "Installing from requirements/runtime.lock"
	@$(PIP) install --require-hashes -r requirements/runtime.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m compileall -q src
	@touch $@

$(VENV)/.dev: requirements/dev.lock $(VENV)/.runtime
	@echo "Installing from requirements/dev.lock"
	@$(PIP) install --require-hashes -r requirements/dev.lock
	@touch $@

setup: $(VENV)/.runtime ## Install what Holdfast needs into .venv, from hash-locked files; starts nothing
	@echo "Holdfast is installed in $(VENV). Start it: make up"

setup-dev: $(VENV)/.dev

up: $(VENV)/.runtime ## Set up, build the dashboard when it changed, then run Holdfast in the foreground (Ctrl-C stops everything)
	@$(BIN)/python tools/ui.py build --optional
	@exec $(BIN)/holdfast up

system-parts: ## Install the Debian packages the tests judge with, or name what is missing
	@bash tools/system-parts.sh restic age chromium-headless-shell redis-server postgresql btrfs-progs sqlite3 openssh-sftp-server caddy wrk bubblewrap
	@bash tools/newer_restic.sh >/dev/null || true  # the tests that need it fail and say so; all others run

lint: setup-dev ## Formatting, lint, types, import rules, size gates
	$(BIN)/ruff format --check src tests bench tools
	$(BIN)/ruff check src tests bench tools
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(PYTEST) -q -p no:cacheprovider tests/architecture -m "not slow"

# Node is the system's or, without one, a wheel locked by hash; its packages come from ui/package-lock.json and run no
# scripts. What was built stays while its sources do (tools/ui.py).
ui: $(VENV)/.runtime ## Build the dashboard into the package
	@$(BIN)/python tools/ui.py build

ui-check: $(VENV)/.runtime ## The dashboard's types, lint and unit tests
	@$(BIN)/python tools/ui.py check

ui-e2e: setup-dev system-parts ## The dashboard in Chromium on real servers
	@$(BIN)/python tools/ui.py e2e

screens: setup-dev system-parts ## Every page as a picture into docs/screens/: light, dark, phone; ONLY='worker|kv' takes some
	@HOLDFAST_SCREENS='$(ONLY)' $(BIN)/python tools/ui.py screens

bench-ui: setup-dev system-parts ## The dashboard's size and speed in Chromium, with the processor four times slower
	@$(BIN)/python tools/ui.py bench

package: setup-dev ui ## The wheel and the sdist into dist/, with the built dashboard
	@$(BIN)/python tools/package.py dist

format: setup-dev ## Format and fix what can be fixed
	$(BIN)/ruff format src tests bench tools
	$(BIN)/ruff check --fix src tests bench tools

# What installs waits for the network while what checks computes: side by side, each shown when it ends.
test: setup-dev ## Everything: lint, then all tests on real servers and in a real browser
	@$(MAKE) --no-print-directory -j4 --output-sync=target lint ui-check system-parts azurite
	@$(MAKE) --no-print-directory ui-e2e test-only

# Azure's emulator, for tests only. Without npm the tests that need it fail and say so; all others run.
$(VENV)/azurite/.done: tests/support/azurite/package.json tests/support/azurite/package-lock.json tests/support/azurite/nothing/index.js | $(BIN)/python
	@if command -v npm >/dev/null 2>&1; then \
	  echo "Installing azurite from tests/support/azurite/package-lock.json"; \
	  mkdir -p $(@D) && cp -R tests/support/azurite/. $(@D)/ && cd $(@D) && \
	  npm ci --ignore-scripts --no-audit --no-fund --omit=optional --loglevel=error >/dev/null && touch .done; \
	else echo "MISSING on this machine: node 20 or newer with npm, for the tests' Azure emulator" >&2; fi

azurite: $(VENV)/azurite/.done

test-only: setup-dev system-parts azurite ui
	HOLDFAST_TEST_METADATA= HOLDFAST_TEST_FAULTS=$(FAULTS) HOLDFAST_TEST_LEFT=$(SHARE) $(SUITE)
	HOLDFAST_TEST_METADATA=postgresql HOLDFAST_TEST_FAULTS=$(FAULTS) HOLDFAST_TEST_SHARE=$(SHARE) $(SUITE) -m metadata

durations: ## Run all tests and write down how long each file takes: the longest are started first (long)
	rm -f tests/durations.txt
	HOLDFAST_DURATIONS=1 $(MAKE) test-only FAULTS=

test-metadata: setup-dev system-parts azurite ## All that uses the metadata database, with it on PostgreSQL, slow and fault tests too
	HOLDFAST_TEST_METADATA=postgresql $(SUITE) -m metadata

test-faults: setup-dev system-parts azurite ui ## All that kill processes and fill disks; `make test` runs a third of them
	$(SUITE) -m faults

test-fast: setup-dev system-parts azurite ## All but the slow tests and those that kill processes or fill disks
	$(PYTEST) -n $(WORKERS) --dist loadfile -q -m "not slow and not faults"

fuzz: setup-dev system-parts ## Names and statements made at random against real engines, FUZZ=100 examples of each (long)
	HOLDFAST_FUZZ=$(or $(FUZZ),100) $(PYTEST) --timeout 0 -n $(WORKERS) --dist loadfile -q tests/safety

test-minio: setup-dev system-parts ## The store suite and a journey on a real MinIO, built once outside this clone
	HOLDFAST_TEST_MINIO=$$(bash tools/minio.sh) $(PYTEST) -q tests/minio

torture: setup-dev ## Random lives of repositories until TORTURE=10000 faults were injected; goes on where it ended (long)
	@bash tools/system-parts.sh restic
	@bash tools/newer_restic.sh >/dev/null
	PYTHONPATH=tests/vault:tests/support $(BIN)/python tests/torture/torture.py --faults $(or $(TORTURE),10000) --jobs $(or $(JOBS),2) --log .torture.log

month: setup-dev ## A month of simulated nights with forty databases, failures among them, against a model
	HOLDFAST_MONTH_DATABASES=40 $(PYTEST) -q -s --timeout 0 tests/plans/test_simulated_month.py

bench-stores: setup-dev ## A repository on MinIO beside stock restic on the same one
	@bash tools/system-parts.sh restic
	HOLDFAST_TEST_MINIO=$$(bash tools/minio.sh) $(BIN)/python -m bench stores

bench: setup-dev ## Measure against the peers, side by side, and print medians
	@bash tools/system-parts.sh restic zstd
	HOLDFAST_BENCH_RESTIC=$$(bash tools/newer_restic.sh) $(BIN)/python -m bench

docs: setup-dev ## Generate the references and build the site into site/
	$(BIN)/python tools/gen_cli_reference.py
	$(BIN)/python tools/gen_api_reference.py
	$(BIN)/python tools/gen_permission_reference.py
	$(BIN)/mkdocs build --strict --quiet
	@echo "site/index.html"

lock: setup-dev ## Resolve the requirements again and write the hash locks
	$(BIN)/uv pip compile -q --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header requirements/runtime.in -o requirements/runtime.lock
	$(BIN)/uv pip compile -q --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header requirements/dev.in -o requirements/dev.lock

clean: ## Remove what was built (never data/)
	rm -rf $(VENV) site build dist ui/node_modules ui/src/api src/holdfast/web/pages/ui .mypy_cache .ruff_cache .pytest_cache .hypothesis .bench
