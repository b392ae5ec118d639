#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What CI runs on a fresh clone: install, then every check, with longer fuzzing than at the desk.
set -eu
cd "$(dirname "$0")/.."
if ! command -v make >/dev/null; then
	tools/setup check
fi
export FUZZ_SECONDS="${FUZZ_SECONDS:-60}"
exec make check
