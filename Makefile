# Every target sets up what it needs in .venv; nothing has to be active or installed beforehand but Python 3.11.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# Many tests wait for a lease or a timeout to run out, so two more than two cores pay.
WORKERS ?= 4
PYTHON ?= python3.11
PY := .venv/bin/python
PIP := $(PY) -m pip --disable-pip-version-check --quiet
COMPILE := $(PY) -m piptools compile --quiet --generate-hashes --strip-extras --allow-unsafe --no-header \
	--no-emit-options --no-emit-index-url --no-emit-find-links --no-emit-trusted-host

.PHONY: help
help: ## List all targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: venv
venv: .venv/.installed ## Build .venv from the locked requirements (other targets do it by themselves)

.venv/.locked: requirements/dev.txt
	$(PYTHON) -m venv .venv
	$(PIP) install --require-hashes --requirement requirements/dev.txt
	touch $@

.venv/.installed: .venv/.locked pyproject.toml
	$(PIP) install --no-deps --no-build-isolation --editable .
	touch $@

.PHONY: proto
proto: venv ## Generate the stubs in generated/ from proto/
	$(PY) proto/generate.py

.PHONY: schema
schema: venv ## Write what the migrations make to sql/schema.sql
	$(PY) -m service.dev.schema > .schema.sql
	mv .schema.sql sql/schema.sql

.PHONY: verify
verify: venv ## Lint, format, types, import floors, stubs up to date, proto lint
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	.venv/bin/lint-imports
	$(PY) proto/generate.py --check
	BUF_CACHE_DIR=$(CURDIR)/.venv/buf-cache .venv/bin/buf lint

.PHONY: test
test: venv ## Run all tests on real PostgreSQL and NATS, both embedded; WORKERS=n processes, each with its own servers
	$(PY) -m pytest -n $(WORKERS)

.PHONY: trial
trial: venv ## Keep the promises at full size: thousands of runs while everything fails; prints what it saw, takes long
	PROMISES=long $(PY) -m pytest tests/promises -rP --show-capture=stdout

.PHONY: demo
demo: venv ## Show the outbound sales pipeline from publishing to COMPLETED
	.venv/bin/workflows demo

.PHONY: dev
dev: venv ## Run the service with embedded servers and simulated siblings until interrupted
	.venv/bin/workflows dev

.PHONY: bench
bench: venv ## Measure throughput and latency; print a table and write it as JSON
	$(PY) -m tests.bench

.PHONY: lock
lock: venv ## Resolve the locked requirements again, keeping versions that still fit
	$(COMPILE) --output-file requirements/runtime.txt pyproject.toml
	$(COMPILE) --extra dev --extra test --extra tracing --constraint requirements/runtime.txt \
		--output-file requirements/dev.txt pyproject.toml
	$(COMPILE) --only-build-deps --build-deps-for wheel --constraint requirements/dev.txt \
		--output-file requirements/build.txt pyproject.toml

.PHONY: clean
clean: ## Remove .venv, caches and build results
	rm -rf .venv dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage
	find service tests generated proto -name __pycache__ -type d -prune -exec rm -rf {} +
