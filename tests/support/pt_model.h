/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A model of page tables for tests and fuzzers: an oracle that knows each page of a span, and a source of table pages
 * that fails when told to. pt_model_check.h compares tables and oracle, pt_model_ops.h runs operations on both.
 *
 * The span is cut at a few dozen random points. Operations begin and end at points only, so all pages between two
 * neighbouring points always share one fate, and one cell of the oracle stands for each of them. Header only, because
 * it is compiled with the real and with the fake encoding. One model at a time: the pages are static.
 */
#pragma once

#include "fpg/base/assert.h"
#include "fpg/base/range.h"
#include "fpg/pagetable/pt.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef MODEL_PAGES
#define MODEL_PAGES 1500
#endif
#ifndef MODEL_POINTS
#define MODEL_POINTS 40
#endif
#define MODEL_BASE 0x123400000000ULL

#define MODEL_ASSERT(expr)                                                                \
	do {                                                                              \
		if (!(expr)) {                                                            \
			fprintf(stderr, "%s:%d: model: %s\n", __FILE__, __LINE__, #expr); \
			abort();                                                          \
		}                                                                         \
	} while (0)

struct model_cell {
	bool mapped;
	/** Mapped, but out of hardware's sight. */
	bool hidden;
	phys_addr_t pa;
	uint32_t prot;
};

struct model {
	struct pt pt;
	uint64_t seed;
	/** Fuzzing: tables are checked at the end of a sequence, not after each operation. */
	bool quick;
	bool taken[MODEL_PAGES];
	bool seen[MODEL_PAGES];
	uint32_t taken_count;
	/** Takes that still succeed; negative: as many as there are pages. */
	int64_t takes_left;
	unsigned int points;
	/** Cell i is [point[i], point[i + 1]). */
	uint64_t point[MODEL_POINTS];
	struct model_cell cell[MODEL_POINTS];
	/** Cells of the operation under way that are mapped by 4 KiB leaves. */
	bool small[MODEL_POINTS];
	/** Where model_check_run() stands. */
	unsigned int cursor;
	/** The root as it was before the operation. */
	pte_t root[PT_ENTRIES];
};

static FPG_ALIGNED(PAGE_SIZE) uint8_t model_pages[MODEL_PAGES * PAGE_SIZE];

static inline uint64_t model_random(struct model *m)
{
	/* xorshift64* */
	m->seed ^= m->seed >> 12;
	m->seed ^= m->seed << 25;
	m->seed ^= m->seed >> 27;
	return m->seed * 0x2545f4914f6cdd1dULL;
}

static inline uint64_t model_below(struct model *m, uint64_t limit)
{
	return (model_random(m) >> 16) % limit;
}

/* ---- source of table pages ---- */

static inline int model_take(void *ctx, phys_addr_t *page)
{
	struct model *m = ctx;
	if (m->takes_left == 0 || m->taken_count == MODEL_PAGES) {
		return -ENOMEM;
	}
	m->takes_left -= m->takes_left > 0;
	unsigned int i = (unsigned int)model_below(m, MODEL_PAGES);
	while (m->taken[i]) {
		i = (i + 1) % MODEL_PAGES;
	}
	m->taken[i] = true;
	m->taken_count++;
	memset(model_pages + i * PAGE_SIZE, 0xa5, PAGE_SIZE);
	*page = MODEL_BASE + i * PAGE_SIZE;
	return 0;
}

static inline unsigned int model_page_index(const struct model *m, phys_addr_t page)
{
	MODEL_ASSERT(page >= MODEL_BASE && (page - MODEL_BASE) % PAGE_SIZE == 0);
	uint64_t i = (page - MODEL_BASE) / PAGE_SIZE;
	MODEL_ASSERT(i < MODEL_PAGES && m->taken[i]);
	return (unsigned int)i;
}

static inline void model_give(void *ctx, phys_addr_t page)
{
	struct model *m = ctx;
	unsigned int i = model_page_index(m, page);
	m->taken[i] = false;
	m->taken_count--;
	memset(model_pages + i * PAGE_SIZE, 0x5a, PAGE_SIZE);
}

static inline void *model_virt(void *ctx, phys_addr_t page)
{
	struct model *m = ctx;
	return model_pages + model_page_index(m, page) * PAGE_SIZE;
}

static const struct pt_page_source model_source = { model_take, model_give, model_virt };

/** A number for all that is in taken pages: equal before and after a call that failed. */
static inline uint64_t model_hash(const struct model *m)
{
	uint64_t h = 0xcbf29ce484222325ULL;
	for (unsigned int i = 0; i < MODEL_PAGES; i++) {
		if (!m->taken[i]) {
			continue;
		}
		const uint64_t *words =
			(const uint64_t *)(const void *)(model_pages + i * PAGE_SIZE);
		h = (h ^ i) * 0x100000001b3ULL;
		for (unsigned int k = 0; k < PT_ENTRIES; k++) {
			h = (h ^ words[k]) * 0x100000001b3ULL;
		}
	}
	return h;
}

/* ---- the oracle ---- */

static inline vaddr_t model_va(const struct model *m, uint64_t off)
{
	unsigned int unused = 64U - m->pt.mode->va_bits;
	return vaddr((uint64_t)((int64_t)(off << unused) >> unused));
}

static inline void model_sort(uint64_t *points, unsigned int count)
{
	for (unsigned int i = 1; i < count; i++) {
		const uint64_t p = points[i];
		unsigned int k = i;
		for (; k > 0 && points[k - 1] > p; k--) {
			points[k] = points[k - 1];
		}
		points[k] = p;
	}
}

/** Cut points around a random edge of a random level, in one half of the address space. */
static inline void model_cut(struct model *m)
{
	const unsigned int levels = m->pt.mode->levels;
	const unsigned int level = 1 + (unsigned int)model_below(m, levels - 1);
	const uint64_t half = (uint64_t)1 << (m->pt.mode->va_bits - 1);
	const uint64_t low = model_below(m, 2) * half;
	const uint64_t edge = ALIGN_DOWN(model_below(m, half), pt_level_bytes(level));
	uint64_t points[MODEL_POINTS];
	for (unsigned int i = 0; i < MODEL_POINTS; i++) {
		uint64_t at = edge;
		for (unsigned int l = 0; l <= level; l++) {
			uint64_t step = model_below(m, 3) << pt_level_shift(l);
			at = model_below(m, 2) != 0 ? at + step : at - step;
		}
		/* Often a page or a 64 KiB leaf behind another point, once in a while the end. */
		if (i > 0 && model_below(m, 4) == 0) {
			at = points[i - 1] + PAGE_SIZE;
		} else if (i > 0 && model_below(m, 4) == 0) {
			at = ALIGN_UP(points[i - 1] + PT_NAPOT_BYTES, PT_NAPOT_BYTES);
		}
		points[i] = at > half || model_below(m, 50) == 0 ? half : at;
	}
	model_sort(points, MODEL_POINTS);
	m->points = 0;
	for (unsigned int i = 0; i < MODEL_POINTS; i++) {
		if (m->points == 0 || low + points[i] != m->point[m->points - 1]) {
			m->point[m->points++] = low + points[i];
		}
	}
	memset(m->cell, 0, sizeof(m->cell));
}

static inline void model_start(struct model *m, const struct pt_mode *mode, uint64_t seed,
			       uint32_t always)
{
	memset(m, 0, sizeof(*m));
	m->seed = seed * 0x9e3779b97f4a7c15ULL + 1;
	m->takes_left = -1;
	int r = pt_init(&m->pt, mode, &model_source, m, always);
	MODEL_ASSERT(r == 0);
	m->pt.known = PT_PROT_ALL;
	do {
		model_cut(m);
	} while (m->points < 3);
}

static inline void model_end(struct model *m)
{
	pt_destroy(&m->pt);
	MODEL_ASSERT(m->taken_count == 0);
}
