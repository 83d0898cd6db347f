#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# `make image`: the package in a container image, pierglass:latest. BASE=IMAGE for another base than debian:bookworm-slim;
# DOCKER="docker -H …" for another engine.
set -eu
cd "$(dirname "$0")/.."
docker=${DOCKER:-docker}
context=build/image
rm -rf "$context"
mkdir -p "$context"
deb=$(find build -maxdepth 1 -name 'pierglass_*_amd64.deb' | sort -V | tail -n 1)
[ -n "$deb" ] || { echo "image: no package in build/: make deb" >&2; exit 1; }
cp "$deb" "$context/pierglass.deb"
cp etc/Dockerfile "$context/"
# shellcheck disable=SC2086 # a command with its options
$docker build --quiet --tag pierglass:latest ${BASE:+--build-arg BASE="$BASE"} "$context"
