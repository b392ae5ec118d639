/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Starting the other harts. All are asked first and waited for together, so that one that never comes costs two seconds
 * once. Invariant: a hart that is given up on cannot come online any more: whoever changes its state from "starting"
 * first wins. What such a hart was given stays its own, because nobody knows whether it runs there.
 */
#define LOG_MODULE "harts"
#include "hart_private.h"

#include "hart_table.h"

#include "fpg/base/bits.h"
#include "fpg/base/errno.h"
#include "fpg/base/range.h"
#include "fpg/core/devicetree.h"
#include "fpg/core/log.h"
#include "fpg/core/page_cache.h"
#include "fpg/port/port.h"

#include <inttypes.h>
#include <limits.h>
#include <string.h>

#define ARRIVAL_SECONDS 2U
/** A hart that stops instead of arriving is asked so many times. */
#define MOST_STARTS	5U

void hart_main(void *arg)
{
	struct hart_block *me = arg;
	uint32_t starting = HART_STARTING;
	port_irq_enable_sources();
	if (!__atomic_compare_exchange_n(&me->hart.state, &starting, HART_ONLINE, false,
					 __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
		port_hart_stop();
	}
	/* Whoever sees it online may give it work at once. */
	__atomic_store_n(&me->hart.doing, "idle", __ATOMIC_RELAXED);
	__atomic_store_n(&me->work.state, WORK_IDLE, __ATOMIC_RELEASE);
	hart_set_online(hart_mask_of(me->hart.index));
	/* Mappings that changed before the bit was seen were not fenced here. */
	port_tlb_flush_all();
	port_fence_i();
	port_irq_unmask();
	hart_park_loop(NULL);
}

/** Why this hart cannot run us, or NULL. */
static const char *unfit(const struct dt_cpu *cpu)
{
	return !cpu->enabled	     ? "disabled in the device tree" :
	       cpu->mmu_type == NULL ? "no mmu-type in the device tree" :
	       !cpu->has_mmu	     ? "it has no MMU" :
	       !cpu->rv64	     ? "it is not rv64" :
				       NULL;
}

static void set_state(struct hart_block *block, enum hart_state state, const char *why)
{
	block->hart.why_not = why;
	__atomic_store_n(&block->hart.state, state, __ATOMIC_RELEASE);
}

static void leave_alone(struct hart_block *block, const char *why)
{
	set_state(block, HART_UNUSED, why);
	pr_info("hart %" PRIu64 " is left alone: %s", block->hart.id, why);
}

static void refused(struct hart_block *block, const char *why)
{
	set_state(block, HART_REFUSED, why);
	pr_warn("hart %" PRIu64 " is not used: %s", block->hart.id, why);
}

static const char *start_error(int err)
{
	return err == -EINVAL	? "the firmware does not know it" :
	       err == -EALREADY ? "the firmware says that it runs already" :
	       err == -ENOTSUP	? "the firmware cannot start harts" :
				  "the firmware failed to start it";
}

/** What the hart is told, and the memory for it. Return: 0 | -ENOMEM */
static int prepare(struct hart_block *block, const struct hart_start_env *env)
{
	struct port_hart_start *start = &block->start;
	*start = (struct port_hart_start){
		.id = block->hart.id,
		.index = block->hart.index,
		.local = block,
		.satp_mode = env->satp_mode,
		.root = env->root,
		.entry = hart_main,
		.arg = block,
	};
	start->stack_low = env->stack_alloc(HART_STACK_BYTES);
	if (start->stack_low == NULL) {
		return -ENOMEM;
	}
	start->emergency_low = env->stack_alloc(HART_EMERGENCY_STACK_BYTES);
	if (start->emergency_low == NULL) {
		return -ENOMEM;
	}
	start->area = env->area_alloc(ALIGN_UP(port_hart_area_bytes(), PAGE_SIZE));
	start->stack_top = start->stack_low + HART_STACK_BYTES;
	start->emergency_top = start->emergency_low + HART_EMERGENCY_STACK_BYTES;
	return start->area != NULL ? 0 : -ENOMEM;
}

/** Without success: take back what it was given. */
static void give_back(struct hart_block *block, const struct hart_start_env *env)
{
	block->hart.area = NULL;
	if (block->start.emergency_low != NULL) {
		env->stack_free(block->start.emergency_low, HART_EMERGENCY_STACK_BYTES);
	}
	if (block->start.stack_low != NULL) {
		env->stack_free(block->start.stack_low, HART_STACK_BYTES);
	}
}

/** Return: whether the firmware accepted */
static bool start_one(struct hart_block *block)
{
	block->hart.area = block->start.area;
	block->starts = 1;
	__atomic_store_n(&block->hart.state, HART_STARTING, __ATOMIC_RELEASE);
	int err = port_hart_start(&block->start);
	if (err != 0) {
		refused(block, start_error(err));
	}
	return err == 0;
}

/**
 * All stacks come first: mapping one is a fence on every hart that is online, and 64 harts that wait for each other's
 * fences while they start take minutes on a simulator. Return: the harts to wait for
 */
static hart_mask_t start_all(hart_mask_t asked, const struct hart_start_env *env)
{
	hart_mask_t failed = 0;
	for (hart_mask_t m = asked; m != 0; m &= m - 1) {
		struct hart_block *block = hart_block(bit_lowest(m));
		if (prepare(block, env) != 0) {
			refused(block, "no memory for its stacks");
			failed |= m & (0 - m);
		}
	}
	for (hart_mask_t m = asked & ~failed; m != 0; m &= m - 1) {
		failed |= start_one(hart_block(bit_lowest(m))) ? 0 : m & (0 - m);
	}
	for (hart_mask_t m = failed; m != 0; m &= m - 1) {
		give_back(hart_block(bit_lowest(m)), env);
	}
	return asked & ~failed;
}

/**
 * A hart that stopped again without having come: OpenSBI 1.1 lets a hart go before it has stored where to, and it then
 * arrives where the boot hart once did, where it stops.
 */
static void start_again(struct hart_block *block)
{
	if (block->starts < MOST_STARTS &&
	    strcmp(port_hart_status(block->hart.id), "stopped") == 0 &&
	    !port_hart_refused(block->hart.area)) {
		block->starts++;
		int err = port_hart_start(&block->start);
		pr_debug("hart %" PRIu64 " stopped before it came: asked again (%s)",
			 block->hart.id, errno_name(err));
	}
}

static bool is_starting(const struct hart_block *block)
{
	return __atomic_load_n(&block->hart.state, __ATOMIC_ACQUIRE) == HART_STARTING;
}

/** Return: harts of @mask that are neither here nor known not to come */
static hart_mask_t still_coming(hart_mask_t mask)
{
	for (hart_mask_t m = mask & ~harts_online(); m != 0; m &= m - 1) {
		struct hart_block *block = hart_block(bit_lowest(m));
		if (is_starting(block) && port_hart_refused(block->hart.area)) {
			refused(block, "it refuses the paging mode in use");
		}
		if (!is_starting(block) &&
		    __atomic_load_n(&block->hart.state, __ATOMIC_ACQUIRE) != HART_ONLINE) {
			mask &= ~hart_mask_of(block->hart.index);
		}
	}
	return mask & ~harts_online();
}

static void wait_for(hart_mask_t coming)
{
	struct hart_wait wait = { 0 };
	while ((coming = still_coming(coming)) != 0) {
		for (hart_mask_t m = coming; m != 0 && hart_wait_retry(&wait); m &= m - 1) {
			start_again(hart_block(bit_lowest(m)));
		}
		if (hart_wait_round(&wait, ARRIVAL_SECONDS)) {
			break;
		}
	}
	for (; coming != 0; coming &= coming - 1) {
		struct hart_block *block = hart_block(bit_lowest(coming));
		uint32_t starting = HART_STARTING;
		if (__atomic_compare_exchange_n(&block->hart.state, &starting, HART_REFUSED, false,
						__ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
			refused(block, "it did not arrive within two seconds");
		}
	}
}

/** A block a hart, all in one piece. Return: NULL when there is no memory */
static struct hart_block *make_blocks(const struct hart_start_env *env, uint32_t count)
{
	return count == 0 ? NULL :
			    env->area_alloc(ALIGN_UP(count * sizeof(struct hart_block), PAGE_SIZE));
}

static void describe(struct hart_block *block, const struct dt_cpu *cpu)
{
	block->hart.id = cpu->hart;
	block->hart.nid = cpu->nid;
	block->hart.doing = "nothing";
}

/**
 * Enter the harts of the device tree, those to start (@fit) or the others.
 * @most  harts to start, by their order in the tree
 * @next  in and out: the next unused block
 */
static hart_mask_t enter(const struct dt_facts *facts, bool fit, const char *all_unused,
			 unsigned int most, struct hart_block **next)
{
	hart_mask_t mask = 0;
	unsigned int able = 0;
	for (uint32_t i = 0; i < facts->cpu_count; i++) {
		const struct dt_cpu *cpu = &facts->cpus[i];
		const char *why = unfit(cpu);
		if (cpu->hart == port_hart_id()) {
			continue;
		}
		if (why == NULL) {
			why = able++ < most ? all_unused : "maxcpus= allows no more";
		}
		if ((why == NULL) != fit) {
			continue;
		}
		struct hart_block *block = *next;
		describe(block, cpu);
		if (!hart_table_add(block)) {
			pr_warn("hart %" PRIu64 " is not used: there is room for %u", cpu->hart,
				PORT_MAX_HARTS);
			continue;
		}
		(*next)++;
		if (fit) {
			mask |= hart_mask_of(block->hart.index);
		} else {
			leave_alone(block, why);
		}
	}
	return mask;
}

bool hart_boot_node(const struct dt_facts *facts)
{
	const struct dt_cpu *cpu = dt_cpu_of_hart(facts, port_hart_id());
	if (cpu != NULL) {
		this_hart()->nid = cpu->nid;
	}
	return cpu != NULL;
}

/** The boot hart as the device tree describes it. Return: how many others it describes */
static uint32_t look_at_tree(const struct dt_facts *facts)
{
	if (!hart_boot_node(facts)) {
		pr_warn("the device tree does not describe hart %" PRIu64 ", which runs this",
			port_hart_id());
		return facts->cpu_count;
	}
	return facts->cpu_count - 1;
}

static int make_caches(void *arg)
{
	(void)arg;
	return page_cache_hart_start();
}

/** Page caches for those that came, one after the other: so each boot allocates in the same order. */
static void give_caches(void)
{
	for (hart_mask_t m = harts_online() & ~hart_mask_of(hart_index()); m != 0; m &= m - 1) {
		unsigned int index = bit_lowest(m);
		int err = hart_run_on(index, "page caches", make_caches, NULL);
		if (err != 0) {
			pr_warn("hart %" PRIu64 " has no page caches (%s): it allocates slowly",
				hart_block(index)->hart.id, errno_name(err));
		}
	}
}

static void log_result(void)
{
	unsigned int count = harts_online_count();
	if (count == 1) {
		pr_info("one hart online");
		return;
	}
	pr_info("%u harts online", count);
}

unsigned int harts_start(const struct dt_facts *facts, const struct hart_start_env *env)
{
	hart_ticks_hz = facts->timebase_hz;
	uint32_t others = look_at_tree(facts);
	struct hart_block *next = make_blocks(env, others);
	if (others != 0 && next == NULL) {
		pr_warn("no memory for the other harts: they are left alone");
	}
	if (next != NULL) {
		const char *none = port_hsm_available() ? NULL : "the firmware cannot start harts";
		if (none != NULL) {
			pr_info("one hart: the firmware has no hart state management (HSM)");
		}
		const unsigned int most = env->max_harts != 0 ? env->max_harts - 1 : UINT_MAX;
		hart_mask_t asked = enter(facts, true, none, most, &next);
		(void)enter(facts, false, none, most, &next);
		wait_for(start_all(asked, env));
		if (page_cache_possible()) {
			give_caches();
		}
	}
	port_irq_unmask();
	this_hart()->doing = "monitor";
	log_result();
	return harts_online_count();
}
