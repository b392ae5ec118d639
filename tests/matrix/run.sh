#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# run.sh [WORD...]: the rows of the boot matrix that make check runs; make matrix runs all of them. matrix.py tells more.
set -u
cd "$(dirname "$0")/../.." || exit 1
exec "${PYTHON:-python3}" tests/matrix/matrix.py --build "${O:-build}" --ci --lines "$@"
