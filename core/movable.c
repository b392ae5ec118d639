/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which pages can be moved and by whom, and pins.
 *
 * Invariants: an entry of the table never changes once it is there, so it is read without a lock; a block's mark (its
 * record's second word) is written by who holds the block, as a whole.
 */
#define LOG_MODULE "movable"
#include "movable_private.h"
#include "page_owner_private.h"

#include "fpg/core/hart.h"
#include "fpg/core/log.h"
#include "fpg/core/page_owner.h"
#include "fpg/core/panic.h"
#include "fpg/port/port.h"

const struct movable_ops *movable_table[MOVABLE_OPS_MAX + 1];

/* ---- owners ---------------------------------------------------------------------------------- */

static bool complete(const struct movable_ops *ops)
{
	if (ops->name != NULL && ops->isolate != NULL && ops->migrate != NULL &&
	    ops->putback != NULL && (ops->isolate_many != NULL) == (ops->migrate_many != NULL)) {
		return true;
	}
	pr_err("%s: isolate, migrate and putback are needed, isolate_many and migrate_many come together",
	       ops->name != NULL ? ops->name : "an owner without a name");
	return false;
}

uint32_t movable_ops_register(const struct movable_ops *ops)
{
	if (!complete(ops)) {
		return 0;
	}
	for (uint32_t i = 1; i <= MOVABLE_OPS_MAX; i++) {
		if (movable_table[i] == NULL) {
			movable_table[i] = ops;
			return i;
		}
	}
	pr_err("%s: there are %u kinds of movable pages already", ops->name, MOVABLE_OPS_MAX);
	return 0;
}

void movable_anon_register(const struct movable_ops *ops)
{
	FPG_CHECK(complete(ops));
	movable_table[0] = ops;
}

void movable_reset(void)
{
	for (uint32_t i = 0; i <= MOVABLE_OPS_MAX; i++) {
		movable_table[i] = NULL;
	}
}

const struct movable_ops *page_movable(const struct page *page, uint32_t *owner)
{
	const uint64_t word = __atomic_load_n(&page->word, __ATOMIC_ACQUIRE);
	uint32_t index;
	return page_word_state(word) == PAGE_ALLOCATED ? movable_of(page, word, &index, owner) :
							 NULL;
}

/* ---- calls of owners that must not come back --------------------------------------------------- */

/** How many calls of owners each hart is in; only its own hart looks. */
static int in_call[PORT_MAX_HARTS];

void movable_calls_count(int more)
{
	in_call[hart_index()] += more;
}

void movable_expect_outside_now(const char *what)
{
	if (in_call[hart_index()] != 0) {
		panic("%s called from a function of struct movable_ops", what);
	}
}

/* ---- pins ------------------------------------------------------------------------------------ */

#define REFS_MOST (unsigned int)(PAGE_REF_MASK >> PAGE_REF_SHIFT)

void get_page(struct page *page)
{
	const uint64_t was =
		__atomic_fetch_add(&page->word, 1ULL << PAGE_REF_SHIFT, __ATOMIC_ACQUIRE);
	const unsigned int refs = page_word_refs(was);
	FPG_CHECK(refs != 0 && refs != REFS_MOST);
	if (refs == 1 && page_owner_enabled()) {
		page_owner_pinned(page_to_pfn(page));
	}
}

bool put_page_unless_last(struct page *page)
{
	const pfn_t f = page_to_pfn(page);
	const uint64_t since = page_owner_enabled() ? page_owner_pin_ticks(f) : 0;
	uint64_t word = __atomic_load_n(&page->word, __ATOMIC_RELAXED);
	do {
		FPG_CHECK(page_word_state(word) == PAGE_ALLOCATED && page_word_refs(word) != 0);
		if (page_word_refs(word) == 1) {
			return false;
		}
	} while (!__atomic_compare_exchange_n(&page->word, &word, word - (1ULL << PAGE_REF_SHIFT),
					      false, __ATOMIC_RELEASE, __ATOMIC_RELAXED));
	if (page_word_refs(word) == 2 && since != 0) {
		page_owner_unpinned(f, since);
	}
	return true;
}

void put_page(struct page *page)
{
	FPG_CHECK(put_page_unless_last(page));
}

bool page_pinned_since(const struct page *page, uint64_t *seconds)
{
	const uint64_t hz = log_timebase();
	const uint64_t since =
		page_pinned(page) && hz != 0 ? page_owner_pin_ticks(page_to_pfn(page)) : 0;
	if (since == 0) {
		return false;
	}
	*seconds = (port_time_ticks() - since) / hz;
	return true;
}

/* ---- contents -------------------------------------------------------------------------------- */

void page_copy_block(struct page *to, const struct page *from, unsigned int order)
{
	char *dst = page_address(to);
	const char *src = page_address(from);
	for (uint64_t bytes = PAGE_SIZE << order; bytes != 0; bytes -= PAGE_SIZE) {
		port_copy_page(dst, src);
		dst += PAGE_SIZE;
		src += PAGE_SIZE;
	}
}
