# The whole interface: what may be typed; the file of that name in scripts/ does it. `make help` is made of these lines.
# What a user types is data: make never expands it, and only its command line gives values, not the environment.
# So all that this file sets is set with override; what was typed is handed on if it is declared, and else not at all.
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

$(call variable,MODEL)    # for add, ORG/NAME[@REVISION] of the Hub; elsewhere NAME, a group or 'gemma-*'; for pull also NAME@v1.2.0
$(call variable,REVISION) # a branch, a tag or a commit of the Hub's repo (default: main, or what the pin follows)
$(call variable,NAME)     # what it is called in models/: NAME or FOLDER/NAME (default for add: the repo's name)
$(call variable,INCLUDE)  # only the files that match: '*.safetensors *.json'
$(call variable,EXCLUDE)  # not the files that match: '*.bin'
$(call variable,DIR)      # a folder to copy the weights from (default: they lie in models/NAME already)
$(call variable,ALLOW)    # an exception from models/policy.yaml, in its words: 'license:gemma format:pickle'
$(call variable,REASON)   # why there is that exception: 'approved in LEGAL-12'
$(call variable,BASE)     # what the weights were tuned from: ORG/NAME@REVISION of the Hub, or - for nothing
$(call variable,SOURCE)   # where the weights come from, as an address: of a run, a paper, a ticket; or -
$(call variable,LICENSE)  # the license of the weights, as in SPDX: apache-2.0; or -
$(call variable,FROM)     # a Git revision or a release, the old one (default: the version before)
$(call variable,TO)       # for diff, a Git revision or a release, the new one (default: as it is here); for pull and export, a folder
$(call variable,LINK)     # 1: with TO, link weights to the cache of this clone instead of copying them, where the disk can
$(call variable,VERSION)  # of a release: 1.2.0
$(call variable,STAGE)    # what a release is for: prod
$(call variable,REMOVE)   # 1: take the model out of the stage
$(call variable,POINTERS) # 1: take files that are pointers of Git LFS as they are
$(call variable,URL)      # s3://bucket/path, gs://bucket/path or a folder
$(call variable,ENDPOINT) # address of a store that speaks S3, or of an emulator: https://HOST
$(call variable,REGION)   # region of the bucket in S3: eu-central-1
$(call variable,PROFILE)  # a profile of your AWS configuration
$(call variable,PROJECT)  # a Google Cloud project
$(call variable,DEEP)     # 1: read the objects on the remote, every byte
$(call variable,SHARD)    # with DEEP=1: one of several shares of the objects, the same on every machine: 3/16
$(call variable,OFFLINE)  # 1: leave the remote out
$(call variable,REQUIRE)  # what must have been looked at, of: disk remote content
$(call variable,SIGNED)   # 1: each pin must be signed, its Git commit or a release, by a key of .github/allowed_signers
$(call variable,TIMEOUT)  # seconds without a byte after which the Hub or the bucket is given up (default: 60)
$(call variable,REPORT)   # a file to write the results to, as JSON
$(call variable,REMOTE)   # a remote by its name: mirror (default: the default one); for gc 1, the default one, or a name
$(call variable,HISTORY)  # 0: keep only what branches and tags name as they are now, not what they named before
$(call variable,DAYS)     # with REMOTE: objects that are younger there, in days, are kept (default: 14)
$(call variable,FORCE)    # 1: do it; without it, only say what would be done
$(call variable,DRY)      # 1: say what would be done, and change nothing
$(call variable,FORMAT)   # json: the results as JSON on standard output, the lines for people on standard error
$(call variable,MESSAGE)  # the subject of the Git commit: 'feat: add gemma'
$(call variable,ONLY)     # tests whose name or file matches: 'verify and not deep'
$(call variable,QUICK)    # 1: leave out the tests that take over a second
$(call variable,SIZE)     # of the weights, 50MB or more: 2GB
$(call variable,ROUNDS)   # how often each system runs (default: 3)
$(call variable,WORK)     # only these works, such as 'add pull-s3'; a word that is none shows them all
$(call variable,CASES)    # only these systems, such as 'make rclone'; a word that is none shows them all
$(call variable,VERB)     # the command to explain

include scripts/dev/environment.mk

override RUNTIME := .venv/runtime
override DEVELOP := .venv/develop

##@ Models
# make add MODEL=google/gemma-3-12b-it INCLUDE='*.safetensors *.json'
add: $(RUNTIME) ## pin models of the Hub: MODEL= [REVISION=] [NAME=] [INCLUDE=] [EXCLUDE=] [ALLOW=] [REASON=] [POINTERS=1] [DRY=1] [MESSAGE=] [TIMEOUT=]

# make track NAME=gemma-3-12b-tuned DIR=/data/run-17
track: $(RUNTIME) ## pin weights that are not on the Hub: NAME= [DIR=] [BASE=] [SOURCE=] [LICENSE=] [ALLOW=] [REASON=] [POINTERS=1] [MESSAGE=] [TIMEOUT=]

# make pull MODEL='gemma-3-12b-it@v1.2.0 embeddings/all-MiniLM-L6-v2' TO=/srv/models
pull: $(RUNTIME) ## bring pinned weights to models/, checked: [MODEL=] [STAGE=] [TO=] [LINK=1] [REMOTE=] [DRY=1] [TIMEOUT=] [FORMAT=] [REPORT=]

# make push DEEP=1
push: $(RUNTIME) ## upload what the remote lacks, replace what is damaged there: [MODEL=] [REMOTE=] [DEEP=1] [DRY=1] [TIMEOUT=] [FORMAT=] [REPORT=]

# make export MODEL=gemma-3-12b-it TO=/media/disk
export: $(RUNTIME) ## write a folder that is a remote, and a Git bundle, for machines without a network: TO= [MODEL=] [DEEP=1]

# make outdated FORMAT=json
outdated: $(RUNTIME) ## ask the Hub what is newer than the pins: [MODEL=] [TIMEOUT=] [FORMAT=] [REPORT=]

# make update MODEL=gemma-3-12b-it
update: $(RUNTIME) ## move pins to what they follow on the Hub: [MODEL=] [REVISION=] [POINTERS=1] [DRY=1] [MESSAGE=] [TIMEOUT=] [FORMAT=] [REPORT=]

list: $(RUNTIME) ## show a table of all models: [FORMAT=] [REPORT=]

# make show MODEL=gemma-3-12b-it
show: $(RUNTIME) ## show all that is known of a model: MODEL= [FORMAT=] [REPORT=]

# make diff MODEL=gemma-3-12b-it FROM=HEAD~3
diff: $(RUNTIME) ## show what changed between two versions of a pin: MODEL= [FROM=] [TO=] [FORMAT=] [REPORT=]

catalog: $(RUNTIME) ## write the table of models/README.md again from the pins in Git

# make remote URL=s3://bucket/path REGION=eu-central-1
remote: $(RUNTIME) ## show the remotes, or set one: [REMOTE=] [URL=] [ENDPOINT=] [REGION=] [PROFILE=] [PROJECT=] [TIMEOUT=]

# make remove MODEL=gemma-3-12b-it
remove: $(RUNTIME) ## remove models, with a Git commit each; the remote keeps them: MODEL= [DRY=1] [MESSAGE=] [TIMEOUT=]

# make free MODEL=gemma-3-12b-it
free: $(RUNTIME) ## drop weights and cache of what the remote holds: [MODEL=] [DEEP=1] [DRY=1] [TIMEOUT=] [FORMAT=] [REPORT=]

# make gc REMOTE=1 FORCE=1
gc: $(RUNTIME) ## delete objects that no Git commit needs: [REMOTE=] [HISTORY=] [DAYS=] [FORCE=1] [TIMEOUT=] [FORMAT=] [REPORT=]

# make rename MODEL=gemma-3-12b-it NAME=chat/gemma-3-12b-it
rename: $(RUNTIME) ## rename a model; no byte is moved: MODEL= NAME= [DRY=1] [MESSAGE=]

##@ Releases
# make release MODEL=gemma-3-12b-it VERSION=1.2.0
release: $(RUNTIME) ## tag a version of a model, or put one into a stage: MODEL= [VERSION=] [STAGE=] [REMOVE=1] [DRY=1] [TIMEOUT=]

##@ Checks
# make verify REPORT=verify.json
verify: $(RUNTIME) ## check pins, weights on disk and the remote: [MODEL=] [REMOTE=] [DEEP=1] [SHARD=] [OFFLINE=1] [REQUIRE=] [SIGNED=1] [TIMEOUT=] [FORMAT=] [REPORT=]

# make sbom MODEL='gemma-*'
sbom: $(RUNTIME) ## print a bill of materials, as CycloneDX: [MODEL=]

doctor: $(RUNTIME) ## say whether this clone has what it needs, or what to type: [TIMEOUT=]

##@ Project
demo: $(DEVELOP) ## take the tour, without account, bucket or Hub
	@scripts/dev/demo.sh

# make test ONLY=verify QUICK=1
test: $(DEVELOP) ## run the tests: [ONLY=] [QUICK=1]
	@pytest -c tests/pytest.ini -k "$$ONLY" $(if $(QUICK),-m 'not slow') tests

# make bench SIZE=2GB ROUNDS=3
bench: $(DEVELOP) ## measure against what people would use instead: [SIZE=] [ROUNDS=] [WORK=] [CASES=] [FORMAT=]
	@python tests/bench/run.py

lint: $(DEVELOP) ## check the style of Python, shell and workflows
	@ruff check --config tests/ruff.toml scripts tests
	@ruff format --check --config tests/ruff.toml scripts tests
	@shellcheck --external-sources scripts/dev/*.sh scripts/lib/shell/*.sh .ci/run
	@zizmor --offline --quiet --min-severity medium .github
	@check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	@check-jsonschema --quiet --builtin-schema vendor.github-actions .github/actions/*/action.yml
	@check-jsonschema --quiet --builtin-schema vendor.dependabot .github/dependabot.yml

lock: $(DEVELOP) ## renew the locked requirement files
	@scripts/dev/lock.sh

clean: guard ## remove .venv and the caches of tools, never weights
	@rm -rf .venv .pytest_cache .ruff_cache .hypothesis
	@find scripts tests -name __pycache__ -type d -prune -exec rm -rf {} +

# make help VERB=add
help: guard ## show this list, or explain one command: [VERB=]
	@python3 -IS scripts/dev/usage.py help

# What a command does is in the file of its name; what it needs stands above.
$(basename $(notdir $(wildcard scripts/*.py))):
	@python scripts/dev/run.py $@

.PHONY: add track pull push export remove rename free gc release doctor outdated update list show diff catalog remote verify sbom demo test bench lint lock clean help guard

# Before anything else, also under -n: a variable that is misspelled, missing or not taken is refused.
guard:
	+@python3 -IS scripts/dev/usage.py check

# A goal that is no command is refused by the same check; a file that is missing fails by its name alone.
.DEFAULT:
	+@python3 -IS scripts/dev/usage.py check; exit 1

$(RUNTIME): scripts/requirements.txt scripts/dev/uv.txt | guard
	@scripts/dev/venv.sh scripts/requirements.txt
	@touch $@

$(DEVELOP): $(RUNTIME) tests/requirements.txt
	@scripts/dev/venv.sh scripts/requirements.txt tests/requirements.txt
	@touch $@
