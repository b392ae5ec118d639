/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reservations with a name. The first to reserve a byte holds it; a later owner's call becomes one claim over the part
 * of its range that others hold. Claims are an array like the tables, grown the same way: at most one entry a call.
 */
#include "memblock_private.h"

#include <errno.h>
#include <string.h>

/* ---- the claims array --------------------------------------------------------------------------------------- */

/* Number of claims that begin below @base: the array is sorted by base, but its ranges may overlap. */
static unsigned long claims_below(phys_addr_t base)
{
	unsigned long low = 0;
	unsigned long high = memblock_used(&memblock.claims);

	while (low < high) {
		unsigned long middle = low + (high - low) / 2;
		if (memblock.claims.regions[middle].base < base) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low;
}

static bool same_claim(const struct memblock_region *a, const struct memblock_region *b)
{
	return a->base == b->base && a->size == b->size && a->flags == b->flags &&
	       mem_owner_equal(a->owner, b->owner);
}

static bool claim_known(const struct memblock_region *claim)
{
	unsigned long n = memblock_used(&memblock.claims);

	for (unsigned long i = claims_below(claim->base);
	     i < n && memblock.claims.regions[i].base == claim->base; i++) {
		if (same_claim(&memblock.claims.regions[i], claim)) {
			return true;
		}
	}
	return false;
}

static void claims_put(const struct memblock_region *claim)
{
	struct memblock_type *type = &memblock.claims;
	unsigned long n = memblock_used(type);
	unsigned long at = claims_below(claim->base + 1);

	FPG_CHECK(n < type->max);
	memmove(&type->regions[at + 1], &type->regions[at], (n - at) * sizeof(type->regions[0]));
	type->regions[at] = *claim;
	type->cnt = n + 1;
	type->total_size += claim->size;
}

unsigned long memblock_claims_drop_need(phys_addr_t base, phys_addr_t end)
{
	unsigned long n = claims_below(base);
	unsigned long need = 0;

	for (unsigned long i = 0; i < n; i++) {
		need += memblock_region_end(&memblock.claims.regions[i]) > end;
	}
	return need;
}

/* Pieces above the range begin at its end: they go behind the claims below it, in the place of those inside it. */
void memblock_claims_drop(phys_addr_t base, phys_addr_t end)
{
	struct memblock_type *type = &memblock.claims;

	for (unsigned long i = 0; i < memblock_used(type) && type->regions[i].base < end;) {
		struct memblock_region *r = &type->regions[i];
		struct memblock_region above = *r;
		phys_addr_t r_end = memblock_region_end(r);

		if (r_end <= base) {
			i++;
			continue;
		}
		type->total_size -= r->size;
		if (r->base < base) {
			r->size = base - r->base;
			type->total_size += r->size;
			i++;
		} else {
			memblock_table_delete(type, i, i + 1);
		}
		if (r_end > end) {
			above.base = end;
			above.size = r_end - end;
			claims_put(&above);
		}
	}
}

void memblock_for_each_claim(memblock_claim_fn fn, void *ctx)
{
	for (unsigned long i = 0; i < memblock_used(&memblock.claims); i++) {
		if (!fn(ctx, &memblock.claims.regions[i])) {
			return;
		}
	}
}

void memblock_claims_at(phys_addr_t addr, memblock_claim_fn fn, void *ctx)
{
	const struct memblock_region *holder = memblock_region_find(&memblock.reserved, addr);

	for (unsigned long i = 0; i < memblock_used(&memblock.claims); i++) {
		const struct memblock_region *claim = &memblock.claims.regions[i];
		if (claim->base > addr) {
			return;
		}
		if (addr - claim->base < claim->size &&
		    (holder == NULL || !mem_owner_equal(holder->owner, claim->owner)) &&
		    !fn(ctx, claim)) {
			return;
		}
	}
}

/* ---- reserving ---------------------------------------------------------------------------------------------- */

static bool is_array(const struct memblock_region *r)
{
	return r->owner.kind == OWNER_MEMBLOCK;
}

/*
 * From the first to the last byte of [base, end) that somebody else holds. memblock's own arrays do not count: they
 * move out of the way. Return: false when there is none.
 */
static bool held_by_others(phys_addr_t base, phys_addr_t end, struct memblock_region *claim)
{
	const struct memblock_type *type = &memblock.reserved;
	unsigned long n = memblock_used(type);
	bool any = false;

	for (unsigned long i = memblock_region_index(type, base);
	     i < n && type->regions[i].base < end; i++) {
		const struct memblock_region *r = &type->regions[i];
		if (mem_owner_equal(r->owner, claim->owner) || is_array(r)) {
			continue;
		}
		phys_addr_t r_end = memblock_region_end(r);
		if (!any) {
			claim->base = r->base > base ? r->base : base;
		}
		claim->size = (r_end < end ? r_end : end) - claim->base;
		any = true;
	}
	return any;
}

static void make_nomap(struct memblock_type *type, phys_addr_t base, phys_addr_t end)
{
	unsigned long from;
	unsigned long to;

	memblock_table_isolate(type, base, end, &from, &to);
	for (unsigned long i = from; i < to; i++) {
		type->regions[i].flags |= MEMBLOCK_NOMAP;
	}
	memblock_table_merge(type, from, to);
}

/** What memblock_reserve_owned() is to do for those bytes that others hold. */
enum about_others {
	CLAIM_THEIRS,
	LEAVE_THEIRS,
};

static int reserve(phys_addr_t base, phys_addr_t end, const struct memblock_region *like,
		   enum about_others about)
{
	struct memblock_region claim = *like;
	bool nomap = like->flags & MEMBLOCK_NOMAP;

	if (memblock_refuse("memblock_reserve_owned")) {
		return -EINVAL;
	}
	if (base == end) {
		return 0;
	}
	/* Behind all others there is nobody to meet. */
	if (!nomap && memblock_table_append(&memblock.reserved, base, end, like)) {
		return 0;
	}
	bool claimed = about == CLAIM_THEIRS && held_by_others(base, end, &claim) &&
		       !claim_known(&claim);
	struct memblock_room room = {
		.memory = nomap ? memblock_table_isolate_need(&memblock.memory, base, end) : 0,
		.reserved = memblock_table_insert_need(&memblock.reserved, base, end, like) +
			    (nomap ? 2 : 0),
		.claims = claimed,
		.base = base,
		.size = end - base,
	};
	int err = memblock_room(&room);
	if (err != 0) {
		return err;
	}
	memblock_table_insert(&memblock.reserved, base, end, like);
	if (nomap) {
		make_nomap(&memblock.reserved, base, end);
		make_nomap(&memblock.memory, base, end);
	}
	if (claimed) {
		claims_put(&claim);
	}
	return 0;
}

static struct memblock_region region_like(phys_addr_t base, phys_addr_t size,
					  enum memblock_flags flags, struct mem_owner owner)
{
	return (struct memblock_region){
		.base = base,
		.size = phys_cap_size(base, size),
		.flags = flags,
		.nid = FPG_ENABLED(CONFIG_NUMA) ? MAX_NUMNODES : 0,
		.owner = owner,
	};
}

int memblock_reserve_owned(phys_addr_t base, phys_addr_t size, enum memblock_flags flags,
			   struct mem_owner owner)
{
	struct memblock_region like = region_like(base, size, flags, owner);

	memblock_trace(base, size);
	return reserve(base, memblock_region_end(&like), &like, CLAIM_THEIRS);
}

int memblock_reserve_unclaimed(phys_addr_t base, phys_addr_t size, enum memblock_flags flags,
			       struct mem_owner owner)
{
	struct memblock_region like = region_like(base, size, flags, owner);

	memblock_trace(base, size);
	return reserve(base, memblock_region_end(&like), &like, LEAVE_THEIRS);
}

int memblock_claim_owned(phys_addr_t base, phys_addr_t size, enum memblock_flags flags,
			 struct mem_owner owner)
{
	struct memblock_region claim = region_like(base, size, flags, owner);
	struct memblock_room room = { .claims = 1, .base = base, .size = claim.size };

	memblock_trace(base, size);
	if (memblock_refuse("memblock_claim_owned")) {
		return -EINVAL;
	}
	if (claim.size == 0) {
		return 0;
	}
	int err = memblock_room(&room);
	if (err == 0) {
		claims_put(&claim);
	}
	return err;
}
