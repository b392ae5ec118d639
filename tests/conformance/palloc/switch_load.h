/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A load for page allocators that change under it: a hart takes memory in every way there is, stamps each page of it at
 * several places with who holds it, passes some on to other harts, and looks at every stamp before it gives memory back.
 * A page that is handed out twice, or lost and found, shows in a stamp. For host and target.
 */
#pragma once

#include "fpg/core/page_alloc.h"

#define SWITCH_SLOTS 1024U

struct switch_slot {
	struct page *page;
	uint64_t sequence;
	uint32_t pages;
	uint8_t kind;
	uint8_t order;
	/** Who took it, not who holds it. */
	uint16_t hart;
};

struct switch_load {
	uint64_t random;
	uint64_t sequence;
	/** Requests that were served, and those that were not. */
	uint64_t served;
	uint64_t failed;
	/** What was wrong first, and with which frame; NULL: nothing. */
	const char *wrong;
	uint64_t wrong_pfn;
	uint16_t hart;
	/** Of the slots, how many are used. */
	uint32_t slots;
	struct switch_slot slot[SWITCH_SLOTS];
};

/** @load: zeroed memory. @slots: 16 to SWITCH_SLOTS; half of them hold something, five pages on average and a few 512 */
void switch_load_start(struct switch_load *load, unsigned int hart, uint64_t seed, uint32_t slots);

/** Take, pass on, or check and give back. Context: the hart of @load, no lock held. Return: nothing is wrong */
bool switch_load_step(struct switch_load *load);

/** Check and give back everything. Return: nothing is wrong */
bool switch_load_end(struct switch_load *load);

/** The same for what harts passed on to nobody; once, after the last of them ended. */
bool switch_load_end_shared(struct switch_load *load);
