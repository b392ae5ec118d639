/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A model of memblock that is too simple to be wrong: RAM as an array of 64-byte units, each knowing whether it is
 * memory, reserved, how and for whom. A stream of bytes is read as calls; each is made on memblock and on the model,
 * and both must agree. Used by the random test and by the fuzzer.
 *
 * What memblock may do on its own is checked, then copied: moving its arrays to a place that was free, outside the
 * range of the call. A call may fail only when a table had no room left; then nothing may have changed.
 */
#pragma once

#include "fpg/base/range.h"
#include "fpg/core/log.h"
#include "fpg/core/memblock.h"
#include "fpg/port/port.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MODEL_BASE   0x80000000UL
#define MODEL_UNIT   64UL
#define MODEL_UNITS  1024UL
#define MODEL_BYTES  (MODEL_UNITS * MODEL_UNIT)
#define MODEL_CLAIMS 256
#define MODEL_NODES  3

#define MODEL_CHECK(cond)                                                                         \
	do {                                                                                      \
		if (!(cond)) {                                                                    \
			fprintf(stderr, "%s:%d: model differs: %s\n", __FILE__, __LINE__, #cond); \
			abort();                                                                  \
		}                                                                                 \
	} while (0)

enum {
	MODEL_NOBODY,
	MODEL_OWNER_A,
	MODEL_OWNER_B,
	MODEL_OWNER_C,
	MODEL_ARRAY,
	MODEL_OWNERS
};

struct model_cell {
	bool memory;
	uint8_t memory_flags;
	uint8_t memory_owner;
	int8_t nid;
	bool reserved;
	uint8_t reserved_flags;
	uint8_t reserved_owner;
};

struct model_array {
	const void *regions;
	phys_addr_t base;
	phys_addr_t bytes; /* 0: static */
};

struct memblock_model {
	struct model_cell cells[MODEL_UNITS];
	struct memblock_region claims[MODEL_CLAIMS];
	unsigned int claim_count;
	struct model_array arrays[3];
	bool has_mirror;
	const uint8_t *input;
	size_t input_left;
	unsigned int failures;
	bool check_walks;
};

/** A run ends after this many failed calls: what follows would mostly fail too. */
#define MODEL_MAX_FAILURES 2

/* The fuzzer is to be led by memblock's branches, not by the model's. */
#ifdef __clang__
#pragma clang attribute push(__attribute__((no_sanitize("coverage", "address"))), \
			     apply_to = function)
#endif

static uint8_t model_ram[MODEL_BYTES] FPG_ALIGNED(4096);

/** Units [first, end) of the window. */
struct model_span {
	unsigned long first;
	unsigned long end;
};

static inline unsigned int model_u8(struct memblock_model *m)
{
	if (m->input_left == 0) {
		return 0;
	}
	m->input_left--;
	return *m->input++;
}

static inline unsigned int model_u16(struct memblock_model *m)
{
	unsigned int low = model_u8(m);

	return low | model_u8(m) << 8;
}

static inline struct mem_owner model_owner(unsigned int who)
{
	if (who == MODEL_NOBODY) {
		return (struct mem_owner){ 0 };
	}
	if (who == MODEL_ARRAY) {
		return mem_owner(OWNER_MEMBLOCK, RULE_ALLOC, -1);
	}
	return mem_owner(OWNER_RESERVED_NODE, RULE_NODE_REG, (int32_t)who * 8);
}

static inline phys_addr_t model_addr(unsigned long unit)
{
	return MODEL_BASE + unit * MODEL_UNIT;
}

static inline struct model_span model_span_of(phys_addr_t base, phys_addr_t size)
{
	return (struct model_span){ (base - MODEL_BASE) / MODEL_UNIT,
				    (base + size - MODEL_BASE) / MODEL_UNIT };
}

/* ---- the model's own rules ---------------------------------------------------------------------------------- */

static inline bool model_usable(const struct model_cell *c, enum memblock_flags flags, int nid)
{
	return c->memory && (nid == NUMA_NO_NODE || c->nid == nid) &&
	       !(c->memory_flags & (MEMBLOCK_NOMAP | MEMBLOCK_DRIVER_MANAGED)) &&
	       !(movable_node_enabled && (c->memory_flags & MEMBLOCK_HOTPLUG)) &&
	       (!(flags & MEMBLOCK_MIRROR) || (c->memory_flags & MEMBLOCK_MIRROR));
}

/** Maximal run of free units from @first on that belong together. */
static inline unsigned long model_free_end(const struct memblock_model *m, unsigned long first,
					   enum memblock_flags flags, int nid)
{
	unsigned long i = first;

	while (i < MODEL_UNITS && model_usable(&m->cells[i], flags, nid) && !m->cells[i].reserved &&
	       m->cells[i].nid == m->cells[first].nid &&
	       m->cells[i].memory_flags == m->cells[first].memory_flags) {
		i++;
	}
	return i;
}

static inline phys_addr_t model_find_flags(const struct memblock_model *m, phys_addr_t size,
					   phys_addr_t align, phys_addr_t min, phys_addr_t max,
					   int nid, enum memblock_flags flags)
{
	phys_addr_t best = 0;

	for (unsigned long i = 0; i < MODEL_UNITS;) {
		unsigned long end = model_free_end(m, i, flags, nid);
		if (end == i) {
			i++;
			continue;
		}
		phys_addr_t low = model_addr(i) > min ? model_addr(i) : min;
		phys_addr_t high = model_addr(end) < max ? model_addr(end) : max;
		i = end;
		if (low >= high || high - low < size) {
			continue;
		}
		phys_addr_t up = ALIGN_UP(low, align);
		phys_addr_t down = ALIGN_DOWN(high - size, align);
		if (memblock.bottom_up && up + size <= high) {
			return up;
		}
		if (!memblock.bottom_up && down >= low) {
			best = down;
		}
	}
	return best;
}

static inline phys_addr_t model_find(const struct memblock_model *m, phys_addr_t size,
				     phys_addr_t align, phys_addr_t min, phys_addr_t max, int nid)
{
	enum memblock_flags flags = m->has_mirror ? MEMBLOCK_MIRROR : MEMBLOCK_NONE;

	for (;;) {
		phys_addr_t found = model_find_flags(m, size, align, min, max, nid, flags);
		if (found == 0 && nid != NUMA_NO_NODE) {
			found = model_find_flags(m, size, align, min, max, NUMA_NO_NODE, flags);
		}
		if (found != 0 || flags == MEMBLOCK_NONE) {
			return found;
		}
		flags = MEMBLOCK_NONE;
	}
}

static inline void model_add(struct memblock_model *m, struct model_span s, int nid,
			     unsigned int flags, unsigned int who)
{
	for (unsigned long i = s.first; i < s.end; i++) {
		struct model_cell *c = &m->cells[i];
		if (!c->memory) {
			c->memory = true;
			c->memory_flags = (uint8_t)flags;
			c->memory_owner = (uint8_t)who;
			c->nid = (int8_t)nid;
		}
	}
}

static inline void model_remove(struct memblock_model *m, struct model_span s)
{
	for (unsigned long i = s.first; i < s.end; i++) {
		m->cells[i].memory = false;
	}
}

static inline void model_claim(struct memblock_model *m, struct model_span s, unsigned int flags,
			       unsigned int who)
{
	unsigned long first = s.end;
	unsigned long end = s.first;

	for (unsigned long i = s.first; i < s.end; i++) {
		const struct model_cell *c = &m->cells[i];
		if (c->reserved && c->reserved_owner != who && c->reserved_owner != MODEL_ARRAY) {
			first = first < i ? first : i;
			end = i + 1;
		}
	}
	if (first >= end) {
		return;
	}
	struct memblock_region claim = {
		.base = model_addr(first),
		.size = (end - first) * MODEL_UNIT,
		.flags = flags,
		.owner = model_owner(who),
	};
	for (unsigned int i = 0; i < m->claim_count; i++) {
		const struct memblock_region *r = &m->claims[i];
		if (r->base == claim.base && r->size == claim.size && r->flags == claim.flags &&
		    mem_owner_equal(r->owner, claim.owner)) {
			return;
		}
	}
	m->claims[m->claim_count++] = claim;
}

static inline void model_reserve(struct memblock_model *m, struct model_span s, unsigned int flags,
				 unsigned int who)
{
	if (who != MODEL_NOBODY && who != MODEL_ARRAY) {
		model_claim(m, s, flags, who);
	}
	for (unsigned long i = s.first; i < s.end; i++) {
		struct model_cell *c = &m->cells[i];
		if (!c->reserved) {
			c->reserved = true;
			c->reserved_flags = (uint8_t)flags;
			c->reserved_owner = (uint8_t)who;
		}
		if (flags & MEMBLOCK_NOMAP) {
			c->reserved_flags |= MEMBLOCK_NOMAP;
			c->memory_flags |= MEMBLOCK_NOMAP;
		}
	}
}

static inline void model_drop_claims(struct memblock_model *m, phys_addr_t base, phys_addr_t end)
{
	unsigned int n = m->claim_count;

	for (unsigned int i = 0; i < n; i++) {
		struct memblock_region *r = &m->claims[i];
		phys_addr_t r_end = r->base + r->size;
		if (r_end <= base || r->base >= end) {
			continue;
		}
		if (r_end > end) {
			struct memblock_region above = *r;
			above.base = end;
			above.size = r_end - end;
			m->claims[m->claim_count++] = above;
		}
		r->size = r->base < base ? base - r->base : 0;
	}
	unsigned int kept = 0;
	for (unsigned int i = 0; i < m->claim_count; i++) {
		if (m->claims[i].size > 0) {
			m->claims[kept++] = m->claims[i];
		}
	}
	m->claim_count = kept;
}

static inline void model_unreserve(struct memblock_model *m, struct model_span s)
{
	for (unsigned long i = s.first; i < s.end; i++) {
		m->cells[i].reserved = false;
	}
}

/* ---- arrays: what memblock did on its own ------------------------------------------------------------------- */

static inline struct memblock_type *model_type(unsigned int t)
{
	return t == 0 ? &memblock.memory : t == 1 ? &memblock.reserved : &memblock.claims;
}

static inline phys_addr_t model_array_bytes(unsigned int t)
{
	return ALIGN_UP(model_type(t)->max * sizeof(struct memblock_region), PAGE_SIZE);
}

static inline bool model_array_in(const struct memblock_model *m, phys_addr_t base,
				  phys_addr_t size)
{
	for (unsigned int t = 0; t < 3; t++) {
		if (m->arrays[t].base < base + size &&
		    base < m->arrays[t].base + m->arrays[t].bytes) {
			return true;
		}
	}
	return false;
}

/** Copy moves of arrays into the model, before the call itself. @avoid: they may not have gone there. */
static inline void model_sync_arrays(struct memblock_model *m, struct model_span avoid)
{
	struct model_array old[3];
	bool moved[3];

	memcpy(old, m->arrays, sizeof(old));
	for (unsigned int t = 0; t < 3; t++) {
		moved[t] = model_type(t)->regions != m->arrays[t].regions;
		if (!moved[t]) {
			continue;
		}
		m->arrays[t].regions = model_type(t)->regions;
		m->arrays[t].base = model_type(t)->array_phys;
		m->arrays[t].bytes = model_array_bytes(t);
		struct model_span s = model_span_of(m->arrays[t].base, m->arrays[t].bytes);
		MODEL_CHECK(m->arrays[t].base >= MODEL_BASE && s.end <= MODEL_UNITS);
		MODEL_CHECK(avoid.first >= s.end || s.first >= avoid.end);
		for (unsigned long i = s.first; i < s.end; i++) {
			MODEL_CHECK(model_usable(&m->cells[i], MEMBLOCK_NONE, NUMA_NO_NODE));
			MODEL_CHECK(!m->cells[i].reserved);
		}
		model_reserve(m, s, MEMBLOCK_NONE, MODEL_ARRAY);
	}
	for (unsigned int t = 0; t < 3; t++) {
		if (moved[t] && old[t].bytes != 0) {
			model_unreserve(m, model_span_of(old[t].base, old[t].bytes));
		}
	}
}

/** A failure is fair when some table had no room for the most regions the span can add, or an array lay in the way. */
static inline void model_check_failure(struct memblock_model *m, struct model_span s)
{
	bool fair = model_array_in(m, model_addr(s.first), (s.end - s.first) * MODEL_UNIT);

	for (unsigned int t = 0; t < 3; t++) {
		fair |= memblock_used(model_type(t)) + 8 + (s.end - s.first) / 2 >
			model_type(t)->max;
	}
	MODEL_CHECK(fair);
	m->failures++;
}

#include "memblock_model_check.h"
#include "memblock_model_ops.h"

#ifdef __clang__
#pragma clang attribute pop
#endif
