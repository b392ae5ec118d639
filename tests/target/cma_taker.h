/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One hart's random cma_alloc() and cma_release() in one area, for tests: what it gets it spoils, so that whoever still
 * uses it sees that, and no failure passes that is not explained.
 */
#pragma once

#include "fpg/base/out.h"
#include "fpg/core/cma.h"

#define TAKER_HANDLES 256U

struct taker {
	struct cma *area;
	uint64_t random;
	struct {
		struct page *page;
		uint32_t pages;
	} handle[TAKER_HANDLES];
	uint32_t handles;
	/** Call number now; from 1. Others may read it. */
	uint64_t calls;
	uint64_t served;
	/** Failures while there was room, all explained; and of those for want of room. */
	uint64_t explained;
	uint64_t full;
	/** Room that was not had: true when @report tells the truth about why. NULL: there is no excuse. */
	bool (*excuse)(const struct taker *t, const struct cma_report *report);
	/** What went wrong, and the report of that call. */
	const char *wrong;
	uint32_t wrong_pages;
	struct cma_report report;
};

/** @area is to be idle: nothing given out. */
void taker_start(struct taker *t, struct cma *area, uint64_t seed);
/** Take random sizes until the area is given out to the last page, or all handles are used. Return: nothing is wrong */
bool taker_fill(struct taker *t);
/** Give all back, in random order and in parts. Return: nothing is wrong */
bool taker_empty(struct taker *t);
/** Why t->wrong, a line. */
void taker_say(const struct taker *t, struct out *out);

/** Keep half of the memory that is free, so that areas have more than their share of the rest and movable pages come from there. */
void taker_ballast_take(void);
void taker_ballast_give(void);

/** The area that tests take from: the default one. NULL: there is none. */
struct cma *taker_area(void);
/** @area's counter of pages moved, and of pages discarded. */
uint64_t taker_moved(const struct cma *area);
uint64_t taker_discarded(const struct cma *area);
