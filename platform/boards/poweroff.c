/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The end of the machine. Whatever the device tree offered is tried first, then the firmware; no simulator's exit
 * status can be relied on (SRST with "system failure" makes QEMU exit 0), so the last console line tells the result.
 *
 * Registers are mapped when they become known: a panic maps nothing.
 */
#include "mmio.h"

#include "platform/sbi/sbi.h"

#include "fpg/port/port.h"

#include <stdatomic.h>

/* sifive,test0 and test1. Source: SiFive FE310 test finisher, as in QEMU's hw/misc/sifive_test.c. */
#define SIFIVE_TEST_PASS 0x5555U
#define SIFIVE_TEST_FAIL 0x3333U

/* Device 0, command 0, payload with bit 0 set: exit with payload >> 1. Source: Spike's HTIF, fesvr/syscall.cc. */
#define HTIF_EXIT 1U

/* In the order in which they are tried. */
enum way {
	WAY_SIFIVE_TEST,
	WAY_HTIF,
	WAY_SRST_SHUTDOWN,
	WAY_LEGACY_SHUTDOWN,
	WAY_SRST_REBOOT,
	WAY_COUNT,
};

static _Atomic uint32_t next_way;
static volatile uint32_t *sifive_test;
static volatile uint64_t *htif_tohost;

static volatile void *map_register(phys_addr_t phys, size_t bytes)
{
	return phys != 0 && phys % bytes == 0 ? mmio_map(phys, bytes) : NULL;
}

void port_set_poweroff(const struct port_poweroff *how)
{
	sifive_test = map_register(how->sifive_test, sizeof(*sifive_test));
	htif_tohost = how->htif ? map_register(how->htif_tohost, sizeof(*htif_tohost)) : NULL;
}

/* One way to end. Returns when the machine has no such way, or when that did not end it. */
static void end_by(enum way way, uint32_t status)
{
	switch (way) {
	case WAY_SIFIVE_TEST:
		if (sifive_test != NULL) {
			*sifive_test = status == 0 ? SIFIVE_TEST_PASS :
						     status << 16 | SIFIVE_TEST_FAIL;
		}
		break;
	case WAY_HTIF:
		if (htif_tohost != NULL) {
			*htif_tohost = (uint64_t)status << 1 | HTIF_EXIT;
		}
		break;
	case WAY_SRST_SHUTDOWN:
		sbi_system_reset(SBI_RESET_SHUTDOWN,
				 status == 0 ? SBI_RESET_NO_REASON : SBI_RESET_SYSTEM_FAILURE);
		break;
	case WAY_LEGACY_SHUTDOWN:
		sbi_legacy_shutdown();
		break;
	case WAY_SRST_REBOOT:
		sbi_system_reset(SBI_RESET_COLD_REBOOT, SBI_RESET_NO_REASON);
		break;
	case WAY_COUNT:
		break;
	}
}

void port_exit(int code)
{
	(void)port_irq_save();
	for (;;) {
		/* A way whose register traps leads to a panic and back here: on with the next. */
		uint32_t way = atomic_fetch_add_explicit(&next_way, 1, memory_order_relaxed);
		if (way >= WAY_COUNT) {
			break;
		}
		end_by((enum way)way, (uint32_t)code & 0xffff);
	}
	for (;;) {
		__asm__ volatile("wfi");
	}
}
