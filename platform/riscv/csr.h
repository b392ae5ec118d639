/* SPDX-License-Identifier: BSD-2-Clause */
/* Control and status registers of S-mode, and the instructions that reach them. Source: RISC-V Privileged v1.12. */
#pragma once

#include "platform/riscv/asm.h"

#include <stdint.h>

/* scause: bit 63 tells interrupts from exceptions. 4.1.8. */
#define SCAUSE_INTERRUPT (1ULL << 63)

/* Interrupts by number: bits of sie and sip, and codes of scause. 4.1.3 and table 4.2. */
#define IRQ_SOFTWARE 1
#define IRQ_TIMER    5

/* satp: MODE 63..60, ASID 59..44, PPN 43..0. 4.1.11. */
#define SATP_MODE_SHIFT 60
#define SATP_ASID_SHIFT 44
#define SATP_ASID_MASK	0xffffULL
#define SATP_PPN_MASK	((1ULL << 44) - 1)

#define csr_read(csr)                                                               \
	({                                                                          \
		uint64_t csr_value_;                                                \
		__asm__ volatile("csrr %0, " #csr : "=r"(csr_value_) : : "memory"); \
		csr_value_;                                                         \
	})

#define csr_write(csr, value)                                                          \
	({                                                                             \
		uint64_t csr_value_ = (value);                                         \
		__asm__ volatile("csrw " #csr ", %0" : : "rK"(csr_value_) : "memory"); \
	})

/* Both return the old value. */
#define csr_read_clear(csr, bits)                         \
	({                                                \
		uint64_t csr_value_ = (bits);             \
		__asm__ volatile("csrrc %0, " #csr ", %1" \
				 : "=r"(csr_value_)       \
				 : "rK"(csr_value_)       \
				 : "memory");             \
		csr_value_;                               \
	})

#define csr_set(csr, bits)                                                             \
	({                                                                             \
		uint64_t csr_value_ = (bits);                                          \
		__asm__ volatile("csrs " #csr ", %0" : : "rK"(csr_value_) : "memory"); \
	})

#define csr_clear(csr, bits)                                                           \
	({                                                                             \
		uint64_t csr_value_ = (bits);                                          \
		__asm__ volatile("csrc " #csr ", %0" : : "rK"(csr_value_) : "memory"); \
	})

/* SFENCE.VMA: order page-table stores before later translations. 4.2.1. */
static inline void sfence_vma_all(void)
{
	__asm__ volatile("sfence.vma" : : : "memory");
}

/* One page of all address spaces, global leaves included. */
static inline void sfence_vma_page(uint64_t va)
{
	__asm__ volatile("sfence.vma %0, zero" : : "r"(va) : "memory");
}

/* One ASID without global leaves: all, or one page. */
static inline void sfence_vma_asid(uint64_t asid)
{
	__asm__ volatile("sfence.vma zero, %0" : : "r"(asid) : "memory");
}

static inline void sfence_vma_page_asid(uint64_t va, uint64_t asid)
{
	__asm__ volatile("sfence.vma %0, %1" : : "r"(va), "r"(asid) : "memory");
}
