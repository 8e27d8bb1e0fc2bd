# The two commands:  make up   make test.   `make help` lists the rest.
# Every target is safe to repeat and to interrupt: what is done is kept, what is half done is done again.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.ONESHELL:
MAKEFLAGS += --no-builtin-rules --no-print-directory
.DEFAULT_GOAL := help

STACK ?= local
FLEET := .venv/bin/fleet
PYTEST_ARGS ?=

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  \033[1mmake %-13s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## the Python environment of the `fleet` command
	@toolchain/bootstrap.sh runtime

.PHONY: setup-all
setup-all:
	@toolchain/bootstrap.sh all

.PHONY: tools
tools: setup ## what `up` needs beside Python: Debian packages, Pulumi, Kubernetes (built from source where they must be)
	@$(FLEET) tools ensure

.PHONY: up
up: setup ## bring up stack STACK (default: local) and get a completion from it
	@$(FLEET) tools ensure --stack $(STACK)
	$(FLEET) up $(STACK) --yes
	@$(FLEET) complete --stack $(STACK) --show-access

.PHONY: down
down: setup ## take stack STACK down, end its cluster and list what is left (nothing)
	@$(FLEET) down $(STACK) --yes
	@$(FLEET) leftovers

.PHONY: test
test: setup-all ## every test
	@$(FLEET) tools ensure --for test
	@.venv/bin/pytest $(PYTEST_ARGS)

.PHONY: test-unit
test-unit: setup-all ## the tests that need no root, cluster or container engine
	@.venv/bin/pytest -m "not cluster and not kind" $(PYTEST_ARGS)

.PHONY: test-kind
test-kind: setup-all ## the local stack on kind, where docker and kind are there
	@.venv/bin/pytest -m kind $(PYTEST_ARGS)

# Each leg is a world of its own; the last stack of a leg lives a whole life beside those before it.
LIVES := aws-account azure-account gcp-account aws-us-east-1+aws-us-west-2 aws-us-west-2+aws-us-east-1 \
	azure-westeurope gcp-europe-west4 aws-us-east-1+aws-us-west-2+azure-westeurope+gcp-europe-west4+global

REGIONS := aws-us-east-1 azure-westeurope gcp-europe-west4

.PHONY: rehearse-all
rehearse-all: setup-all ## every stack's whole life against simulated clouds, three places of states, a fault at every resource of each region
	@$(FLEET) tools ensure --for test
	$(FLEET) rehearse aws-eu-central-1 --files examples/smallest-region --lifecycle
	for leg in $(LIVES); do
	  $(FLEET) rehearse $${leg//+/ } --lifecycle --world "life-$${leg##*+}"
	done
	for cloud in aws azure gcp; do
	  $(FLEET) bootstrap "$$cloud-state" --undo --rehearse
	done
	printf '%s\n' $(REGIONS) | xargs -P 2 -I{} $(FLEET) rehearse {} --faults --world "faults-{}"

.PHONY: kill-everywhere
kill-everywhere: setup-all ## the engine is killed at each operation of a small stack: what that leaves is found, and swept
	@$(FLEET) tools ensure --for test
	@MODELFLEET_ALL_POINTS=1 .venv/bin/pytest tests/fleet/test_killed.py $(PYTEST_ARGS)

DRILL_ARGS ?= --healthy 20
.PHONY: drill
drill: setup ## good and bad releases through three regions that really serve (an hour; the machine has to be idle)
	@$(FLEET) tools ensure
	@$(FLEET) release drill $(DRILL_ARGS) --report benchmarks/results/drill-$$(date -u +%F).json

.PHONY: runbooks
runbooks: setup-all ## every command of docs/runbooks, typed in simulated accounts: what it prints is what the page says
	@$(FLEET) tools ensure --for test
	@MODELFLEET_ALL_RUNBOOKS=1 .venv/bin/pytest tests/runbooks $(PYTEST_ARGS)

IMAGE ?= gateway
.PHONY: image-reproducible
image-reproducible: setup ## build image IMAGE (default: gateway) from two clean clones and compare the digests
	@$(FLEET) tools ensure
	@.venv/bin/python -m toolchain.images.reproduce $(IMAGE)

.PHONY: test-signatures
test-signatures: setup-all ## the tests of signing with the real cosign, which is built first where it is missing
	@$(FLEET) tools ensure cosign
	@.venv/bin/pytest tests/toolchain/images/test_signatures.py tests/toolchain/images/test_keyless.py $(PYTEST_ARGS)

.PHONY: check
check: setup-all ## format, lint, types, workflows, no index host in the tree
	@$(FLEET) tools ensure actionlint
	@.venv/bin/python -m toolchain.checks

.PHONY: format
format: setup-all ## rewrite the sources as `check` wants them
	@.venv/bin/ruff check --fix --quiet .
	@.venv/bin/ruff format --quiet .

.PHONY: bench
bench: setup-all ## the benchmark programs; results in benchmarks/results
	@$(FLEET) tools ensure --for test
	@.venv/bin/python -m benchmarks

.PHONY: lock
lock: ## resolve the Python packages anew and pin them in uv.lock (without naming an index)
	@toolchain/lock.sh

.PHONY: clean
clean: ## remove what was made in this checkout (tools and state in your home folder stay: see clean-all)
	@rm -rf .venv .state .pytest_cache .ruff_cache .hypothesis dist
	find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +

.PHONY: clean-all
clean-all: setup ## the same, and the built tools, images and state of this user
	@$(FLEET) leftovers --remove
	$(FLEET) tools prune --all
	$(MAKE) clean
