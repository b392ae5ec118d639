#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The payload's map and fpg-map's, on every simulated board: compare_map.py tells more.
set -u
cd "$(dirname "$0")/../.." || exit 1
out=${O:-build}
exec "${PYTHON:-python3}" tests/map/compare_map.py --image "$out/firstpage.bin" --fpg-map "$out/host/fpg-map" "$@"
