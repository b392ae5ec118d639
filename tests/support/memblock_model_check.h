/* SPDX-License-Identifier: BSD-2-Clause */
/* Comparison of memblock's tables, claims and walks with the model. Included by memblock_model.h only. */
#pragma once

static inline void model_check_order(const struct memblock_type *type)
{
	unsigned long n = memblock_used(type);
	phys_addr_t total = 0;

	for (unsigned long i = 0; i < n; i++) {
		const struct memblock_region *r = &type->regions[i];
		MODEL_CHECK(r->size > 0);
		total += r->size;
		if (i + 1 < n) {
			MODEL_CHECK(r->base + r->size <= r[1].base);
			MODEL_CHECK(r->base + r->size < r[1].base || r->flags != r[1].flags ||
				    r->nid != r[1].nid || !mem_owner_equal(r->owner, r[1].owner));
		}
	}
	MODEL_CHECK(total == type->total_size);
	MODEL_CHECK(n <= type->max);
	MODEL_CHECK(n > 0 || (type->cnt == MEMBLOCK_EMPTY_CNT && type->regions[0].size == 0));
}

static inline void model_check_memory(const struct memblock_model *m)
{
	unsigned long unit = 0;
	struct memblock_region *r;

	for_each_mem_region(r) {
		struct model_span s = model_span_of(r->base, r->size);
		for (; unit < s.first; unit++) {
			MODEL_CHECK(!m->cells[unit].memory);
		}
		for (; unit < s.end; unit++) {
			const struct model_cell *c = &m->cells[unit];
			MODEL_CHECK(c->memory && c->memory_flags == r->flags && c->nid == r->nid);
			MODEL_CHECK(mem_owner_equal(model_owner(c->memory_owner), r->owner));
		}
	}
	for (; unit < MODEL_UNITS; unit++) {
		MODEL_CHECK(!m->cells[unit].memory);
	}
}

static inline void model_check_reserved(const struct memblock_model *m)
{
	unsigned long unit = 0;
	struct memblock_region *r;

	for_each_reserved_mem_region(r) {
		struct model_span s = model_span_of(r->base, r->size);
		for (; unit < s.first; unit++) {
			MODEL_CHECK(!m->cells[unit].reserved);
		}
		for (; unit < s.end; unit++) {
			const struct model_cell *c = &m->cells[unit];
			MODEL_CHECK(c->reserved && c->reserved_flags == r->flags);
			MODEL_CHECK(mem_owner_equal(model_owner(c->reserved_owner), r->owner));
		}
	}
	for (; unit < MODEL_UNITS; unit++) {
		MODEL_CHECK(!m->cells[unit].reserved);
	}
}

static inline void model_check_claims(const struct memblock_model *m)
{
	unsigned long n = memblock_used(&memblock.claims);
	bool seen[MODEL_CLAIMS] = { false };

	MODEL_CHECK(n == m->claim_count);
	for (unsigned long i = 0; i < n; i++) {
		const struct memblock_region *r = &memblock.claims.regions[i];
		unsigned int k = 0;
		MODEL_CHECK(i == 0 || r[-1].base <= r->base);
		while (k < m->claim_count &&
		       (seen[k] || m->claims[k].base != r->base || m->claims[k].size != r->size ||
			m->claims[k].flags != r->flags ||
			!mem_owner_equal(m->claims[k].owner, r->owner))) {
			k++;
		}
		MODEL_CHECK(k < m->claim_count);
		seen[k] = true;
	}
}

/** Free ranges by both walks: maximal, in order, nothing missing. */
static inline void model_check_walks(const struct memblock_model *m)
{
	struct {
		phys_addr_t base;
		phys_addr_t end;
	} up[MODEL_UNITS];
	unsigned long count = 0;
	unsigned long unit = 0;
	phys_addr_t base;
	phys_addr_t end;
	uint64_t i;
	int nid;

	for_each_free_mem_range(i, NUMA_NO_NODE, MEMBLOCK_NONE, &base, &end, &nid) {
		while (unit < MODEL_UNITS &&
		       model_free_end(m, unit, MEMBLOCK_NONE, NUMA_NO_NODE) == unit) {
			unit++;
		}
		MODEL_CHECK(unit < MODEL_UNITS && base == model_addr(unit) &&
			    nid == m->cells[unit].nid);
		unit = model_free_end(m, unit, MEMBLOCK_NONE, NUMA_NO_NODE);
		MODEL_CHECK(end == model_addr(unit));
		up[count].base = base;
		up[count++].end = end;
	}
	while (unit < MODEL_UNITS) {
		MODEL_CHECK(model_free_end(m, unit, MEMBLOCK_NONE, NUMA_NO_NODE) == unit);
		unit++;
	}
	for_each_free_mem_range_reverse(i, NUMA_NO_NODE, MEMBLOCK_NONE, &base, &end, NULL) {
		MODEL_CHECK(count > 0);
		count--;
		MODEL_CHECK(base == up[count].base && end == up[count].end);
	}
	MODEL_CHECK(count == 0);
}

static inline void model_check_lookup(const struct memblock_model *m, unsigned long unit)
{
	const struct model_cell *c = &m->cells[unit];
	phys_addr_t addr = model_addr(unit) + unit % MODEL_UNIT;

	MODEL_CHECK(memblock_is_memory(addr) == c->memory);
	MODEL_CHECK(memblock_is_reserved(addr) == c->reserved);
	MODEL_CHECK(memblock_is_map_memory(addr) ==
		    (c->memory && !(c->memory_flags & MEMBLOCK_NOMAP)));
}

static inline void model_check_all(const struct memblock_model *m)
{
	model_check_order(&memblock.memory);
	model_check_order(&memblock.reserved);
	model_check_memory(m);
	model_check_reserved(m);
	model_check_claims(m);
	if (m->check_walks) {
		model_check_walks(m);
	}
}
