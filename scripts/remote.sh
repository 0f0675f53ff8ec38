#!/usr/bin/env bash
# Show DVC's remote, or set it in .dvc/config and prove that it works.
# Usage: make remote [URL=s3://bucket/path, gs://bucket/path or a folder]
set -euo pipefail

[[ $URL ]] || exec python scripts/probe.py
url=$(python scripts/probe.py)
dvc --wait-for-lock remote add --quiet --force --default storage "$url"
dvc --wait-for-lock remote modify --quiet storage verify true
printf '%s\n' "remote 'storage' is $url; next: git commit --message 'Set the remote' -- .dvc/config"
