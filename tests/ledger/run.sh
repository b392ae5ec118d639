#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The ledger at every size and shape of RAM: ledger_rows.py tells more.
set -u
cd "$(dirname "$0")/../.." || exit 1
exec "${PYTHON:-python3}" tests/ledger/ledger_rows.py --image "${O:-build}/firstpage.bin" "$@"
