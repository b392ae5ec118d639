/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memcpy, memmove, memset, port_copy_page and port_clear_page in assembly do what a byte loop does, at every alignment
 * and at the lengths where their loops begin and end, and touch nothing beside the block.
 */
#include "ktap.h"

#include "fpg/port/port.h"

#include <string.h>

#define ROOM	 1024U
#define LONGEST	 300U
#define MARGIN	 64U
#define ALIGNS	 9U
#define LONG_TOP 700U

static uint8_t source[ROOM], wanted[ROOM], got[ROOM];
static uint8_t page_a[PAGE_SIZE] FPG_ALIGNED(4096);
static uint8_t page_b[PAGE_SIZE + MARGIN] FPG_ALIGNED(4096);

/* Called through these, so that the compiler neither inlines nor knows them. */
static void *(*volatile copy)(void *, const void *, size_t) = memcpy;
static void *(*volatile move)(void *, const void *, size_t) = memmove;
static void *(*volatile fill)(void *, int, size_t) = memset;

/* A byte that differs from its neighbours and from those 256 further on. */
static uint8_t pattern(size_t i)
{
	return (uint8_t)(i * 7 + i / 256 * 31 + 1);
}

static void reset(void)
{
	volatile uint8_t *s = source;
	volatile uint8_t *w = wanted;
	volatile uint8_t *g = got;
	for (size_t i = 0; i < ROOM; i++) {
		s[i] = pattern(i);
		w[i] = g[i] = (uint8_t)~pattern(i);
	}
}

/* What is wanted, by bytes that the compiler may not turn into a call of the function under test. */
static void plain_move(uint8_t *dst, const uint8_t *src, size_t n)
{
	volatile uint8_t *d = dst;
	const volatile uint8_t *s = src;
	if (dst < src) {
		for (size_t i = 0; i < n; i++) {
			d[i] = s[i];
		}
	} else {
		for (size_t i = n; i > 0; i--) {
			d[i - 1] = s[i - 1];
		}
	}
}

static bool same(void)
{
	const volatile uint8_t *w = wanted;
	const volatile uint8_t *g = got;
	for (size_t i = 0; i < ROOM; i++) {
		if (w[i] != g[i]) {
			return false;
		}
	}
	return true;
}

static int copy_once(struct out *out, size_t to, size_t from, size_t n)
{
	plain_move(wanted + to, source + from, n);
	void *returned = copy(got + to, source + from, n);
	if (returned != got + to || !same()) {
		out_printf(out, "# memcpy of %zu bytes from +%zu to +%zu\n", n, from, to);
		return 1;
	}
	return 0;
}

static int memcpy_copies_every_length_and_alignment(struct out *out)
{
	reset();
	for (size_t to = MARGIN; to < MARGIN + ALIGNS; to++) {
		for (size_t from = MARGIN; from < MARGIN + ALIGNS; from++) {
			for (size_t n = 0; n <= LONGEST; n += n < 40 ? 1 : 13) {
				if (copy_once(out, to, from, n)) {
					return 1;
				}
			}
			if (copy_once(out, to, from, LONG_TOP)) {
				return 1;
			}
		}
	}
	return 0;
}

static int move_once(struct out *out, size_t to, size_t from, size_t n)
{
	plain_move(wanted + to, wanted + from, n);
	void *returned = move(got + to, got + from, n);
	if (returned != got + to || !same()) {
		out_printf(out, "# memmove of %zu bytes from +%zu to +%zu\n", n, from, to);
		return 1;
	}
	return 0;
}

static int memmove_moves_overlapping_blocks_both_ways(struct out *out)
{
	static const uint16_t distances[] = { 1, 2, 7, 8, 9, 16, 24, 63, 64, 65, 128, 130 };
	for (size_t d = 0; d < ARRAY_SIZE(distances); d++) {
		for (size_t align = 0; align < ALIGNS; align++) {
			reset();
			for (size_t n = 0; n <= LONGEST; n += n < 40 ? 1 : 17) {
				size_t low = MARGIN + align;
				if (move_once(out, low + distances[d], low, n) ||
				    move_once(out, low, low + distances[d], n)) {
					return 1;
				}
			}
		}
	}
	return 0;
}

static int memmove_onto_itself_changes_nothing(struct out *out)
{
	reset();
	return move_once(out, MARGIN, MARGIN, LONGEST) ||
	       move_once(out, MARGIN + 3, MARGIN + 3, LONGEST);
}

static int memset_fills_every_length_and_alignment(struct out *out)
{
	/* More than a byte: only the lowest eight bits count. */
	static const int values[] = { 0, 0x5a, 0xff, -2, 0x1234 };
	reset();
	for (size_t to = MARGIN; to < MARGIN + ALIGNS; to++) {
		for (size_t n = 0; n <= LONGEST; n++) {
			int value = values[(n + to) % ARRAY_SIZE(values)];
			volatile uint8_t *w = wanted + to;
			for (size_t i = 0; i < n; i++) {
				w[i] = (uint8_t)value;
			}
			void *returned = fill(got + to, value, n);
			if (returned != got + to || !same()) {
				out_printf(out, "# memset of %zu bytes at +%zu\n", n, to);
				return 1;
			}
		}
	}
	return 0;
}

static void fill_pages(void)
{
	volatile uint8_t *a = page_a;
	volatile uint8_t *b = page_b;
	for (size_t i = 0; i < PAGE_SIZE; i++) {
		a[i] = pattern(i);
	}
	for (size_t i = 0; i < sizeof(page_b); i++) {
		b[i] = 0xee;
	}
}

static int copying_a_page_copies_one_page(struct out *out)
{
	fill_pages();
	port_copy_page(page_b, page_a);
	for (size_t i = 0; i < sizeof(page_b); i++) {
		KTAP_EXPECT(out, page_b[i] == (i < PAGE_SIZE ? pattern(i) : 0xee));
	}
	return 0;
}

static int clearing_a_page_clears_one_page(struct out *out)
{
	fill_pages();
	port_clear_page(page_b);
	for (size_t i = 0; i < sizeof(page_b); i++) {
		KTAP_EXPECT(out, page_b[i] == (i < PAGE_SIZE ? 0 : 0xee));
	}
	return 0;
}

const struct target_test target_tests_string[] = {
	{ "memcpy_copies_every_length_and_alignment", memcpy_copies_every_length_and_alignment },
	{ "memmove_moves_overlapping_blocks_both_ways",
	  memmove_moves_overlapping_blocks_both_ways },
	{ "memmove_onto_itself_changes_nothing", memmove_onto_itself_changes_nothing },
	{ "memset_fills_every_length_and_alignment", memset_fills_every_length_and_alignment },
	{ "copying_a_page_copies_one_page", copying_a_page_copies_one_page },
	{ "clearing_a_page_clears_one_page", clearing_a_page_clears_one_page },
	{ 0 },
};
