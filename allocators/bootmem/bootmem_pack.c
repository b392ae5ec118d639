/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Boot allocations of bytes: what is less than a page begins where the last one ended, in the same page when it fits,
 * and may go on into the frames behind it.
 *
 * Invariant: pack_bit is a page in use whose bytes from pack_end on nobody has, or BOOTMEM_NONE.
 */
#include "bootmem.h"

#include <errno.h>

static phys_addr_t bit_to_phys(const struct bootmem *b, uint64_t bit)
{
	return (b->base + bit) << PAGE_SHIFT;
}

/** First bit at or above @addr, at most @b->bits. */
static uint64_t bit_up(const struct bootmem *b, phys_addr_t addr)
{
	uint64_t frame = (addr >> PAGE_SHIFT) + ((addr & (PAGE_SIZE - 1)) != 0);
	uint64_t bit = frame > b->base ? frame - b->base : 0;
	return bit < b->bits ? bit : b->bits;
}

/** Bits wholly below @limit; 0: no limit. */
static uint64_t bit_limit(const struct bootmem *b, phys_addr_t limit)
{
	uint64_t frame = limit >> PAGE_SHIFT;
	uint64_t bit = frame > b->base ? frame - b->base : 0;
	return limit == 0 || bit > b->bits ? b->bits : bit;
}

/** Behind the last small request. Return: false when it does not fit there */
static bool at_tail(struct bootmem *b, const struct palloc_bytes_req *req, struct palloc_bytes *out)
{
	if (b->pack_bit == BOOTMEM_NONE) {
		return false;
	}
	phys_addr_t base = ALIGN_UP(b->pack_end, req->align);
	uint64_t next = b->pack_bit + 1;
	if (base >= bit_to_phys(b, next) || base < req->goal || req->bytes > PHYS_ADDR_MAX - base ||
	    (req->limit != 0 && base + req->bytes > req->limit)) {
		return false;
	}
	uint64_t to = (base + req->bytes + PAGE_SIZE - 1) >> PAGE_SHIFT;
	if (to > b->base + b->bits) {
		return false;
	}
	to -= b->base;
	if (to > next && bits_find_clear(b->free_map, next, to) != to) {
		return false;
	}
	out->base = base;
	out->taken = (struct pfn_range){ pfn(b->base + next), pfn(b->base + to) };
	return true;
}

/** From a page of its own on. */
static bool in_new_pages(struct bootmem *b, const struct palloc_bytes_req *req,
			 struct palloc_bytes *out)
{
	uint64_t pages = req->bytes / PAGE_SIZE + (req->bytes % PAGE_SIZE != 0);
	unsigned int order = req->align > PAGE_SIZE ? log2_floor(req->align) - PAGE_SHIFT : 0;
	uint64_t from = bit_up(b, req->goal);
	from = from > b->low[0] ? from : b->low[0];
	uint64_t bit = bootmem_find_run(b, pages, order, from, bit_limit(b, req->limit));
	if (bit == BOOTMEM_NONE) {
		return false;
	}
	out->base = bit_to_phys(b, bit);
	out->taken = (struct pfn_range){ pfn(b->base + bit), pfn(b->base + bit + pages) };
	return true;
}

int bootmem_alloc_bytes(struct palloc *pa, const struct palloc_bytes_req *req,
			struct palloc_bytes *out)
{
	struct bootmem *b = bootmem_of(pa);
	if (req->bytes == 0 || req->align == 0 || (req->align & (req->align - 1)) != 0) {
		return -EINVAL;
	}
	bool tail = at_tail(b, req, out);
	if (!tail && !in_new_pages(b, req, out)) {
		return -ENOMEM;
	}
	phys_addr_t end = out->base + req->bytes;
	phys_addr_t left = ALIGN_UP(end, PAGE_SIZE) - end;
	phys_addr_t left_before =
		b->pack_bit != BOOTMEM_NONE ? bit_to_phys(b, b->pack_bit + 1) - b->pack_end : 0;
	if (pfn_range_pages(out->taken) != 0) {
		bootmem_make_used(b, out->taken.start.n - b->base, out->taken.end.n - b->base);
	}
	/* Of two pages with room the one with more is kept for what comes next. */
	if (tail || left > left_before) {
		b->pack_bit = left != 0 ? (end >> PAGE_SHIFT) - b->base : BOOTMEM_NONE;
		b->pack_end = end;
	}
	return 0;
}
