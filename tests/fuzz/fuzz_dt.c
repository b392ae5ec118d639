/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any blob, through every step from the header check to a filled memblock and the ledger: no crash, whatever comes out
 * is sound (see boot_sim.h), and every byte of RAM is accounted for.
 *
 * An input begins with one byte. Bit 0 clear: the rest is a blob. Set: the rest is a program that writes a tree, one
 * byte an instruction with what it needs behind it, so that most inputs get past the check of the structure. The other
 * bits choose bootargs and where the payload lies.
 */
#include "boot_sim.h"

#include "fpg/base/range.h"
#include "fpg/core/ledger.h"
#include "fpg/core/log.h"
#include "fpg/core/memblock.h"

#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/** Small inputs try more in the same time; a tree of 30 nodes fits. */
#define MAX_BLOB    2048
#define MAX_PROGRAM 256

static uint64_t blob[MAX_BLOB / sizeof(uint64_t)];

static void drop(struct out *out, const char *s, size_t n)
{
	(void)out;
	(void)s;
	(void)n;
}

/* ---- trees by program ---------------------------------------------------------------------------------------- */

static const char *const node_names[] = {
	"memory@80000000",
	"memory",
	"reserved-memory",
	"chosen",
	"cpus",
	"cpu@0",
	"aliases",
	"soc",
	"mmode_resv0@80000000",
	"linux,cma",
	"test@100000",
	"distance-map",
	"dtim@1100000",
	"buffer@90000000",
	"htif",
	"x",
};

static const char *const prop_names[] = {
	"reg",
	"device_type",
	"#address-cells",
	"#size-cells",
	"size",
	"alignment",
	"alloc-ranges",
	"no-map",
	"reusable",
	"compatible",
	"status",
	"ranges",
	"bootargs",
	"linux,initrd-start",
	"linux,initrd-end",
	"linux,usable-memory",
	"hotpluggable",
	"linux,usable-memory-range",
	"numa-node-id",
	"distance-matrix",
	"timebase-frequency",
	"mmu-type",
	"riscv,isa",
	"stdout-path",
	"rng-seed",
	"linux,cma-default",
	"linux,dma-default",
	"riscv,isa-base",
	"serial0",
	"model",
	"riscv,isa-extensions",
	"linux,stdout-path",
	"reg-shift",
	"reg-io-width",
	"reg-offset",
	"big-endian",
};

static const char *const strings[] = {
	"memory",
	"okay",
	"disabled",
	"shared-dma-pool",
	"sifive,test0",
	"ucb,htif0",
	"numa-distance-map-v1",
	"cpu",
	"mem=64M memmap=1M!0x84000000",
	"serial0:115200",
	"riscv,sv39",
	"rv64imac",
	"/soc/test@100000",
	"mmio-sram",
	"memmap=4M@0x100000000,64K$0x80400000 cma=1M",
	"firmware_guess=off",
	"ns16550a",
	"/soc/x:115200n8",
};

struct program {
	const uint8_t *at;
	size_t left;
};

static uint8_t next(struct program *p)
{
	if (p->left == 0) {
		return 0;
	}
	p->left--;
	return *p->at++;
}

/** A number near something: RAM, the image, the ends of the address space. */
static uint64_t number(struct program *p)
{
	static const uint64_t near[] = { 0,	     0x80000000, 0x80200000, 0x82200000,
					 0x90000000, 1ULL << 32, 1ULL << 63, UINT64_MAX };
	uint8_t how = next(p);
	uint64_t offset = (uint64_t)next(p) << (how >> 3);
	return how & 0x80 ? near[how & 7] - offset : near[how & 7] + offset;
}

static void cells(struct program *p, const char *name)
{
	uint8_t value[256];
	uint8_t how = next(p);
	size_t n = how % 8;
	for (size_t i = 0; i < n; i++) {
		uint64_t v = number(p);
		fdt32_st((fdt32_t *)(value + 8 * i), (uint32_t)(v >> 32));
		fdt32_st((fdt32_t *)(value + 8 * i) + 1, (uint32_t)v);
	}
	/* With 0x80 in `how`: half a number more, or less. */
	fdt32_st((fdt32_t *)(value + 8 * n), how);
	fdt_property(blob, name, value, (int)(8 * n + (how & 0x80 ? 4 : 0)));
}

static void property(struct program *p)
{
	const char *name = prop_names[next(p) % (sizeof(prop_names) / sizeof(prop_names[0]))];
	uint8_t how = next(p);
	const char *text = strings[how / 4 % (sizeof(strings) / sizeof(strings[0]))];
	switch (how % 4) {
	case 0:
		fdt_property_string(blob, name, text);
		break;
	case 1:
		fdt_property_u32(blob, name, how / 4);
		break;
	case 2:
		cells(p, name);
		break;
	default:
		/* Bytes as they stand, not terminated. */
		fdt_property(blob, name, p->at, (int)(p->left < how / 4U ? p->left : how / 4U));
		break;
	}
}

static bool write_tree(struct program *p)
{
	uint32_t depth = 1;
	fdt_create(blob, sizeof(blob));
	for (uint8_t entries = next(p) % 4; entries > 0; entries--) {
		uint64_t base = number(p);
		fdt_add_reservemap_entry(blob, base, number(p));
	}
	fdt_finish_reservemap(blob);
	fdt_begin_node(blob, "");
	while (p->left > 0) {
		uint8_t op = next(p);
		if (op % 8 == 0) {
			fdt_begin_node(
				blob,
				node_names[op / 8 % (sizeof(node_names) / sizeof(node_names[0]))]);
			depth++;
		} else if (op % 8 == 1 && depth > 1) {
			fdt_end_node(blob);
			depth--;
		} else {
			property(p);
		}
	}
	for (; depth > 0; depth--) {
		fdt_end_node(blob);
	}
	return fdt_finish(blob) == 0;
}

/* ---- the run ------------------------------------------------------------------------------------------------- */

static bool take_blob(const uint8_t *data, size_t size)
{
	memset(blob, 0, DT_HEADER_BYTES);
	memcpy(blob, data, size);
	return true;
}

/** Every byte of RAM has exactly one row. */
static void check_ledger(void)
{
	struct ledger_totals totals;
	ledger_use_boot_memory(&boot_sim_memory);
	if (ledger_check(&totals) != 0 || totals.accounted_bytes != boot_sim_memory.ram_bytes) {
		fprintf(stderr, "the ledger accounts for %llu of %llu bytes\n",
			(unsigned long long)totals.accounted_bytes,
			(unsigned long long)boot_sim_memory.ram_bytes);
		abort();
	}
	ledger_set_sources(NULL);
}

/** What is found of the console is an access that a driver can make, and not to RAM. */
static void check_console(void)
{
	struct port_console uart;
	struct dt_facts *facts = &boot_sim_memory.facts;
	if (dt_console(facts, &uart) != 0) {
		return;
	}
	bool sound = port_console_driver(uart.compatible, uart.compatible_bytes) != NULL &&
		     (uart.reg_io_width == 1 || uart.reg_io_width == 2 || uart.reg_io_width == 4) &&
		     uart.reg_shift < 32 && 1ULL << uart.reg_shift >= uart.reg_io_width &&
		     !phys_range_overflows(uart.base, uart.bytes);
	for (uint32_t i = 0; i < facts->memory.count; i++) {
		const struct dt_range *m = &facts->memory.at[i];
		sound = sound && !phys_ranges_overlap((struct phys_range){ uart.base, uart.bytes },
						      (struct phys_range){ m->base, m->size });
	}
	if (!sound) {
		fprintf(stderr, "the console at %#llx makes no sense\n",
			(unsigned long long)uart.base);
		abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct out nowhere = { drop };
	static const char *const bootargs[] = { NULL, "mem=16M",
						"memmap=2M@0x70000000 memmap=1M!0x80400000",
						"firmware_guess=off" };
	struct boot_sim sim = boot_sim_default;
	struct dt_error err;
	size_t total;
	uint8_t how = size > 0 ? data[0] : 0;
	if (size == 0 || size - 1 > (how & 1 ? MAX_PROGRAM : sizeof(blob))) {
		return -1;
	}
	log_set_sink(&nowhere);
	struct program program = { data + 1, size - 1 };
	if (how & 1 ? !write_tree(&program) : !take_blob(data + 1, size - 1)) {
		return 0;
	}
	sim.bootargs = bootargs[how >> 1 & 3];
	sim.load += how & 8 ? SZ_2M : 0;
	sim.no_access = how & 16;
	size_t mapped = how & 1 ? fdt_totalsize(blob) : size - 1;
	if (dt_check_header(sim.blob_phys, blob, &total, &err) != 0 ||
	    dt_check_blob(blob, mapped, &err) != 0) {
		return 0;
	}
	if (boot_sim_run(&sim, blob) == 0) {
		const char *wrong = boot_sim_wrong();
		if (wrong != NULL) {
			fprintf(stderr, "%s\n", wrong);
			abort();
		}
		check_ledger();
		check_console();
	}
	boot_sim_end();
	return 0;
}
