/* SPDX-License-Identifier: BSD-2-Clause */
/* port.h for a RISC-V hart: its id, counters, interrupts, translation and fences; the boot hart's block. */
#include "hart.h"
#include "csr.h"

#include "fpg/base/range.h"
#include "fpg/port/port.h"

#include <errno.h>

/* A range of more pages than this is flushed as a whole. */
#define FLUSH_PAGES_MAX 64U

extern char __image_start[];
extern char __boot_stack_guard[], __boot_stack[], __boot_stack_top[];
extern char __emergency_stack_guard[], __emergency_stack[], __emergency_stack_top[];

/* entry.S stores the id. Addresses are where the image is linked: only for use after translation is on. */
struct hart_area boot_hart_area = {
	.user_trap_sp = __boot_stack_top,
	.stack = { __boot_stack_guard, __boot_stack, __boot_stack_top },
	.emergency = { __emergency_stack_guard, __emergency_stack, __emergency_stack_top },
};

phys_addr_t image_load_phys;
uint64_t port_linear_offset;
bool port_linear_ready;

uint64_t port_hart_id(void)
{
	return hart_self()->id;
}

uint64_t port_time_ticks(void)
{
	return csr_read(time);
}

uint64_t port_instret(void)
{
	return csr_read(instret);
}

unsigned long port_irq_save(void)
{
	return csr_read_clear(sstatus, SSTATUS_SIE) & SSTATUS_SIE;
}

void port_irq_restore(unsigned long flags)
{
	csr_set(sstatus, flags & SSTATUS_SIE);
}

/* PAUSE, a hint that older harts take for an empty fence. Source: RISC-V Zihintpause v2.0. */
void port_relax(void)
{
	__asm__ volatile(".4byte 0x0100000f" : : : "memory");
}

phys_addr_t port_image_to_phys(const void *p)
{
	return vaddr_of(p).v - vaddr_of(__image_start).v + image_load_phys;
}

int port_address_space_set(unsigned int satp_mode, phys_addr_t root, uint32_t asid)
{
	uint64_t want = (uint64_t)satp_mode << SATP_MODE_SHIFT |
			(asid & SATP_ASID_MASK) << SATP_ASID_SHIFT |
			((root >> PAGE_SHIFT) & SATP_PPN_MASK);
	uint64_t compared = ~(SATP_ASID_MASK << SATP_ASID_SHIFT);

	csr_write(satp, want);
	/* ASID bits that the hart lacks read as zero (Privileged v1.12, 4.1.11): not a refusal. */
	bool taken = ((csr_read(satp) ^ want) & compared) == 0;
	sfence_vma_all();
	return taken ? 0 : -ENOTSUP;
}

void port_tlb_flush_all(void)
{
	sfence_vma_all();
}

void port_tlb_flush_range(vaddr_t va, size_t bytes)
{
	uint64_t first = ALIGN_DOWN(va.v, PAGE_SIZE);
	uint64_t pages = bytes == 0 ? 0 : ((va.v - first) + (bytes - 1)) / PAGE_SIZE + 1;

	if (pages > FLUSH_PAGES_MAX) {
		sfence_vma_all();
		return;
	}
	for (uint64_t i = 0; i < pages; i++) {
		sfence_vma_page(first + i * PAGE_SIZE);
	}
}

void port_fence_i(void)
{
	__asm__ volatile("fence.i" : : : "memory");
}
