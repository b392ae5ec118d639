/* SPDX-License-Identifier: BSD-2-Clause */
/* See user_space.h. Entries are written as the Privileged specification v1.12 has them, 4.3.1 and 4.4.1. */
#include "user_space.h"

#include "fpg/core/page_alloc.h"
#include "fpg/port/port.h"

#include <errno.h>
#include <string.h>

#define PTE_V 0x01U
#define PTE_U 0x10U
#define PTE_A 0x40U
#define PTE_D 0x80U

static void *new_page(void)
{
	return __get_free_pages(GFP_KERNEL | __GFP_ZERO, 0);
}

static uint64_t entry_to(const void *page, uint64_t bits)
{
	return (port_virt_to_phys(page) >> PAGE_SHIFT) << 10 | bits | PTE_V;
}

static uint64_t satp_now(void)
{
	uint64_t satp;
	__asm__ volatile("csrr %0, satp" : "=r"(satp));
	return satp;
}

int user_space_enter(struct user_space *us)
{
	memset(us, 0, sizeof(*us));
	us->outside = satp_now();
	us->mode = (unsigned int)(us->outside >> 60);
	/* 8: Sv39 and so on. */
	us->levels = us->mode - 5;
	us->root = new_page();
	if (us->root == NULL) {
		return -ENOMEM;
	}
	memcpy(us->root, port_phys_to_virt(us->outside << 20 >> 8), PAGE_SIZE);
	uint64_t *table = us->root;
	for (unsigned int i = 0; i + 1 < us->levels; i++) {
		us->tables[i] = new_page();
		if (us->tables[i] == NULL) {
			user_space_leave(us);
			return -ENOMEM;
		}
		table[0] = entry_to(us->tables[i], 0);
		table = us->tables[i];
	}
	if (port_address_space_set(us->mode, port_virt_to_phys(us->root), 0) != 0) {
		user_space_leave(us);
		return -ENOTSUP;
	}
	return 0;
}

static uint64_t *leaf_of(struct user_space *us, unsigned int index)
{
	uint64_t *table = us->tables[us->levels - 2];
	return &table[USER_BASE / PAGE_SIZE + index];
}

int user_space_map(struct user_space *us, unsigned int index, unsigned int bits)
{
	if (us->page[index] == NULL) {
		us->page[index] = new_page();
	}
	if (us->page[index] == NULL) {
		return -ENOMEM;
	}
	*(volatile uint64_t *)leaf_of(us, index) =
		entry_to(us->page[index], bits | PTE_U | PTE_A | PTE_D);
	port_tlb_flush_range(user_va(index, 0), PAGE_SIZE);
	return 0;
}

void user_space_unmap(struct user_space *us, unsigned int index)
{
	*(volatile uint64_t *)leaf_of(us, index) = 0;
	port_tlb_flush_range(user_va(index, 0), PAGE_SIZE);
	free_pages(us->page[index], 0);
	us->page[index] = NULL;
}

void user_space_leave(struct user_space *us)
{
	port_address_space_switch(us->mode, us->outside << 20 >> 8,
				  (uint32_t)(us->outside >> 44 & 0xffff));
	port_tlb_flush_all();
	for (unsigned int i = 0; i < USER_PAGES; i++) {
		free_pages(us->page[i], 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(us->tables); i++) {
		free_pages(us->tables[i], 0);
	}
	free_pages(us->root, 0);
}
