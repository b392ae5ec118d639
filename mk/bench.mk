# SPDX-License-Identifier: BSD-2-Clause
# make bench: instructions of what matters, counted on QEMU so that they repeat to the digit (docs/performance.md).
# N="pagetable tlb" counts only rows whose name holds a word.

.PHONY: bench
bench: test-image
	@O='$(O)' tests/bench/count $(N)
