/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzzes memblock: input bytes are calls (tests/support/memblock_model_ops.h), five to six bytes each, and every call
 * is compared with a model that keeps each 64 bytes of RAM by itself. Finds wrong tables, not only crashes.
 */
#include "memblock_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void drop(struct out *out, const char *s, size_t n)
{
	(void)out;
	(void)s;
	(void)n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct memblock_model model;
	static struct out nowhere = { .write = drop };

	if (size > 96) {
		return -1;
	}
	log_set_sink(&nowhere);
	/* Walks cost as much as all else: every fourth input or so. */
	model_run(&model, data, size, 1024, size % 4 == 0);
	return 0;
}
