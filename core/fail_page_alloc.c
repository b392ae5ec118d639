/* SPDX-License-Identifier: BSD-2-Clause */
/* fail_page_alloc: the rule, and its dice (xorshift64*, seeded). Counted under a lock of its own, the innermost. */
#include "page_alloc_private.h"

#include "fpg/core/fail_page_alloc.h"

static struct fail_page_alloc_state state;
static uint64_t dice;
static struct spinlock lock = SPINLOCK_INIT_RANK(LOCK_LEAF);

void fail_page_alloc_set(const struct fail_page_alloc_rule *rule)
{
	unsigned long flags = spin_lock_irqsave(&lock);
	state = (struct fail_page_alloc_state){ .on = rule != NULL };
	if (rule != NULL) {
		state.rule = *rule;
		dice = rule->seed != 0 ? rule->seed : 1;
	}
	spin_unlock_irqrestore(&lock, flags);
	bool on = FPG_ENABLED(CONFIG_FAIL_PAGE_ALLOC) && rule != NULL;
	if (on != ((page_alloc_debug_flags & PAGE_ALLOC_FAIL) != 0)) {
		page_alloc_debug_set(PAGE_ALLOC_FAIL, on);
	}
}

void fail_page_alloc_get(struct fail_page_alloc_state *out)
{
	unsigned long flags = spin_lock_irqsave(&lock);
	*out = state;
	spin_unlock_irqrestore(&lock, flags);
}

static uint64_t roll(void)
{
	dice ^= dice >> 12;
	dice ^= dice << 25;
	dice ^= dice >> 27;
	return (dice * 0x2545f4914f6cdd1dULL) >> 33;
}

bool fail_page_alloc_now(gfp_t gfp, unsigned int order)
{
	unsigned long flags = spin_lock_irqsave(&lock);
	const struct fail_page_alloc_rule *rule = &state.rule;
	bool fails = state.on && (gfp & rule->with) == rule->with && !(gfp & rule->without) &&
		     order >= rule->min_order && (rule->times == 0 || state.failed < rule->times);
	if (fails) {
		state.matched++;
		fails = rule->nth != 0 ? state.matched % rule->nth == 0 :
					 roll() % 1000000 < rule->ppm;
		state.failed += fails;
	}
	spin_unlock_irqrestore(&lock, flags);
	return fails;
}
