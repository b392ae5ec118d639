/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Starting other harts, and reaching them through the firmware. Indices become ids here: the firmware knows harts by
 * id, everybody above by index.
 *
 * Invariants: ids[i] is valid for the indices in `known`, which only grows when a start is tried and shrinks when the
 * firmware refuses it; start blocks are read by the starting hart only.
 */
#include "hart.h"
#include "platform/sbi/sbi.h"

#include "fpg/base/assert.h"
#include "fpg/base/range.h"
#include "fpg/port/port.h"

#include <errno.h>
#include <stdatomic.h>

static struct hart_start_block blocks[PORT_MAX_HARTS] FPG_ALIGNED(64);
static uint64_t ids[PORT_MAX_HARTS];
static _Atomic hart_mask_t known = 1;

static_assert(offsetof(struct hart_start_block, satp) == START_SATP, "satp");
static_assert(offsetof(struct hart_start_block, high) == START_HIGH, "high");
static_assert(offsetof(struct hart_start_block, area) == START_AREA, "area");
static_assert(offsetof(struct hart_start_block, sp) == START_SP, "sp");
static_assert(offsetof(struct hart_start_block, entry) == START_ENTRY, "entry");
static_assert(offsetof(struct hart_start_block, arg) == START_ARG, "arg");
static_assert(offsetof(struct hart_start_block, refused) == START_REFUSED, "refused");
static_assert(offsetof(struct hart_area, head) == 0, "port_hart_head() is the thread pointer");

/* Harts of @mask that the firmware can be asked about, this one left out unless @self. */
static hart_mask_t reachable(hart_mask_t mask, bool self)
{
	ids[0] = boot_hart_area.head.id;
	mask &= atomic_load_explicit(&known, memory_order_acquire);
	return self ? mask : mask & ~hart_mask_of(port_hart_index());
}

/* ---- starting --------------------------------------------------------------------------------------------- */

bool port_hsm_available(void)
{
	return sbi_hsm_available();
}

size_t port_hart_area_bytes(void)
{
	return sizeof(struct hart_area);
}

static void paint(char *low, char *top)
{
	for (uint64_t *word = (uint64_t *)(uintptr_t)low; (char *)word < top; word++) {
		*word = STACK_PAINT;
	}
}

static struct hart_stack stack_between(char *low, char *top)
{
	return (struct hart_stack){ .guard = low - PAGE_SIZE, .low = low, .top = top };
}

static bool start_makes_sense(const struct port_hart_start *start)
{
	return start->index != 0 && start->index < PORT_MAX_HARTS && start->area != NULL &&
	       IS_ALIGNED((uintptr_t)start->area, PORT_HART_AREA_ALIGN) && start->entry != NULL &&
	       start->stack_top > start->stack_low + FRAME_BYTES &&
	       start->emergency_top > start->emergency_low + FRAME_BYTES &&
	       IS_ALIGNED((uintptr_t)start->stack_low, 8) &&
	       IS_ALIGNED((uintptr_t)start->emergency_low, 8) &&
	       IS_ALIGNED((uintptr_t)start->stack_top, 16) &&
	       IS_ALIGNED((uintptr_t)start->emergency_top, 16);
}

/* The block of the hart itself, and the one that leads it there. */
static void prepare(const struct port_hart_start *start)
{
	struct hart_area *area = start->area;
	paint(start->stack_low, start->stack_top);
	paint(start->emergency_low, start->emergency_top);
	*area = (struct hart_area){
		.head = { .local = start->local, .id = start->id, .index = start->index },
		.stack = stack_between(start->stack_low, start->stack_top),
		.emergency = stack_between(start->emergency_low, start->emergency_top),
	};

	struct hart_start_block *block = &blocks[start->index];
	block->satp = satp_of(start->satp_mode, start->root, 0);
	block->high = (uint64_t)(uintptr_t)secondary_high;
	block->area = area;
	block->sp = start->stack_top;
	block->entry = start->entry;
	block->arg = start->arg;
	atomic_store_explicit(&block->refused, 0, memory_order_relaxed);
	ids[start->index] = start->id;
}

int port_hart_start(const struct port_hart_start *start)
{
	if (!start_makes_sense(start)) {
		return -EINVAL;
	}
	/* One that runs may be using what is about to be filled in. */
	int err = sbi_hart_may_start(start->id);
	if (err != 0) {
		return err;
	}
	prepare(start);
	atomic_fetch_or_explicit(&known, hart_mask_of(start->index), memory_order_release);
	err = sbi_hart_start(start->id,
			     port_image_to_phys((const void *)(uintptr_t)secondary_entry),
			     port_image_to_phys(&blocks[start->index]));
	if (err != 0) {
		atomic_fetch_and_explicit(&known, ~hart_mask_of(start->index),
					  memory_order_release);
	}
	return err;
}

bool port_hart_refused(const void *area)
{
	for (size_t i = 1; i < ARRAY_SIZE(blocks); i++) {
		if (area != NULL && blocks[i].area == area) {
			return atomic_load_explicit(&blocks[i].refused, memory_order_acquire) != 0;
		}
	}
	return false;
}

const char *port_hart_status(uint64_t id)
{
	return sbi_hart_status_name(id);
}

void port_hart_stop(void)
{
	(void)port_irq_save();
	sbi_hart_stop();
	for (;;) {
		__asm__ volatile("wfi");
	}
}

/* ---- reaching --------------------------------------------------------------------------------------------- */

int port_ipi_send(hart_mask_t mask)
{
	return sbi_send_ipi(ids, reachable(mask, true));
}

int port_remote_tlb_flush(hart_mask_t mask, vaddr_t va, uint64_t bytes, uint32_t asid)
{
	struct sbi_fence fence = { .asid = asid == PORT_ASID_ALL ? SBI_ASID_ALL : asid };
	if (bytes == 0) {
		return 0;
	}
	if (bytes == PORT_TLB_ALL) {
		fence.bytes = SBI_FENCE_ALL;
	} else {
		fence.start = ALIGN_DOWN(va.v, PAGE_SIZE);
		fence.bytes = ALIGN_UP(va.v - fence.start + bytes, PAGE_SIZE);
	}
	return sbi_remote_sfence(ids, reachable(mask, false), &fence);
}

int port_remote_fence_i(hart_mask_t mask)
{
	return sbi_remote_fence_i(ids, reachable(mask, false));
}
