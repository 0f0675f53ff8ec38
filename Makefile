# The whole interface: every command and variable. `make help` is generated from these lines.
# What a user types is data: make never expands it, and only make's command line gives values, not the environment.
# So this file sets everything with `override`, and passes on a typed variable only if it is declared below.
ifneq ($(filter 3.%,$(value MAKE_VERSION)),)
$(error make: GNU make $(value MAKE_VERSION) is too old (want 4.0 or newer); on macOS: brew install make, then type gmake)
endif
override TYPED := $(foreach name,$(.VARIABLES),$(if $(filter command,$(origin $(name))),$(name)))
$(foreach name,$(TYPED),$(eval unexport $$(name)))
override variable = $(eval override export $(1) := $$(if $$(filter command,$$(origin $(1))),$$(value $(1))))
override CURDIR := $(value CURDIR)

override SHELL := bash
override .SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:

$(call variable,MODEL)    # for add, ORG/NAME[@REVISION] on the Hub; otherwise a NAME, a group or 'gemma-*'; for pull, also NAME@v1.2.0
$(call variable,REVISION) # a branch, tag or commit of the Hub repo (default: main, or what the pin follows)
$(call variable,NAME)     # the name in models/: NAME or FOLDER/NAME (default for add: the name of the Hub repo)
$(call variable,INCLUDE)  # only files that match: '*.safetensors *.json'
$(call variable,EXCLUDE)  # leave out files that match: '*.bin'
$(call variable,DIR)      # a folder to copy the weights from (default: they are already in models/NAME)
$(call variable,ALLOW)    # exceptions to models/policy.yaml: 'license:gemma format:pickle'
$(call variable,REASON)   # the reason for the exceptions: 'approved in LEGAL-12'
$(call variable,BASE)     # the model that the weights were tuned from: ORG/NAME@REVISION on the Hub; or - for none
$(call variable,SOURCE)   # where the weights come from: the address of a run, a paper or a ticket; or - for none
$(call variable,LICENSE)  # the license of the weights, as an SPDX identifier: apache-2.0; or - for none
$(call variable,FROM)     # the old version: a Git revision, a release or a stage (default: the previous version)
$(call variable,TO)       # for diff, the new version: a Git revision, a release or a stage (default: the pin in models/); for pull and export, a folder
$(call variable,LINK)     # 1: with TO, link weights to this clone's cache instead of copying them, where the disk allows it
$(call variable,VERSION)  # version of the release: 1.2.0
$(call variable,STAGE)    # stage of a release: prod
$(call variable,REMOVE)   # 1: take the model out of the stage
$(call variable,POINTERS) # 1: accept Git LFS pointers in place of weights
$(call variable,URL)      # s3://bucket/path, gs://bucket/path or a folder
$(call variable,ENDPOINT) # address of an S3-compatible store or an emulator: https://HOST
$(call variable,REGION)   # region of the S3 bucket: eu-central-1
$(call variable,PROFILE)  # a profile in your AWS configuration
$(call variable,PROJECT)  # a Google Cloud project
$(call variable,DEEP)     # 1: read every byte of the objects on the remote
$(call variable,SHARD)    # with DEEP=1: the share of the objects to read, the same on every machine: 3/16
$(call variable,OFFLINE)  # 1: skip the remote
$(call variable,REQUIRE)  # fail if anything was not checked, in one or more of: disk remote content
$(call variable,SIGNED)   # 1: require the Git commit of each pin, or a release of it, to be signed by a key in .github/allowed_signers
$(call variable,TIMEOUT)  # give up on a Hub or bucket that sends nothing for this many seconds (default: 60)
$(call variable,REPORT)   # a file to write the results to, as JSON
$(call variable,REMOTE)   # name of a remote: mirror (default: the default remote); for gc, 1 selects the default one (default: none, only the cache)
$(call variable,HISTORY)  # 0: keep only what branches and tags point to now, not what they pointed to before
$(call variable,DAYS)     # with REMOTE: keep objects on the remote that are younger than this many days (default: 14)
$(call variable,FORCE)    # 1: delete the objects; without it, gc only lists them
$(call variable,DRY)      # 1: only say what would be done, and change nothing
$(call variable,FORMAT)   # json: print the results as JSON on standard output, and the lines for people on standard error
$(call variable,MESSAGE)  # subject of the Git commit: 'feat: add gemma'
$(call variable,ONLY)     # only tests whose name or file matches: 'verify and not deep'
$(call variable,QUICK)    # 1: skip tests that take more than a second
$(call variable,SIZE)     # size of the weights, at least 50MB: 2GB
$(call variable,ROUNDS)   # how many times each system runs (default: 3)
$(call variable,WORK)     # only these tasks, such as 'add pull-s3'; an unknown word lists them all
$(call variable,CASES)    # only these systems, such as 'make rclone'; an unknown word lists them all
$(call variable,VERB)     # the command to explain

include scripts/dev/environment.mk

override RUNTIME := .venv/runtime
override DEVELOP := .venv/develop

##@ Models
# make add MODEL=google/gemma-3-12b-it INCLUDE='*.safetensors *.json'
add: $(RUNTIME) ## pin models from the Hub: MODEL= [REVISION=] [NAME=] [INCLUDE=] [EXCLUDE=] [ALLOW=] [REASON=] [POINTERS=1] [DRY=1] [MESSAGE=] [TIMEOUT=]

# make track NAME=gemma-3-12b-tuned DIR=/data/run-17
track: $(RUNTIME) ## pin weights that are not on the Hub: NAME= [DIR=] [BASE=] [SOURCE=] [LICENSE=] [ALLOW=] [REASON=] [POINTERS=1] [MESSAGE=] [TIMEOUT=]

# make pull MODEL='gemma-3-12b-it@v1.2.0 embeddings/all-MiniLM-L6-v2' TO=/srv/models
pull: $(RUNTIME) ## get pinned weights into models/, and check them: [MODEL=] [STAGE=] [TO=] [LINK=1] [REMOTE=] [DRY=1] [TIMEOUT=] [FORMAT=] [REPORT=]

# make push DEEP=1
push: $(RUNTIME) ## upload missing objects to the remote, and replace damaged ones: [MODEL=] [REMOTE=] [DEEP=1] [DRY=1] [TIMEOUT=] [FORMAT=] [REPORT=]

# make export MODEL=gemma-3-12b-it TO=/media/disk
export: $(RUNTIME) ## write a remote folder and a Git bundle, for a machine without a network: TO= [MODEL=] [DEEP=1]

# make outdated FORMAT=json
outdated: $(RUNTIME) ## ask the Hub what is newer than the pins: [MODEL=] [TIMEOUT=] [FORMAT=] [REPORT=]

# make update MODEL=gemma-3-12b-it
update: $(RUNTIME) ## move pins to what their branch or tag on the Hub is now: [MODEL=] [REVISION=] [POINTERS=1] [DRY=1] [MESSAGE=] [TIMEOUT=] [FORMAT=] [REPORT=]

list: $(RUNTIME) ## show a table of all models: [FORMAT=] [REPORT=]

# make show MODEL=gemma-3-12b-it
show: $(RUNTIME) ## show everything known about a model: MODEL= [FORMAT=] [REPORT=]

# make diff MODEL=gemma-3-12b-it FROM=HEAD~3
diff: $(RUNTIME) ## show what changed between two versions of a pin: MODEL= [FROM=] [TO=] [FORMAT=] [REPORT=]

catalog: $(RUNTIME) ## rewrite the table in models/README.md from the pins in Git

# make remote URL=s3://bucket/path REGION=eu-central-1
remote: $(RUNTIME) ## show the remotes, or set one: [REMOTE=] [URL=] [ENDPOINT=] [REGION=] [PROFILE=] [PROJECT=] [TIMEOUT=]

# make remove MODEL=gemma-3-12b-it
remove: $(RUNTIME) ## remove models; the remote keeps their objects: MODEL= [DRY=1] [MESSAGE=] [TIMEOUT=]

# make free MODEL=gemma-3-12b-it
free: $(RUNTIME) ## delete local weights and cached objects that the remote holds: [MODEL=] [DEEP=1] [DRY=1] [TIMEOUT=] [FORMAT=] [REPORT=]

# make gc REMOTE=1 FORCE=1
gc: $(RUNTIME) ## delete objects that no Git commit needs: [REMOTE=] [HISTORY=] [DAYS=] [FORCE=1] [TIMEOUT=] [FORMAT=] [REPORT=]

# make rename MODEL=gemma-3-12b-it NAME=chat/gemma-3-12b-it
rename: $(RUNTIME) ## rename a model, without copying its weights: MODEL= NAME= [DRY=1] [MESSAGE=]

##@ Releases
# make release MODEL=gemma-3-12b-it VERSION=1.2.0
release: $(RUNTIME) ## tag a version of a model, or put one into a stage: MODEL= [VERSION=] [STAGE=] [REMOVE=1] [DRY=1] [TIMEOUT=]

##@ Checks
# make verify REPORT=verify.json
verify: $(RUNTIME) ## check pins, weights on disk and the remote: [MODEL=] [REMOTE=] [DEEP=1] [SHARD=] [OFFLINE=1] [REQUIRE=] [SIGNED=1] [TIMEOUT=] [FORMAT=] [REPORT=]

# make sbom MODEL='gemma-*'
sbom: $(RUNTIME) ## print a bill of materials, as CycloneDX: [MODEL=]

doctor: $(RUNTIME) ## check this clone, and say what to type if something is wrong: [TIMEOUT=]

##@ Project
demo: $(DEVELOP) ## take the tour, without an account, a bucket or the Hub
	@scripts/dev/demo.sh

# make test ONLY=verify QUICK=1
test: $(DEVELOP) ## run the tests: [ONLY=] [QUICK=1]
	@pytest -c tests/pytest.ini -k "$$ONLY" $(if $(QUICK),-m 'not slow') tests

# make bench SIZE=2GB ROUNDS=3
bench: $(DEVELOP) ## compare the speed with other tools: [SIZE=] [ROUNDS=] [WORK=] [CASES=] [FORMAT=]
	@python tests/bench/run.py

lint: $(DEVELOP) ## check the style of Python, shell and workflows
	@ruff check --config tests/ruff.toml scripts tests
	@ruff format --check --config tests/ruff.toml scripts tests
	@shellcheck --external-sources scripts/dev/*.sh scripts/lib/shell/*.sh .ci/run
	@zizmor --offline --quiet --min-severity medium .github
	@check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml

lock: $(DEVELOP) ## update the locked requirement files
	@scripts/dev/lock.sh

clean: guard ## remove .venv and tool caches, never weights
	@rm -rf .venv .pytest_cache .ruff_cache .hypothesis
	@find $(wildcard scripts tests) -name __pycache__ -type d -prune -exec rm -rf {} +

# make help VERB=add
help: guard ## show this list, or explain one command: [VERB=]
	@python3 -IS scripts/dev/usage.py help

# These commands run the scripts of the same name; their prerequisites are declared above.
$(basename $(notdir $(wildcard scripts/*.py))):
	@python scripts/dev/run.py $@

.PHONY: add track pull push export remove rename free gc release doctor outdated update list show diff catalog remote verify sbom demo test bench lint lock clean help guard

# Without a rule, make would call these up to date, as they exist.
.PHONY: models scripts tests README.md
models scripts tests README.md: guard

# Before anything else, even under -n, refuse a variable that is misspelled, missing or not taken by the command.
guard:
	+@python3 -IS scripts/dev/usage.py check

# The same check refuses a goal that is not a command; `exit 1` is for a missing file, which make then names.
.DEFAULT:
	+@python3 -IS scripts/dev/usage.py check; exit 1

# If the Python that .venv leads to is gone, as after an upgrade of the system, `guard` makes this run again.
$(RUNTIME): scripts/requirements.txt scripts/dev/uv.txt $(if $(realpath .venv/bin/python),|) guard
	@scripts/dev/venv.sh scripts/requirements.txt
	@touch $@

$(DEVELOP): $(RUNTIME) tests/requirements.txt
	@scripts/dev/venv.sh scripts/requirements.txt tests/requirements.txt
	@touch $@
