/* SPDX-License-Identifier: BSD-2-Clause */
/* memblock in the log: each call with `memblock=debug`, and both tables on demand, in the form known from Linux. */
#define LOG_MODULE "memblock"
#include "memblock_private.h"

#include "fpg/core/log.h"
#include "fpg/core/symbols.h"

#include <inttypes.h>
#include <stdio.h>

void memblock_trace_range(const char *function, phys_addr_t base, phys_addr_t size,
			  const void *caller)
{
	char name[64];

	log_emit(LOG_INFO, function, "[0x%016" PRIx64 "-0x%016" PRIx64 "] %s", base,
		 base + phys_cap_size(base, size) - 1,
		 symbol_format(name, sizeof(name), (uint64_t)(uintptr_t)caller));
}

static void dump_region(const struct memblock_type *type, unsigned long i)
{
	const struct memblock_region *r = &type->regions[i];
	char node[24] = "";
	char owner[80] = "";

	if (r->nid != MAX_NUMNODES && r->nid != NUMA_NO_NODE && FPG_ENABLED(CONFIG_NUMA)) {
		snprintf(node, sizeof(node), " on node %d", r->nid);
	}
	if (r->owner.kind != OWNER_NONE) {
		snprintf(owner, sizeof(owner), " owner: %s", owner_kind_name(r->owner.kind));
	}
	pr_info(" %s[0x%lx] [0x%016" PRIx64 "-0x%016" PRIx64 "], 0x%016" PRIx64
		" bytes%s flags: 0x%x%s",
		type->name, i, r->base, memblock_region_end(r) - 1, r->size, node,
		(unsigned int)r->flags, owner);
}

static void dump(const struct memblock_type *type)
{
	unsigned long n = memblock_used(type);

	pr_info(" %s.cnt  = 0x%lx", type->name, n);
	for (unsigned long i = 0; i < n; i++) {
		dump_region(type, i);
	}
}

void __memblock_dump_all(void)
{
	pr_info("MEMBLOCK configuration:");
	pr_info(" memory size = 0x%016" PRIx64 " reserved size = 0x%016" PRIx64,
		memblock.memory.total_size, memblock.reserved.total_size);
	dump(&memblock.memory);
	dump(&memblock.reserved);
	if (memblock_used(&memblock.claims) > 0) {
		dump(&memblock.claims);
	}
}

void memblock_dump_all(void)
{
	if (memblock_debug) {
		__memblock_dump_all();
	}
}
