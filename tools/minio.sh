#!/usr/bin/env bash
# Print the path of a MinIO server of a fixed version, built from Go modules outside this clone when it is not there yet.
set -eu
version=v0.0.0-20260212201848-7aac2a2c5b7c
home=${XDG_CACHE_HOME:-$HOME/.cache}/holdfast/minio-$version
if [ ! -x "$home/minio" ]; then
  command -v go >/dev/null 2>&1 || { echo "MISSING on this machine: go, to build MinIO" >&2; exit 1; }
  echo "Building MinIO $version, once: some minutes" >&2
  mkdir -p "$home"
  CGO_ENABLED=0 GOFLAGS=-modcacherw GOBIN=$home nice -n 10 go install -trimpath -ldflags "-s -w" "github.com/minio/minio@$version" >&2
fi
echo "$home/minio"
