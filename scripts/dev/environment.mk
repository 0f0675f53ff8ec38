# What every command finds in its environment, besides what was typed. The Makefile includes this.

# A make that a command starts must not be handed the raw values; what an outer make hands down is not for us.
override MAKEOVERRIDES :=
override export TYPED := $(if $(filter 0,$(value MAKELEVEL)),$(TYPED))
override export GOALS := $(value MAKECMDGOALS)

# The folder it was typed in, for relative paths; only make -C, which turns on w, makes that another one.
override export CALLER := $(value PWD)
override export MOVED := $(findstring w,$(firstword -$(MAKEFLAGS)))
# Our Python finds lib/ and .venv, and nothing of another Python.
override export PATH := $(CURDIR)/.venv/bin:$(value PATH)
override export PYTHONPATH := $(CURDIR)/scripts
override export PYTHONUTF8 := 1
unexport PYTHONHOME
# What Git hands to a hook is about the repository of that hook, which this one may be a submodule of.
unexport GIT_DIR GIT_WORK_TREE GIT_COMMON_DIR GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES GIT_PREFIX
unexport GIT_NAMESPACE GIT_SHALLOW_FILE GIT_LITERAL_PATHSPECS GIT_GLOB_PATHSPECS GIT_NOGLOB_PATHSPECS GIT_ICASE_PATHSPECS
ifneq ($(value GIT_INDEX_FILE),)
ifeq ($(shell [ "$$(dirname "$$GIT_INDEX_FILE")" -ef "$$(env -u GIT_DIR -u GIT_INDEX_FILE git rev-parse --git-dir)" ] && echo ours),)
unexport GIT_INDEX_FILE
endif
endif
# The history is what others see of it, too.
override export GIT_NO_REPLACE_OBJECTS := 1
# DVC's notes on files belong to this clone, not to the machine.
override export DVC_SITE_CACHE_DIR := $(CURDIR)/.dvc/tmp/site
override export DVC_NO_ANALYTICS := true
# The Hub client tells the Hub more than is needed, and shows bars of its own.
override export HF_HUB_DISABLE_TELEMETRY := 1
override export HF_HUB_DISABLE_PROGRESS_BARS := 1
# hf_xet works in this clone, not in the home of its user, and keeps no logs.
override export HF_XET_CACHE := $(CURDIR)/.dvc/tmp/xet
override export HF_XET_LOG_DEST := /dev/null
# CI systems give a variable that is not set as an empty text.
ifeq ($(strip $(value HF_ENDPOINT)),)
unexport HF_ENDPOINT
endif
