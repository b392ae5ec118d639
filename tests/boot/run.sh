#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# run.sh [NAME...]: the boot cases on the image in $O (build): boot_cases.py tells more.
set -u
cd "$(dirname "$0")/../.." || exit 1
out=${O:-build}
exec "${PYTHON:-python3}" tests/boot/boot_cases.py --image "$out/firstpage.bin" --elf "$out/firstpage.elf" "$@"
