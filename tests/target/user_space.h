/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A lower half made by hand for tests of the machine layer alone: one table of 4 KiB leaves from USER_BASE on, under a
 * copy of the root in force. Only the hart that enters it sees it.
 */
#pragma once

#include "fpg/base/types.h"

#define USER_BASE  0x10000UL
#define USER_PAGES 8U

struct user_space {
	/** satp's value before. */
	uint64_t outside;
	void *root;
	void *tables[4];
	unsigned int levels;
	unsigned int mode;
	/** NULL: not mapped. By address in the linear map. */
	unsigned char *page[USER_PAGES];
};

/** Bits of a leaf besides V, U, A and D. */
#define LEAF_R 2U
#define LEAF_W 4U
#define LEAF_X 8U

/** Make it, nothing mapped, and switch to it. Return: 0 | -ENOMEM */
int user_space_enter(struct user_space *us);

/** Map a zeroed page at USER_BASE + @index pages, or change its bits. Return: 0 | -ENOMEM */
int user_space_map(struct user_space *us, unsigned int index, unsigned int bits);
void user_space_unmap(struct user_space *us, unsigned int index);

/** Switch back and give everything back. */
void user_space_leave(struct user_space *us);

static inline vaddr_t user_va(unsigned int index, uint64_t offset)
{
	return vaddr(USER_BASE + index * PAGE_SIZE + offset);
}
