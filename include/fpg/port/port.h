/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The whole list of what a machine (platform/{riscv,sbi,console,boards}) or a PC (platform/host) must supply.
 * Everything above sees the machine through these calls only.
 */
#pragma once

#include "fpg/base/compiler.h"
#include "fpg/base/types.h"

/* ---- console ---------------------------------------------------------------------------------------------- */

/** Write bytes to the console; blocks until they are taken. Context: any hart, any time, also inside a trap. */
void port_console_write(const char *s, size_t bytes);

/** Return: the next input byte (0..255), or -1 when there is none now. End of input reads as -1 for ever. */
int port_console_read(void);

/** What the console is: "sbi dbcn", "sbi legacy", "ns16550a at 0x10000000", "host". */
const char *port_console_name(void);

/**
 * A UART, as the device tree describes it. The firmware has set its line up: neither speed nor clocks are touched, so
 * clock-frequency and current-speed are not even asked for.
 */
struct port_console {
	/** compatible of the node: strings one after the other, each terminated. */
	const char *compatible;
	uint32_t compatible_bytes;
	/** Register n is at base + (n << reg_shift) where the part has 8-bit registers in a row; all lie in @bytes. */
	phys_addr_t base;
	uint64_t bytes;
	uint8_t reg_shift;
	/** Bytes of an access: 1, 2 or 4. */
	uint8_t reg_io_width;
	/** The value is in the last byte of an access, not in the first. */
	bool big_endian;
};

/** Return: the first string of @compatible for which this build has a driver, or NULL */
const char *port_console_driver(const char *compatible, uint32_t compatible_bytes);

/**
 * Make a UART the console, instead of the firmware's. It is asked first whether it is there and takes characters; when
 * it is not, everything stays as it was. A UART that stops taking characters later is given up for good, with one line
 * on the firmware's console that says so.
 *
 * @how     not kept
 * Context: boot hart, final page tables on, after port_set_mmio_map() and port_trap_register()
 * Return:  0 | -ENOTSUP (no driver) | -EINVAL (its registers do not lie in [base, base + bytes), or are misaligned for
 *          reg_io_width) | -ENOMEM (cannot be mapped) | -EFAULT (an access trapped) | -ENODEV (all bits are set: no
 *          device answers) | -EIO (the firmware did not set it up) | -ETIMEDOUT (takes no characters)
 */
FPG_MUST_CHECK int port_set_console(const struct port_console *how);

/* ---- time and counters ------------------------------------------------------------------------------------ */

/** The time counter, in ticks of the timebase (Privileged v1.12, 4.1.10: the time CSR). */
uint64_t port_time_ticks(void);

/** Retired instructions of this hart; repeatable only under QEMU's -icount. */
uint64_t port_instret(void);

/* ---- harts, interrupts ------------------------------------------------------------------------------------ */

/** The hart id (as firmware numbers them) this runs on. */
uint64_t port_hart_id(void);

/** Mask interrupts on this hart. Return: what port_irq_restore() wants back. */
unsigned long port_irq_save(void);
void port_irq_restore(unsigned long flags);

/** Inside a polling loop. */
void port_relax(void);

/* ---- the end ---------------------------------------------------------------------------------------------- */

/** How the machine can be ended, learnt from the device tree; zero where it offers no such thing. */
struct port_poweroff {
	/** sifive,test0 / sifive,test1 register, physical. */
	phys_addr_t sifive_test;
	/** A ucb,htif0 node is present. */
	bool htif;
	/** Its tohost register (first reg of that node), physical; 0 when the node has no reg: only firmware knows then. */
	phys_addr_t htif_tohost;
};

/**
 * How port_set_poweroff() reaches registers: a function that maps @bytes of device memory for good, or returns NULL
 * (early_ioremap). Set before port_set_poweroff() and port_set_console().
 */
void port_set_mmio_map(void *(*map)(phys_addr_t phys, size_t bytes));

/** Learn how the machine ends; maps the registers now, so that a panic needs no mapping. What cannot be mapped is left
 * out. */
void port_set_poweroff(const struct port_poweroff *how);

/**
 * End the machine: by the first that the DTB offers of sifive,test, HTIF, SRST shutdown, legacy shutdown, SRST cold
 * reboot; else wfi for ever. Does not print; core prints `firstpage: exit N` first.
 */
FPG_NORETURN void port_exit(int code);

/* ---- memory ----------------------------------------------------------------------------------------------- */

/**
 * virtual address - physical address of the linear map. Valid for every byte of mapped RAM once port_linear_ready.
 * On a host: the simulated RAM's address minus its physical base (0 where physical equals virtual).
 */
extern uint64_t port_linear_offset;
extern bool port_linear_ready;

static inline void *port_phys_to_virt(phys_addr_t pa)
{
	return (void *)(uintptr_t)(pa + port_linear_offset);
}

/** @p points into the linear map, not into the image. */
static inline phys_addr_t port_virt_to_phys(const void *p)
{
	return (phys_addr_t)(uintptr_t)p - port_linear_offset;
}

/** Physical address of something linked into the image (code, data, .bss, stacks). */
phys_addr_t port_image_to_phys(const void *p);

/** Zero or copy whole pages; both pointers page aligned. */
void port_clear_page(void *page);
void port_copy_page(void *dst, const void *src);

/* ---- address translation hardware ------------------------------------------------------------------------- */

/**
 * Switch to a root table. Return: 0, or -ENOTSUP when the hart refused the mode (satp read back unchanged, nothing
 * happened). Flushes this hart's TLB. Source: Privileged v1.12, 4.1.11 (satp; unsupported MODE writes have no effect).
 * @satp_mode 8 Sv39, 9 Sv48, 10 Sv57
 */
FPG_MUST_CHECK int port_address_space_set(unsigned int satp_mode, phys_addr_t root, uint32_t asid);

/**
 * Ask this hart whether it has a paging mode: satp is written with @root and read back, then put back as it was.
 * @root  a table of that mode in which everything in use now (image, stack, trap vector) is mapped where it is
 */
bool port_address_space_probe(unsigned int satp_mode, phys_addr_t root);

/** ASID bits that this hart has, 0 to 16, by writing ones and reading back. Source: Privileged v1.12, 4.1.11. */
unsigned int port_asid_bits(void);

/**
 * Write satp without any fence: for switches between address spaces of the mode in force, where the caller knows by
 * ASID what is cached. @asid 0 with no ASID bits: the caller fences.
 */
void port_address_space_switch(unsigned int satp_mode, phys_addr_t root, uint32_t asid);

/** Flush this hart's entries of one ASID, global ones excluded: all, or the pages of [va, va + bytes). */
void port_tlb_flush_asid(uint32_t asid);
void port_tlb_flush_asid_range(uint32_t asid, vaddr_t va, size_t bytes);

/** Flush this hart's TLB: everything, or the pages of [va, va + bytes). Source: Privileged v1.12, 4.2.1 (SFENCE.VMA). */
void port_tlb_flush_all(void);
void port_tlb_flush_range(vaddr_t va, size_t bytes);

/** Make code just written visible to this hart's fetches (fence.i). */
void port_fence_i(void);
