# Every task of the project. `make help` lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
# Many tests wait for servers and processes: two workers for each core.
WORKERS := $(shell echo $$(( $$(nproc) * 2 )))
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
export PYTHONDONTWRITEBYTECODE :=

.PHONY: $(shell sed -nE "s/^([a-z-]+):.*/\1/p" $(firstword $(MAKEFILE_LIST)))

help: ## List the tasks
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  \1\t\2/' | expand -t 16

setup: $(VENV)/.dev ## Create .venv with pinned packages for the demo, the tests, and the checks

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

demo: $(VENV)/.demo ## Forward events of 13 Regions through a local AWS to four kinds of destinations
	@$(BIN)/trailforward demo

check: $(VENV)/.dev ## Run the static checks: ruff, mypy, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

test: check ## Run the static checks, then all tests
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

coverage: $(VENV)/.dev ## Run all tests with branch coverage, which must be 95 % (takes twice the time of the tests)
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -n $(WORKERS) --dist loadfile
	@$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --fail-under=95

trials: $(VENV)/.dev ## Run the long trials: all of the tests in depth, kill -9, hostile input, fuzzing, slow destinations (about 45 minutes; CONTRIBUTING.md)
	TRAILFORWARD_DEEP=1 $(MAKE) coverage
	$(BIN)/python -m tests.trials.kills $(or $(PAIRS),52000)
	$(BIN)/python -m tests.trials.kills_once
	$(BIN)/python -m tests.trials.kills_once 2000 1 group
	$(BIN)/python -m tests.trials.hostile
	$(BIN)/python -m tests.trials.fuzz_payloads $(or $(PAYLOADS),1000000)
	$(BIN)/python -m tests.trials.fuzz_responses $(or $(INPUTS),2000000)
	$(BIN)/python -m tests.trials.doctor_inputs $(or $(SNAPSHOTS),10000) $(or $(TEMPLATES),1000)
	$(BIN)/python -m tests.trials.slow_destinations $(or $(INVOCATIONS),1000)

.venv-mutants/.done: requirements/mutants.txt
	@test -x .venv-mutants/bin/python || $(PYTHON) -m venv .venv-mutants
	@echo "Installing the mutation tester (pinned and hashed) ..."
	@.venv-mutants/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes -r requirements/mutants.txt
	@touch $@

mutants: .venv-mutants/.done $(VENV)/.dev ## Change modules at random, and list the changes that no test notices (MUTANTS=200 SEED=1 MODULE=sender.py)
	@.venv-mutants/bin/python -m tests.mutants.run $(or $(MUTANTS),200) $(or $(SEED),1) $(MODULE)

test-pythons: $(VENV)/.dev ## Run the tests on every Python found, 3.11 to 3.14 (PYTHONS="3.14" PYTEST="-k name" for less)
	@$(BIN)/python -m tests.pythons $(PYTHONS) --pytest="$(PYTEST)"

layer: $(VENV)/.demo ## Build the Lambda layers in build/layer (LAYERS="3.13-arm64 ..." for some of them)
	@$(BIN)/python -m layer.build $(LAYER_OPTIONS) $(LAYERS)

dist: $(VENV)/.demo ## Build the wheel and the source archive in dist/
	rm -rf dist
	$(BIN)/python -m hatchling build -d dist

test-layer: $(VENV)/.dev layer ## Build the layers twice, compare them, and forward an event with each that a Python here can run
	TRAILFORWARD_LAYERS=build/layer $(BIN)/python -m pytest tests/layer

sam-tools: .venv-sam/.done ## Create .venv-sam with aws-sam-cli, linters, and a local AWS that runs Lambda functions, pinned

# --no-deps: everything is pinned, and ministack asks for a botocore that sam has outgrown (requirements/sam-tools.in).
.venv-sam/.done: requirements/sam-tools.txt pyproject.toml
	@test -x .venv-sam/bin/python || $(PYTHON) -m venv .venv-sam
	@echo "Installing sam and its friends (pinned and hashed, some minutes) ..."
	@.venv-sam/bin/python -m pip --disable-pip-version-check --quiet install --no-deps --require-hashes -r requirements/sam-tools.txt
	@.venv-sam/bin/python -m pip --disable-pip-version-check --quiet install --no-deps --no-build-isolation -e .
	@touch $@

sam: .venv-sam/.done $(VENV)/.demo ## Validate and build the stack; sam/README.md describes how to deploy it
	cd sam && SAM_CLI_TELEMETRY=0 ../.venv-sam/bin/sam validate --lint && SAM_CLI_TELEMETRY=0 ../.venv-sam/bin/sam build

sam-audit: .venv-sam/.done $(VENV)/.demo ## Validate and build the audit's stack; docs/audit.md describes how to deploy it
	cd sam && SAM_CLI_TELEMETRY=0 ../.venv-sam/bin/sam validate --lint --template audit.yaml && SAM_CLI_TELEMETRY=0 ../.venv-sam/bin/sam build --template audit.yaml --build-dir .aws-sam/audit

test-stack: .venv-sam/.done $(VENV)/.demo ## Lint the stack, deploy it to a local AWS, send events through it, and remove a permission
	.venv-sam/bin/python -m pytest --no-header tests/sam
	.venv-sam/bin/python -m pytest --no-header --verbose tests/stack

.venv-docs/.done: requirements/docs.txt pyproject.toml
	@test -x .venv-docs/bin/python || $(PYTHON) -m venv .venv-docs
	@echo "Installing what the documentation site needs (pinned and hashed) ..."
	@.venv-docs/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes -r requirements/docs.txt
	@.venv-docs/bin/python -m pip --disable-pip-version-check --quiet install --no-deps --no-build-isolation -e .
	@touch $@

docs: .venv-docs/.done ## Build the documentation site in build/docs/html, and check every link and anchor
	@.venv-docs/bin/python -m docs.site.pictures
	@.venv-docs/bin/python -m docs.site.build

.venv-cdk/.done: requirements/cdk.txt
	@test -x .venv-cdk/bin/python || $(PYTHON) -m venv .venv-cdk
	@echo "Installing the CDK (pinned and hashed) ..."
	@.venv-cdk/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes -r requirements/cdk.txt
	@touch $@

test-cdk: .venv-cdk/.done $(VENV)/.dev ## Synthesize the CDK app of examples/cdk, and let the doctor read it (needs Node.js)
	TRAILFORWARD_CDK_PYTHON="$(CURDIR)/.venv-cdk/bin/python" $(BIN)/python -m pytest --no-header tests/cdk

vectors: $(VENV)/.dev ## Compare the patterns with results recorded from AWS (TRAILFORWARD_VECTORS: the folder with the results)
	@$(BIN)/python tests/patterns/vectors.py

doctor-cases: $(VENV)/.dev ## Count the delivery cases that the doctor decides as expected (TRAILFORWARD_FACTS: the folder with the cases)
	@TRAILFORWARD_FACTS=$${TRAILFORWARD_FACTS:-../shared/facts} $(BIN)/python -m tests.doctor.cases

demo-doctor: $(VENV)/.dev ## Run the doctor on a local AWS of 17 Regions with seven faults (report: build/doctor.html)
	@$(BIN)/python -m tests.doctor.demo

demo-audit: $(VENV)/.dev ## Audit a day in 13 Regions with planted faults, repair the lost events, and audit again (page: build/demo-audit/audit.html)
	@$(BIN)/python -m tests.audit.demo

demo-audit-steps: .venv-sam/.done $(VENV)/.demo ## Run the audit's state machine in each mode on a local AWS, with counts, killed and redriven
	@.venv-sam/bin/python -m pytest --no-header --verbose tests/stack/test_audit_steps.py

demo-daily-doctor: $(VENV)/.dev ## Run the daily doctor for five days on a local AWS, with changes in between, and print its notifications
	@$(BIN)/python -m tests.doctor.daily

demo-canary: $(VENV)/.dev ## Run the canary on a local AWS of six Regions, disable the rule of one, and print the notification
	@TRAILFORWARD_SHOW=1 $(BIN)/python -m pytest --quiet tests/doctor/canary -k "lost_in"

bench: $(VENV)/.dev ## Print cold start, time per event, and memory as ratios to plain code (ONLY=cold,batch BENCH_PYTHON=3.14)
	@$(BIN)/python -m $(if $(BENCH_PYTHON),tests.pythons $(BENCH_PYTHON) --module) benchmarks.run

bench-compare: $(VENV)/.dev ## Print the speed of this tree as ratios to a revision (BASE=main)
	@$(BIN)/python -m benchmarks.compare

bench-profile: $(VENV)/.dev ## Profile batches of 1,000 events
	@$(BIN)/python -m benchmarks.profiling

bench-calls: $(VENV)/.dev ## Print the wall time that concurrent calls save over a slow link
	@$(BIN)/python -m benchmarks.calls

bench-patterns: $(VENV)/.dev ## Print the speed of patterns as ratios to json.loads, and of 1 to 10,000 routes
	$(BIN)/python -m benchmarks.patterns

bench-doctor: $(VENV)/.dev ## Print the CPU time and memory of the doctor for 1,000 accounts, 30 Regions, and 9 classes of events
	$(BIN)/python -m benchmarks.doctor

bench-log-file: $(VENV)/.dev ## Print the memory that a CloudTrail log file of 200,000 records takes
	$(BIN)/python -m benchmarks.log_file

bench-suppression: $(VENV)/.dev ## Print alerts per second with once and threshold in memory, and CPU per call to a table
	$(BIN)/python -m benchmarks.suppression

bench-audit: $(VENV)/.dev ## Print the CPU time of the audit as ratios to gzip -dc (RECORDS=2000000 ROUNDS=3 CHDB_PYTHON=…)
	$(BIN)/python -m benchmarks.audit $(or $(RECORDS),2000000) $(or $(ROUNDS),3)

bench-audit-memory: $(VENV)/.dev ## Print the memory and CPU time of an audit of many IDs (IDS=10000000)
	$(BIN)/python -m benchmarks.audit_memory $(or $(IDS),10000000)

lock: ## Update requirements/*.txt (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --extra demo --group build -o requirements/demo.txt pyproject.toml
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --extra demo --extra cfn --extra sigma --extra audit --group dev -c requirements/demo.txt -o requirements/dev.txt pyproject.toml
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --extra aws -c requirements/demo.txt -o requirements/layer.txt pyproject.toml
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --extra aws --extra cli --extra cfn --group build --override requirements/sam-overrides.in -o requirements/sam-tools.txt pyproject.toml requirements/sam-tools.in
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate -o requirements/mutants.txt requirements/mutants.in
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --extra aws --extra cli --extra cfn --extra sigma --group build -c requirements/demo.txt -o requirements/docs.txt pyproject.toml requirements/docs.in
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate -o requirements/cdk.txt requirements/cdk.in

clean: ## Remove everything that the tasks created
	rm -rf $(VENV) .venv-* sam/.aws-sam .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
