/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of commands about memory before allocators, and `pagetable`. */
#include "commands.h"

#include "fpg/base/parse.h"
#include "fpg/pagetable/dump.h"
#include "fpg/pagetable/kernel_map.h"

#include <errno.h>
#include <string.h>

static struct json *begin_walk(void *ctx)
{
	return monitor_json_begin(ctx);
}

static int show_walk(struct monitor *m, const char *word)
{
	uint64_t address;
	int r;
	if (parse_size_all(word, &address) != 0) {
		return monitor_fail(m, -EINVAL, "'%s' is not an address", word);
	}
	if (m->json) {
		r = pagetable_json_walk(vaddr(address), begin_walk, m);
	} else {
		r = pagetable_print_walk(m->out, vaddr(address));
	}
	if (r == -ENODEV) {
		return monitor_fail(m, r, "no final page tables yet");
	}
	if (r != 0) {
		const struct pt_mode *mode = kernel_pt()->mode;
		return monitor_fail(
			m, r, "0x%llx is not canonical in %s: bits 63 to %u must all be equal",
			(unsigned long long)address, mode->name, mode->va_bits - 1U);
	}
	if (m->json) {
		monitor_json_end(m);
	}
	return 0;
}

int cmd_pagetable(struct monitor *m, int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "walk") == 0) {
		return show_walk(m, argv[2]);
	}
	if (argc != 1) {
		return monitor_fail(m, -EINVAL, "usage: pagetable [walk ADDRESS]");
	}
	if (m->json) {
		struct json *j = monitor_json_begin(m);
		pagetable_json(j);
		monitor_json_end(m);
	} else {
		pagetable_print(m->out);
	}
	return 0;
}

const struct monitor_command monitor_commands_memory[] = {
	{ "ledger", "[json|why ADDR|diff [FROM [TO]]|stages|snapshot NAME|map [STAGE]]",
	  "who holds each byte of RAM", 0, 3, cmd_ledger },
	{ "memblock", "", "memory, reservations and claims of the boot", 0, 0, cmd_memblock },
	{ "pagetable", "[walk ADDRESS]", "what is mapped, how, and with which leaves", 0, 2,
	  cmd_pagetable },
	{ "vmallocinfo", "", "areas of the vmalloc window: vmalloc, vmap, ioremap, stacks", 0, 0,
	  cmd_vmallocinfo },
	{ "mm", "[drop]", "address spaces and their areas; drop: destroy those that were kept", 0,
	  1, cmd_mm },
	{ "user", "[NAME [ARG] [on HARTS] [keep]]",
	  "run a program in U-mode; HARTS: 0,1 or all, in one address space", 0, 5, cmd_user },
	{ "dtb", "dump", "the device tree blob in hex", 1, 1, cmd_dtb },
	{ 0 },
};
