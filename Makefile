# Every task of the project. `make help` lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help setup demo test check layer test-layer vectors bench bench-patterns lock clean

help: ## Lists the tasks
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  \1\t\2/' | expand -t 16

setup: $(VENV)/.dev ## Makes .venv with everything pinned: the tests, the checks, the demo

# The demo needs fewer packages than the tests: it gets there sooner on a fresh machine.
$(VENV)/.demo: requirements/demo.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "trailforward needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing what the demo needs (pinned and hashed) ..."
	@$(PIP) install --require-hashes -r requirements/demo.txt
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.demo
	@echo "Installing what the tests need (pinned and hashed) ..."
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@

demo: $(VENV)/.demo ## Plays CloudTrail events through a local AWS to four kinds of destination
	@$(BIN)/trailforward demo

check: $(VENV)/.dev ## Static checks: ruff, mypy, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

test: check ## Checks, then every test, with branch coverage
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest
	@$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --fail-under=95

layer: $(VENV)/.demo ## Builds the Lambda layers into build/layer (LAYERS="3.13-arm64 ..." for some of them)
	@$(BIN)/python -m layer.build $(LAYERS)

test-layer: $(VENV)/.dev layer ## Builds them again, compares, and forwards an event with each whose Python is here
	TRAILFORWARD_LAYERS=build/layer $(BIN)/python -m pytest tests/layer

vectors: $(VENV)/.dev ## Compares the patterns with answers recorded from AWS; TRAILFORWARD_VECTORS names their folder
	@$(BIN)/python tests/patterns/vectors.py

bench: $(VENV)/.dev ## Prints speed as ratios against a plain boto3 loop
	$(BIN)/python benchmarks/kinesis.py

bench-patterns: $(VENV)/.dev ## Prints the speed of patterns as ratios to json.loads, and of 1 to 10,000 routes at once
	$(BIN)/python benchmarks/patterns.py

lock: ## Renews requirements/*.txt (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --extra demo --group build -o requirements/demo.txt pyproject.toml
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --extra demo --group dev -c requirements/demo.txt -o requirements/dev.txt pyproject.toml
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --extra aws -c requirements/demo.txt -o requirements/layer.txt pyproject.toml

clean: ## Removes what the tasks made
	rm -rf $(VENV) .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
