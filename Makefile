# The whole interface: names and preconditions. What a command does is in scripts/, one file for each.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:

# What a user types is data: taken as text before make expands it, and handed on by the environment alone.
VALUES := MODEL REVISION NAME INCLUDE EXCLUDE DIR URL ENDPOINT REGION PROFILE PROJECT DEEP OFFLINE PATIENCE REPORT SIZE ROUNDS WORK CASES
$(foreach value,$(VALUES),$(eval override $(value) := $$(value $(value))))
MAKEOVERRIDES :=
export $(VALUES)

# Where the user typed it, for a folder relative to that; only make -C, which turns on w, takes them elsewhere.
export CALLER := $(value PWD)
export MOVED := $(findstring w,$(firstword -$(MAKEFLAGS)))
export PATH := $(CURDIR)/.venv/bin:$(value PATH)
# DVC's notes on files belong to this clone, not to the machine.
export DVC_SITE_CACHE_DIR := $(CURDIR)/.dvc/tmp/site
export DVC_NO_ANALYTICS := true
# The Hub client tells and asks the Hub more than is needed, and shows bars of its own.
export HF_HUB_DISABLE_TELEMETRY := 1
export HF_HUB_DISABLE_PROGRESS_BARS := 1
export PYTHONUTF8 := 1

RUNTIME := .venv/runtime
DEVELOP := .venv/develop
TURN := @python scripts/turn.py

##@ Models
add: need-MODEL $(RUNTIME) ## pin a model of the Hub: MODEL=ORG/NAME[@REVISION] [REVISION=] [NAME=] [INCLUDE=] [EXCLUDE=]
	$(TURN) scripts/add.sh

track: need-NAME $(RUNTIME) ## pin weights that are not on the Hub: NAME= [DIR=folder to copy from]
	$(TURN) scripts/track.sh

pull: $(RUNTIME) ## bring pinned weights to models/, checked: [MODEL=]
	$(TURN) scripts/pull.py

push: $(RUNTIME) ## put on the remote what it lacks or holds broken: [MODEL=] [DEEP=1]
	$(TURN) scripts/push.py

verify: $(RUNTIME) ## prove pins, disk and remote: [MODEL=] [DEEP=1] [OFFLINE=1]
	$(TURN) scripts/verify.py

list: $(RUNTIME) ## a table of all models
	@python scripts/list.py

remote: $(RUNTIME) ## show the remote, or set it: [URL=s3://bucket/path, gs://bucket/path or a folder [ENDPOINT=] [REGION=] [PROFILE=] [PROJECT=]]
	$(TURN) scripts/remote.sh

##@ Project
demo: $(DEVELOP) ## the tour, without account, bucket or Hub
	@scripts/demo.sh

test: $(DEVELOP) ## run the tests
	@pytest -c tests/pytest.ini tests

bench: $(DEVELOP) ## measure against what people would use instead: [SIZE=2GB] [ROUNDS=3] [WORK=] [CASES=]
	@python tests/bench/run.py

lint: $(DEVELOP) ## check the style of Python, shell and workflows
	@ruff check --config tests/ruff.toml scripts tests
	@ruff format --check --config tests/ruff.toml scripts tests
	@shellcheck --external-sources scripts/*.sh scripts/lib/*.sh .ci/run
	@zizmor --offline --quiet --min-severity medium .github
	@check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	@check-jsonschema --quiet --builtin-schema vendor.github-actions .github/actions/*/action.yml

lock: $(DEVELOP) ## renew the locked requirement files
	@scripts/lock.sh

clean: ## remove .venv and the caches of tools, never weights
	@rm -rf .venv .pytest_cache .ruff_cache .hypothesis
	@find scripts tests -name __pycache__ -type d -prune -exec rm -rf {} +

help: ## show this list
	@awk -F ':.*## ' '/^##@/ {print "\n" substr($$0, 5)} /^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' Makefile

.PHONY: add track pull push verify list remote demo test bench lint lock clean help

need-%:
	@$(if $(value $*),:,$(error no $*; type: make $(firstword $(MAKECMDGOALS)) $*=$(EXAMPLE_$*)))

EXAMPLE_MODEL := ORG/NAME, as on the Hub
EXAMPLE_NAME := NAME, or FOLDER/NAME

$(RUNTIME): scripts/requirements.txt scripts/uv.txt
	@scripts/venv.sh scripts/requirements.txt
	@touch $@

$(DEVELOP): $(RUNTIME) tests/requirements.txt
	@scripts/venv.sh tests/requirements.txt
	@touch $@
