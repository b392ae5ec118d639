#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# run.sh [NAME...]: what fpg-map says (without NAME), then the payload's map and fpg-map's, on every simulated board:
# fpg_map_says.py and compare_map.py tell more.
set -u
cd "$(dirname "$0")/../.." || exit 1
out=${O:-build}
if [ $# -eq 0 ]; then
	"${PYTHON:-python3}" tests/map/fpg_map_says.py --fpg-map "$out/host/fpg-map" || exit 1
fi
exec "${PYTHON:-python3}" tests/map/compare_map.py --image "$out/firstpage.bin" --fpg-map "$out/host/fpg-map" "$@"
