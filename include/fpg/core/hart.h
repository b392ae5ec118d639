/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The harts: which there are, which run, and how one asks another for something.
 *
 * Invariants: hart index 0 is the one that booted; indices are dense, ids are firmware's; a hart touches only its own
 * block (with interrupts off), others through calls. There is no scheduler: every hart but the first sits in
 * hart_park_loop() and runs, to its end, what it is given.
 *
 * Two ways to have something done:
 *  - hart_call(): in the interrupt handler of each hart. Bounded time; may not lock, log, allocate or free.
 *  - hart_run_on(), hart_run_mask(): in the parking loop of an idle hart, on its stack, interrupts on; may do anything.
 * Whoever waits polls its own IPIs, so two harts that wait for each other both get their answer.
 */
#pragma once

#include "fpg/base/compiler.h"
#include "fpg/base/types.h"
#include "fpg/port/harts.h"

struct dt_facts;

/** X(id, text) */
#define HART_STATES(X)                                            \
	X(HART_ABSENT, "absent")                                  \
	/* left alone; why_not says why */                        \
	X(HART_UNUSED, "not used")                                \
	X(HART_STARTING, "starting")                              \
	X(HART_ONLINE, "online")                                  \
	/* the firmware or the hart said no; why_not says what */ \
	X(HART_REFUSED, "refused")

enum hart_state {
#define X(id, text) id,
	HART_STATES(X)
#undef X
	HART_STATE_COUNT
};

enum hart_slot {
	/** pagetable/mm: the address space in force (struct mm *), NULL: the kernel's own. */
	HART_SLOT_MM,
	/** core page_alloc: per-hart page caches. */
	HART_SLOT_PAGE_CACHE,
	HART_SLOT_TEST,
	HART_SLOT_SPARE,
	HART_SLOTS,
};

/** A hart's own block. Layers above keep their per-hart state in slots of their own. */
struct hart {
	uint32_t index;
	uint32_t state; /* enum hart_state, atomic */
	uint64_t id;
	int32_t nid;
	/** Of HART_UNUSED and HART_REFUSED; static text. */
	const char *why_not;
	/** What it does now, for `harts`: "idle", or the name of the work; atomic. */
	const char *doing;
	/** Calls answered in the interrupt handler, and works run; written by the hart itself. */
	uint64_t calls;
	uint64_t works;
	/** The machine's block of it, for port_stack_high_water(). NULL: never started. */
	void *area;
	/** Per-hart pointers of the layers above, by enum hart_slot; each layer sets its own. */
	void *slot[HART_SLOTS];
};

/** The block of the hart this runs on. Valid from hart_init() on. */
static inline struct hart *this_hart(void)
{
	return (struct hart *)port_hart_head()->local;
}

static inline unsigned int hart_index(void)
{
	return port_hart_index();
}

/* ---- start ------------------------------------------------------------------------------------------------ */

/**
 * Give the boot hart its block and register the IPI handler; as early as possible. Locks and the log work before it,
 * hart_call() and the others do not.
 */
void hart_init(void);

/** How stacks and areas get memory: supplied by platform/boot, which sees every layer. */
struct hart_start_env {
	unsigned int satp_mode;
	phys_addr_t root;
	/** Harts that may run, the boot hart among them; the others are left alone. 0: all. */
	unsigned int max_harts;
	/** A stack of @bytes with an unmapped page below. Return: its low end, or NULL (logged) */
	char *(*stack_alloc)(size_t bytes);
	void (*stack_free)(char *low, size_t bytes);
	/** Zeroed, page aligned, for good. Return: NULL when there is no memory (logged) */
	void *(*area_alloc)(size_t bytes);
};

#define HART_STACK_BYTES	   16384UL
#define HART_EMERGENCY_STACK_BYTES 4096UL

/**
 * Tell the boot hart which node the device tree puts it on. Before page_alloc_init(), so that its requests begin there
 * from the first one on; harts_start() does it too. Context: the boot hart, from hart_init() on
 * Return: false when the device tree does not describe it: it belongs to no node, as before
 */
bool hart_boot_node(const struct dt_facts *facts);

/**
 * Start every hart that the device tree says can run us: enabled, rv64, with an MMU. A hart that is left alone, refuses,
 * or does not arrive within two seconds is named in the log with the reason, and the boot goes on without it. From the
 * return on this hart takes interrupts.
 *
 * Context: the boot hart, once, no lock held
 * Return:  harts online, the boot hart among them
 */
unsigned int harts_start(const struct dt_facts *facts, const struct hart_start_env *env);

/* ---- who there is ----------------------------------------------------------------------------------------- */

hart_mask_t harts_online(void);
unsigned int harts_online_count(void);
/**
 * Hart @index, also one that is not online; NULL past the last. Those that were never asked to start come last, as many
 * as there is room for.
 */
struct hart *hart_by_index(unsigned int index);
struct hart *hart_by_id(uint64_t id);
const char *hart_state_name(enum hart_state state);

/* ---- asking ----------------------------------------------------------------------------------------------- */

/**
 * Run @fn(@arg) in the interrupt handler of each online hart of @mask, this hart included when it is in @mask (then
 * directly, interrupts off), and wait until all have. What was written before the call is seen by @fn, and what @fn
 * wrote is seen after it. A hart that does not answer for 30 seconds is a panic that names it.
 *
 * Context: any hart, no lock held (checked: else the caller could not be held while it waits), interrupts on or off;
 *          not from inside @fn (checked)
 */
void hart_call(hart_mask_t mask, void (*fn)(void *arg), void *arg);

/**
 * Run @fn(@arg) on an idle hart, in its parking loop, and wait for it. On the calling hart: directly.
 * @name    for `harts`; static text
 * Context: no lock held (checked); not from a handler, not between harts_hold() and harts_release() (checked)
 * Return:  what @fn returned | -EBUSY (that hart is running something; so is the boot hart, always) | -ENODEV (not
 *          online)
 */
FPG_MUST_CHECK int hart_run_on(unsigned int index, const char *name, int (*fn)(void *arg),
			       void *arg);

/**
 * The same on all harts of @mask at once, the calling one among them if it is in @mask; waits for all.
 * @results  may be NULL: PORT_MAX_HARTS results by index
 * Return: 0 | the first result that is not 0 | -EBUSY, -ENODEV (nothing was started)
 */
FPG_MUST_CHECK int hart_run_mask(hart_mask_t mask, const char *name, int (*fn)(void *arg),
				 void *arg, int *results);

/**
 * Hold all other harts at a safe point (in their IPI handler, or where they poll), until harts_release(). Nests on
 * one hart; two harts that want it take turns. While they are held, no other hart holds a spin lock or waits for one:
 * a hart with lock_depth != 0 goes on until it has none. Held harts still answer hart_call() of the one that holds them.
 *
 * Context: no lock held (checked: harts_hold() comes before every lock), not in a handler
 */
void harts_hold(void);
void harts_release(void);

/**
 * For the end of a run: stop the others for good, from any context, whatever they hold. Bounded time: two seconds. A
 * second hart that calls this stops itself.
 * Return: harts that did not stop
 */
hart_mask_t harts_stop_others(void);

/** This hart is in somebody's hart_call() function, or is held. It may not lock, log, allocate, free or wait. */
bool hart_in_handler(void);

/** Where a hart that has nothing to do stays; does not return. */
FPG_NORETURN void hart_park_loop(void *arg);
