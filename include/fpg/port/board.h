/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a board is that its device tree does not say. Found by the root's `compatible`; nothing outside platform/boards/
 * names a board. On a host the same table is there, so that fpg-map and tests see what the payload sees.
 */
#pragma once

#include "fpg/base/range.h"
#include "fpg/base/types.h"

/** RAM that can be reached a second time at other addresses. */
struct port_alias {
	/** As the memory nodes have it. Size 0: there is no such thing. */
	struct phys_range ram;
	/** Where its first byte shows again. */
	phys_addr_t at;
};

struct port_board {
	/** One string of the root's compatible. */
	const char *compatible;
	const char *name;
	/** Accesses there go past the caches. */
	struct port_alias uncached;
};

/**
 * @compatible  strings one after the other, each terminated; NULL with @bytes 0
 * Return: the first string's board that is known, or NULL. Context: any
 */
const struct port_board *port_board_find(const char *compatible, size_t bytes);

/** @range lies in the alias: the RAM behind it. Return: size 0 when it does not, or not all of it. @board may be NULL. */
static inline struct phys_range port_board_aliased(const struct port_board *board,
						   struct phys_range range)
{
	if (board == NULL || range.base < board->uncached.at ||
	    range.base - board->uncached.at >= board->uncached.ram.size ||
	    range.size > board->uncached.ram.size - (range.base - board->uncached.at)) {
		return (struct phys_range){ 0, 0 };
	}
	return (struct phys_range){ board->uncached.ram.base + (range.base - board->uncached.at),
				    range.size };
}

/** Some byte of @range lies in the alias. @board may be NULL. */
static inline bool port_board_touches_alias(const struct port_board *board, struct phys_range range)
{
	return board != NULL &&
	       phys_ranges_overlap(range, (struct phys_range){ board->uncached.at,
							       board->uncached.ram.size });
}
