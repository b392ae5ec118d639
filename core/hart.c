/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of harts. Invariants: entries are added by the boot hart only, before the hart they describe can run; an
 * entry stays for good. A bit of the online mask is set by the hart itself when it can answer, and cleared at the end of
 * a run only.
 */
#include "hart_private.h"

#include "hart_table.h"

#include "fpg/base/assert.h"
#include "fpg/base/bits.h"
#include "fpg/core/page_cache.h"
#include "fpg/port/port.h"

static struct hart_block boot_block = {
	.hart = { .state = HART_ONLINE, .nid = -1, .doing = "boot" },
};

static struct hart_block *blocks[PORT_MAX_HARTS] = { &boot_block };
static uint32_t block_count = 1;
static hart_mask_t online = 1;

uint64_t hart_ticks_hz;

void hart_init(void)
{
	boot_block.hart.id = port_hart_id();
	boot_block.hart.area = port_hart_head();
	if (boot_block.hart.slot[HART_SLOT_PAGE_CACHE] == NULL) {
		page_cache_hart_none(&boot_block.hart);
	}
	port_hart_set_local(&boot_block);
	port_ipi_register(hart_handle_ipi);
	port_irq_enable_sources();
}

struct hart_block *hart_block(unsigned int index)
{
	return index < __atomic_load_n(&block_count, __ATOMIC_ACQUIRE) ? blocks[index] : NULL;
}

bool hart_table_add(struct hart_block *block)
{
	uint32_t index = block_count;
	if (index == PORT_MAX_HARTS) {
		return false;
	}
	block->hart.index = index;
	page_cache_hart_none(&block->hart);
	blocks[index] = block;
	__atomic_store_n(&block_count, index + 1, __ATOMIC_RELEASE);
	return true;
}

struct hart *hart_by_index(unsigned int index)
{
	struct hart_block *block = hart_block(index);
	return block != NULL ? &block->hart : NULL;
}

struct hart *hart_by_id(uint64_t id)
{
	for (unsigned int i = 0; hart_block(i) != NULL; i++) {
		if (blocks[i]->hart.id == id) {
			return &blocks[i]->hart;
		}
	}
	return NULL;
}

const char *hart_state_name(enum hart_state state)
{
	static const char *const names[] = {
#define X(id, text) [id] = text,
		HART_STATES(X)
#undef X
	};
	return (unsigned int)state < HART_STATE_COUNT ? names[state] : "?";
}

/* ---- who is online ----------------------------------------------------------------------------------------- */

hart_mask_t harts_online(void)
{
	return __atomic_load_n(&online, __ATOMIC_ACQUIRE);
}

unsigned int harts_online_count(void)
{
	return bit_count(harts_online());
}

void hart_set_online(hart_mask_t mask)
{
	__atomic_fetch_or(&online, mask, __ATOMIC_SEQ_CST);
}

void hart_set_alone(void)
{
	__atomic_store_n(&online, hart_mask_of(hart_index()), __ATOMIC_SEQ_CST);
}

/* ---- waiting ----------------------------------------------------------------------------------------------- */

/** Rounds that make up for an unknown clock, and the least for a known one. */
#define ROUNDS_A_SECOND 4000000ULL
#define LEAST_ROUNDS	20000ULL

bool hart_wait_round(struct hart_wait *wait, unsigned int seconds)
{
	uint64_t longest = hart_ticks_hz / 8;
	if (wait->rounds++ == 0) {
		wait->last_ticks = port_time_ticks();
	}
	port_relax();
	if (hart_ticks_hz == 0) {
		return wait->rounds > seconds * ROUNDS_A_SECOND;
	}
	uint64_t now = port_time_ticks();
	uint64_t passed = now - wait->last_ticks;
	wait->last_ticks = now;
	wait->ticks += passed < longest ? passed : longest;
	return wait->rounds > seconds * LEAST_ROUNDS && wait->ticks > seconds * hart_ticks_hz;
}
