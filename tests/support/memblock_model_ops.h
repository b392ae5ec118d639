/* SPDX-License-Identifier: BSD-2-Clause */
/* Bytes read as memblock calls, each made on memblock and on the model. Included by memblock_model.h only. */
#pragma once

static inline struct model_span model_read_span(struct memblock_model *m)
{
	unsigned long first = model_u16(m) % MODEL_UNITS;
	unsigned int length = model_u8(m);
	unsigned long units = length < 192 ? 1 + length % 16 : (length - 191UL) * 16;
	unsigned long end = first + units;

	return (struct model_span){ first, end < MODEL_UNITS ? end : MODEL_UNITS };
}

static inline phys_addr_t model_size(struct model_span s)
{
	return (s.end - s.first) * MODEL_UNIT;
}

/** Return: the call succeeded. */
static inline bool model_op_add(struct memblock_model *m, struct model_span s, unsigned int bits)
{
	int nid = (int)(bits % MODEL_NODES);
	unsigned int flags = bits & 0x40 ? MEMBLOCK_HOTPLUG :
			     bits & 0x80 ? MEMBLOCK_DRIVER_MANAGED :
					   MEMBLOCK_NONE;
	unsigned int who = bits >> 2 & 3;
	int err = memblock_add_owned(model_addr(s.first), model_size(s), nid, flags,
				     model_owner(who));

	model_sync_arrays(m, (struct model_span){ 0, 0 });
	if (err != 0) {
		model_check_failure(m, s);
		return false;
	}
	model_add(m, s, nid, flags, who);
	return true;
}

static inline void model_op_remove(struct memblock_model *m, struct model_span s, unsigned int bits)
{
	phys_addr_t size = bits & 1 ? PHYS_ADDR_MAX : model_size(s);

	s.end = bits & 1 ? MODEL_UNITS : s.end;
	int err = memblock_remove(model_addr(s.first), size);
	model_sync_arrays(m, s);
	if (err == 0) {
		model_remove(m, s);
	} else {
		model_check_failure(m, s);
	}
}

/** Return: the call succeeded. */
static inline bool model_op_reserve(struct memblock_model *m, struct model_span s,
				    unsigned int bits)
{
	static const unsigned int flag_table[] = { 0, MEMBLOCK_NOMAP, MEMBLOCK_RSRV_NOINIT, 0 };
	unsigned int who = bits & 3;
	unsigned int flags = who != MODEL_NOBODY ? flag_table[bits >> 2 & 3] : 0;
	int err;

	if (who == MODEL_NOBODY) {
		err = memblock_reserve(model_addr(s.first), model_size(s));
	} else if (m->claim_count + 2 < MODEL_CLAIMS / 2) {
		err = memblock_reserve_owned(model_addr(s.first), model_size(s), flags,
					     model_owner(who));
	} else {
		return false;
	}
	model_sync_arrays(m, s);
	if (err != 0) {
		model_check_failure(m, s);
		return false;
	}
	model_reserve(m, s, flags, who);
	return true;
}

static inline void model_op_free(struct memblock_model *m, struct model_span s)
{
	/* Freeing memblock's own arrays is the caller's mistake. */
	if (model_array_in(m, model_addr(s.first), model_size(s))) {
		return;
	}
	int err = memblock_phys_free(model_addr(s.first), model_size(s));
	model_sync_arrays(m, (struct model_span){ 0, 0 });
	if (err == 0) {
		model_unreserve(m, s);
		model_drop_claims(m, model_addr(s.first), model_addr(s.end));
	} else {
		model_check_failure(m, s);
	}
}

static inline void model_op_flags(struct memblock_model *m, struct model_span s, unsigned int bits)
{
	static int (*const calls[])(phys_addr_t,
				    phys_addr_t) = { memblock_mark_hotplug, memblock_clear_hotplug,
						     memblock_mark_mirror, memblock_mark_nomap,
						     memblock_clear_nomap };
	static const uint8_t set[] = { MEMBLOCK_HOTPLUG, 0, MEMBLOCK_MIRROR, MEMBLOCK_NOMAP, 0 };
	static const uint8_t clear[] = { 0, MEMBLOCK_HOTPLUG, 0, 0, MEMBLOCK_NOMAP };
	unsigned int k = bits % 5;
	int err = calls[k](model_addr(s.first), model_size(s));

	model_sync_arrays(m, set[k] == MEMBLOCK_NOMAP ? s : (struct model_span){ 0, 0 });
	if (err != 0) {
		model_check_failure(m, s);
		return;
	}
	m->has_mirror |= set[k] == MEMBLOCK_MIRROR;
	for (unsigned long i = s.first; i < s.end; i++) {
		struct model_cell *c = &m->cells[i];
		if (c->memory) {
			c->memory_flags = (uint8_t)((c->memory_flags & ~clear[k]) | set[k]);
		}
	}
}

static inline void model_op_set_node(struct memblock_model *m, struct model_span s,
				     unsigned int bits)
{
	int nid = (int)(bits % MODEL_NODES);
	int err = memblock_set_node(model_addr(s.first), model_size(s), &memblock.memory, nid);

	model_sync_arrays(m, (struct model_span){ 0, 0 });
	if (err != 0) {
		model_check_failure(m, s);
		return;
	}
	for (unsigned long i = s.first; i < s.end; i++) {
		if (m->cells[i].memory) {
			m->cells[i].nid = (int8_t)nid;
		}
	}
}

static inline void model_op_alloc(struct memblock_model *m, struct model_span limits,
				  unsigned int bits)
{
	phys_addr_t size = (1 + model_u8(m) % 64) * MODEL_UNIT;
	phys_addr_t align = MODEL_UNIT << (bits & 7);
	int nid = bits & 8 ? (int)(bits >> 4) % MODEL_NODES : NUMA_NO_NODE;
	phys_addr_t min = bits & 0x80 ? model_addr(limits.first) : 0;
	phys_addr_t max = bits & 0x80 ? model_addr(limits.end) : MEMBLOCK_ALLOC_ANYWHERE;
	unsigned int who = bits >> 4 & 3;
	phys_addr_t want = model_find(m, size, align, min, max, nid);
	phys_addr_t got = memblock_phys_alloc_owned(size, align, min, max, nid, model_owner(who));

	if (want == 0 || got == 0) {
		MODEL_CHECK(got == 0);
		model_sync_arrays(m, (struct model_span){ 0, 0 });
		if (want != 0) {
			model_check_failure(m, model_span_of(want, size));
		}
		return;
	}
	struct model_span s = model_span_of(want, size);
	MODEL_CHECK(got == want);
	model_sync_arrays(m, s);
	model_reserve(m, s, MEMBLOCK_NONE, who);
}

/** Several small ranges in one step. */
static inline void model_op_comb(struct memblock_model *m, struct model_span s, unsigned int bits)
{
	unsigned long stride = 2 + bits % 3;
	unsigned long end = s.first + (bits & 0x40 ? 24 : 6) * stride;
	bool ok = true;

	for (unsigned long i = s.first; ok && i < MODEL_UNITS && i < end; i += stride) {
		struct model_span one = { i, i + 1 };
		ok = bits & 0x80 ? model_op_add(m, one, bits >> 3) :
				   model_op_reserve(m, one, bits >> 3 & 7);
	}
}

/** memblock may have failed to move arrays back inside: it keeps them reserved then. */
static inline void model_keep_arrays(struct memblock_model *m)
{
	for (unsigned int t = 0; t < 3; t++) {
		if (m->arrays[t].bytes != 0) {
			model_reserve(m, model_span_of(m->arrays[t].base, m->arrays[t].bytes), 0,
				      MODEL_ARRAY);
		}
	}
}

static inline void model_op_cap(struct memblock_model *m, struct model_span s, unsigned int bits)
{
	bool full = memblock_used(&memblock.memory) + 2 > memblock.memory.max;

	/* Cuts are void, and arrays grow in the middle of them: keep to tables with room. */
	if (full || memblock_used(&memblock.memory) == 0) {
		return;
	}
	if (bits & 1) {
		phys_addr_t left = model_size(s);
		unsigned long i = 0;
		for (; i < MODEL_UNITS && left > 0; i++) {
			left -= m->cells[i].memory ? MODEL_UNIT : 0;
		}
		if (left > 0) {
			memblock_enforce_memory_limit(model_size(s));
			return;
		}
		memblock_enforce_memory_limit(model_size(s));
		s = (struct model_span){ 0, i };
	} else {
		memblock_cap_memory_range(model_addr(s.first), model_size(s));
	}
	for (unsigned long i = 0; i < MODEL_UNITS; i++) {
		struct model_cell *c = &m->cells[i];
		if (i < s.first || i >= s.end) {
			c->memory &= !(bits & 1) && (c->memory_flags & MEMBLOCK_NOMAP);
			c->reserved = false;
		}
	}
	model_drop_claims(m, 0, model_addr(s.first));
	model_drop_claims(m, model_addr(s.end), PHYS_ADDR_MAX);
	model_sync_arrays(m, (struct model_span){ 0, 0 });
	model_keep_arrays(m);
}

static inline void model_op_trim(struct memblock_model *m, unsigned int bits)
{
	unsigned long align_units = 1UL << (bits % 6);

	memblock_trim_memory(align_units * MODEL_UNIT);
	for (unsigned long i = 0; i < MODEL_UNITS;) {
		unsigned long end = i;
		while (end < MODEL_UNITS && m->cells[end].memory &&
		       m->cells[end].nid == m->cells[i].nid &&
		       m->cells[end].memory_flags == m->cells[i].memory_flags) {
			end++;
		}
		for (unsigned long k = i; k < end; k++) {
			m->cells[k].memory = k >= ALIGN_UP(i, align_units) &&
					     k < ALIGN_DOWN(end, align_units);
		}
		i = end > i ? end : i + 1;
	}
	model_sync_arrays(m, (struct model_span){ 0, 0 });
}

static inline void model_op_settings(unsigned int bits)
{
	if (bits & 1) {
		memblock_set_bottom_up(bits & 2);
	}
	if (bits & 4) {
		movable_node_enabled = bits & 8;
	}
	if (bits & 16) {
		memblock_allow_resize();
	}
}

static inline void model_step(struct memblock_model *m)
{
	unsigned int op = model_u8(m);
	unsigned int bits = model_u8(m);
	struct model_span s = model_read_span(m);

	switch (op % 16) {
	case 0:
	case 1:
		model_op_add(m, s, bits);
		break;
	case 2:
		model_op_remove(m, s, bits);
		break;
	case 3:
	case 4:
	case 5:
		model_op_reserve(m, s, bits);
		break;
	case 6:
	case 7:
		model_op_free(m, s);
		break;
	case 8:
		model_op_flags(m, s, bits);
		break;
	case 9:
		model_op_set_node(m, s, bits);
		break;
	case 10:
	case 11:
		model_op_alloc(m, s, bits);
		break;
	case 12:
		model_op_comb(m, s, bits);
		break;
	case 13:
		model_op_cap(m, s, bits);
		break;
	case 14:
		model_op_trim(m, bits);
		break;
	default:
		model_op_settings(bits);
		break;
	}
	model_check_lookup(m, s.first);
}

/** Start with tables that are nearly full: entries written by hand are cheaper than calls. */
static inline void model_prefill(struct memblock_model *m, unsigned int bits)
{
	for (unsigned int t = 0; t < 2; t++) {
		struct memblock_type *type = model_type(t);
		unsigned long entries = bits >> t & 1 ? INIT_MEMBLOCK_REGIONS - (bits >> 2) % 16 :
							0;
		for (unsigned long k = 0; k < entries; k++) {
			struct model_span one = { 500 + 4 * k + 2 * (t & k),
						  501 + 4 * k + 2 * (t & k) };
			type->regions[k] = (struct memblock_region){
				.base = model_addr(one.first),
				.size = MODEL_UNIT,
				.nid = t == 0 ? 1 : MAX_NUMNODES,
			};
			type->total_size += MODEL_UNIT;
			type->cnt = k + 1;
			if (t == 0) {
				model_add(m, one, 1, MEMBLOCK_NONE, MODEL_NOBODY);
			} else {
				model_reserve(m, one, MEMBLOCK_NONE, MODEL_NOBODY);
			}
		}
	}
	if (bits & 0x40) {
		memblock_allow_resize();
	}
	if (bits & 0x80) {
		model_op_add(m, (struct model_span){ 64, 480 }, 0);
	}
}

/** Run all of @data, comparing everything every @check_every steps and at the end (walks only if @walks). */
static inline void model_run(struct memblock_model *m, const uint8_t *data, size_t bytes,
			     unsigned int check_every, bool walks)
{
	unsigned int steps = 0;

	memblock_reset();
	movable_node_enabled = false;
	port_linear_offset = (uint64_t)(uintptr_t)model_ram - MODEL_BASE;
	memset(m, 0, sizeof(*m));
	m->input = data;
	m->input_left = bytes;
	m->check_walks = walks;
	for (unsigned int t = 0; t < 3; t++) {
		m->arrays[t].regions = model_type(t)->regions;
	}
	model_prefill(m, model_u8(m));
	while (m->input_left > 0 && m->failures < MODEL_MAX_FAILURES) {
		model_step(m);
		if (++steps % check_every == 0) {
			model_check_all(m);
		}
	}
	model_check_all(m);
	memblock_reset();
	movable_node_enabled = false;
	port_linear_offset = 0;
}
