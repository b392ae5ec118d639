/* SPDX-License-Identifier: BSD-2-Clause */
/* satp and SFENCE.VMA: address spaces and fences of this hart. Source: RISC-V Privileged v1.12, 4.1.11 and 4.2.1. */
#include "csr.h"
#include "hart.h"

#include "fpg/base/range.h"
#include "fpg/port/port.h"

#include <errno.h>

/* What tells whether a write of satp was taken: ASID bits that the hart lacks read as zero. */
#define SATP_COMPARED (~(SATP_ASID_MASK << SATP_ASID_SHIFT))

uint64_t satp_of(unsigned int mode, phys_addr_t root, uint32_t asid)
{
	return (uint64_t)mode << SATP_MODE_SHIFT | (asid & SATP_ASID_MASK) << SATP_ASID_SHIFT |
	       ((root >> PAGE_SHIFT) & SATP_PPN_MASK);
}

int port_address_space_set(unsigned int satp_mode, phys_addr_t root, uint32_t asid)
{
	uint64_t want = satp_of(satp_mode, root, asid);

	csr_write(satp, want);
	bool taken = ((csr_read(satp) ^ want) & SATP_COMPARED) == 0;
	sfence_vma_all();
	return taken ? 0 : -ENOTSUP;
}

bool port_address_space_probe(unsigned int satp_mode, phys_addr_t root)
{
	unsigned long flags = port_irq_save();
	uint64_t want = satp_of(satp_mode, root, 0);
	uint64_t before = csr_read(satp);

	csr_write(satp, want);
	bool taken = ((csr_read(satp) ^ want) & SATP_COMPARED) == 0;
	csr_write(satp, before);
	sfence_vma_all();
	port_irq_restore(flags);
	return taken;
}

unsigned int port_asid_bits(void)
{
	unsigned long flags = port_irq_save();
	uint64_t before = csr_read(satp);
	unsigned int bits = 0;

	csr_write(satp, before | SATP_ASID_MASK << SATP_ASID_SHIFT);
	uint64_t got = csr_read(satp) >> SATP_ASID_SHIFT & SATP_ASID_MASK;
	csr_write(satp, before);
	sfence_vma_all();
	port_irq_restore(flags);
	/* Implemented bits are the low ones; whatever else a hart shows is not relied on. */
	while (got & 1) {
		got >>= 1;
		bits++;
	}
	return bits;
}

void port_address_space_switch(unsigned int satp_mode, phys_addr_t root, uint32_t asid)
{
	csr_write(satp, satp_of(satp_mode, root, asid));
}

void port_tlb_flush_all(void)
{
	sfence_vma_all();
}

/* Pages that [va, va + bytes) touches. */
static uint64_t pages_of(vaddr_t va, size_t bytes)
{
	return bytes == 0 ? 0 : (va.v % PAGE_SIZE + (bytes - 1)) / PAGE_SIZE + 1;
}

void port_tlb_flush_range(vaddr_t va, size_t bytes)
{
	uint64_t page = ALIGN_DOWN(va.v, PAGE_SIZE);
	for (uint64_t left = pages_of(va, bytes); left != 0; left--, page += PAGE_SIZE) {
		sfence_vma_page(page);
	}
}

void port_tlb_flush_asid(uint32_t asid)
{
	sfence_vma_asid(asid);
}

void port_tlb_flush_asid_range(uint32_t asid, vaddr_t va, size_t bytes)
{
	uint64_t page = ALIGN_DOWN(va.v, PAGE_SIZE);
	for (uint64_t left = pages_of(va, bytes); left != 0; left--, page += PAGE_SIZE) {
		sfence_vma_page_asid(page, asid);
	}
}

void port_fence_i(void)
{
	__asm__ volatile("fence.i" : : : "memory");
}
