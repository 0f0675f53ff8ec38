#!/usr/bin/env bash
# Check the style of Python, shell and workflows.
# Usage: make lint
set -euo pipefail

ruff check --config tests/ruff.toml scripts tests
ruff format --check --config tests/ruff.toml scripts tests
shellcheck --external-sources scripts/dev/*.sh scripts/lib/shell/*.sh .ci/run
zizmor --offline --quiet --min-severity medium .github
check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
check-jsonschema --quiet --builtin-schema vendor.github-actions .github/actions/*/action.yml
check-jsonschema --quiet --builtin-schema vendor.dependabot .github/dependabot.yml
