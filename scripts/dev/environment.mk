# The environment of every command, besides what was typed. The Makefile includes this file.

# A make that a command starts must not inherit the raw values; what was typed for an outer make is not checked here.
override MAKEOVERRIDES :=
override export TYPED := $(if $(filter 0,$(value MAKELEVEL)),$(TYPED))
override export GOALS := $(value MAKECMDGOALS)

# The folder that relative paths start from. It differs from this one only under make -C.
override export CALLER := $(value PWD)
ifneq ($(findstring :,$(CURDIR)),)
$(error make: the path of this clone has a colon, so PATH cannot hold it: $(CURDIR); move the clone)
endif
# Python must find lib/ and .venv, and nothing from another installation.
override export PATH := $(CURDIR)/.venv/bin:$(value PATH)
override export PYTHONPATH := $(CURDIR)/scripts
override export PYTHONUTF8 := 1
unexport PYTHONHOME
# In a hook, Git sets these for the repository of that hook, of which this one may be a submodule.
unexport GIT_DIR GIT_WORK_TREE GIT_COMMON_DIR GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES GIT_PREFIX
unexport GIT_NAMESPACE GIT_SHALLOW_FILE GIT_LITERAL_PATHSPECS GIT_GLOB_PATHSPECS GIT_NOGLOB_PATHSPECS GIT_ICASE_PATHSPECS
ifneq ($(value GIT_INDEX_FILE),)
ifeq ($(shell [ "$$(dirname "$$GIT_INDEX_FILE")" -ef "$$(env -u GIT_DIR -u GIT_INDEX_FILE git rev-parse --git-dir)" ] && echo ours),)
unexport GIT_INDEX_FILE
endif
endif
# Without `git replace`: commands must see the same history as other clones do.
override export GIT_NO_REPLACE_OBJECTS := 1
# DVC's notes on files are kept in this clone, not in a folder that all users of the machine share.
override export DVC_SITE_CACHE_DIR := $(CURDIR)/.dvc/tmp/site
# By default the Hub client sends telemetry.
override export HF_HUB_DISABLE_TELEMETRY := 1
# hf_xet keeps its files in this clone, not in the user's home, and writes no logs.
override export HF_XET_CACHE := $(CURDIR)/.dvc/tmp/xet
override export HF_XET_LOG_DEST := /dev/null
# CI systems pass a variable that is not set as an empty string.
ifeq ($(strip $(value HF_ENDPOINT)),)
unexport HF_ENDPOINT
endif
