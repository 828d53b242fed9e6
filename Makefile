# Every target says what it does; `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN := $(BIN)/python
PIN := $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate

.DEFAULT_GOAL := help
.PHONY: help venv lock fmt lint types imports generate generated check test test-soak test-faults test-gateway test-unit test-differential test-kserve-sdk fuzz overload test-estimators test-formats cluster cluster-down images clean-all bench-serving bench-evidence bench-ledger bench-operator soak-ledger demo demo-down

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-14s %s\n", $$1, $$2}'

venv: $(VENV)/.complete ## the Python environment, from requirements.lock

$(VENV)/.complete: requirements.lock pyproject.toml serving_image/pyproject.toml
	@echo "Python environment: about 40 s the first time"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation -e . -e serving_image
	@touch $@

lock: ## pin every dependency anew, with hashes: for development, and for each image
	$(PIN) --python-version 3.11 --no-emit-package contender-serving --group dev --extra write --extra plot --extra ledger pyproject.toml serving_image/pyproject.toml -o requirements.lock
	$(PIN) --python-version 3.13 -c requirements.lock --extra ledger pyproject.toml -o operator/requirements.lock
	$(PIN) --python-version 3.13 -c requirements.lock serving_image/pyproject.toml -o serving_image/requirements.lock
	$(PIN) --python-version 3.11 -c requirements.lock --no-emit-package triton --no-emit-package nvidia-nccl-cu12 tests/formats/requirements.in -o tests/formats/requirements.txt

fmt: venv ## format the code
	$(BIN)/ruff format . && $(BIN)/ruff check --fix .

lint: venv
	$(BIN)/ruff format --check . && $(BIN)/ruff check .

types: venv
	$(BIN)/mypy

imports: venv
	$(BIN)/lint-imports

generate: venv ## write the generated files anew: the chart's CRDs, the field reference, the trial's diagram, gRPC's messages
	$(RUN) -m tools.crd_reference && $(RUN) -m tools.chart_crd && $(RUN) -m tools.trial_diagram && $(RUN) -m tools.grpc_messages

generated: venv
	$(RUN) -m tools.crd_reference --check && $(RUN) -m tools.chart_crd --check && $(RUN) -m tools.trial_diagram --check && $(RUN) -m tools.grpc_messages --check

check: lint types imports generated ## lint, types, import layers, generated files up to date

cluster: venv ## bring the kind cluster up (about 12 minutes the first time, 20 s after)
	$(RUN) -m tests.cluster up

cluster-down: venv ## delete the kind cluster
	$(RUN) -m tests.cluster down

images: venv ## build the operator's and the serving image anew and load them into the cluster
	$(RUN) -m tests.cluster images

clean-all: venv ## delete the cluster and all that was installed for it; the cache stays
	$(RUN) -m tests.cluster clean-all

test: venv ## every test, on a real cluster
	$(RUN) -m pytest

test-soak: venv ## ten minutes of fifty idle ModelDeployments: what they cost the API server
	SOAK_SECONDS=600 $(RUN) -m pytest tests/soak

test-faults: venv ## whatever may befall a trial, under live traffic, and what it costs (40 minutes)
	ALL_FAULTS=1 $(RUN) -m pytest tests/e2e/faults

test-gateway: venv ## the stories of the embedded router told on a Gateway, and what only a Gateway can do (25 minutes)
	TRAFFIC=gateway $(RUN) -m pytest tests/e2e tests/gateway --ignore tests/e2e/faults

test-unit: venv ## the tests that need no cluster
	$(RUN) -m pytest tests/unit tests/router tests/serving tests/contract tests/gitops tests/monitoring tests/ledger

bench-serving: venv ## the serving image beside its peers, one core each; 40 minutes on two idle cores, BENCH=--quick for 10
	$(RUN) -m benchmarks.serving $(BENCH)

bench-evidence: venv ## how often each way to judge a rollout is wrong, and how soon it is right; 8 minutes, BENCH=--quick for one
	$(RUN) -m benchmarks.evidence $(BENCH)

bench-operator: venv ## 100, 500 and 2,000 ModelDeployments on one operator, beside Argo Rollouts; BENCH=--quick for 50 and 100
	$(RUN) -m benchmarks.operator $(BENCH)

bench-ledger: venv ## labels per second with each database, and what evidence of a million of them costs; 5 minutes
	$(RUN) -m benchmarks.ledger $(BENCH)

soak-ledger: venv ## a million labels and fifty kills at random moments with each database (20 minutes)
	$(RUN) -m tests.ledger.soak

test-estimators: venv ## 10,000 random and edge rows of each estimator against what is served (1.5 minutes)
	ESTIMATOR_ROWS=10000 $(RUN) -m pytest tests/serving/test_estimators.py

fuzz: venv ## ten minutes of whatever a client may send: HTTP, requests, compressed bodies
	$(RUN) -m tests.serving.fuzzing 600

test-differential: venv ## a few thousand requests to MLServer and to the serving image: where do they differ?
	$(RUN) -m pytest tests/serving/differential/suite.py

test-kserve-sdk: venv ## KServe's Python client, which has an environment of its own, against the serving image
	$(RUN) -m pytest tests/serving/conformance/kserve_sdk.py

test-formats: venv .formats/.complete ## models of other libraries, written and served (6 GB the first time, in a folder of their own)
	PYTHONPATH=.formats $(RUN) -m pytest tests/formats

.formats/.complete: tests/formats/requirements.txt
	$(BIN)/uv pip install --quiet --no-deps --require-hashes --target .formats -r $<
	@touch $@

overload: venv ## a minute of five times what a slow model can answer: goodput and memory
	$(RUN) -m tests.serving.overload 60

demo: venv ## the whole story on a cluster: serve, promote, reject, judge by labels, revert (first run about 15 minutes, then under 4)
	$(RUN) -m tools.demo

demo-down: venv ## take the demo and its cluster away
	$(RUN) -m tools.demo down
