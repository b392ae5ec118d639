/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of commands about memory before allocators, and `pagetable`. */
#include "commands.h"

#include "fpg/base/parse.h"
#include "fpg/pagetable/dump.h"
#include "fpg/pagetable/kernel_map.h"

#include <errno.h>
#include <string.h>

static void json_walk(struct json *j, const struct pt_walk *walk, vaddr_t va)
{
	char prot[PT_PROT_TEXT];
	json_kv_hex(j, "address", va.v);
	json_key(j, "steps");
	json_array_begin(j);
	for (unsigned int i = 0; i < walk->steps; i++) {
		const struct pt_step *s = &walk->step[i];
		json_object_begin(j);
		json_kv_u64(j, "level", s->level);
		json_kv_hex(j, "table", s->table);
		json_kv_u64(j, "index", s->index);
		json_kv_hex(j, "entry", s->pte.v);
		json_object_end(j);
	}
	json_array_end(j);
	json_kv_bool(j, "mapped", walk->mapped);
	if (walk->mapped) {
		json_kv_hex(j, "physical", walk->phys);
		json_kv_string(j, "prot", pt_prot_text(prot, walk->prot));
	}
}

static int show_walk(struct monitor *m, const char *word)
{
	uint64_t address;
	struct pt_walk walk;
	const struct pt *pt = kernel_pt();
	if (parse_size_all(word, &address) != 0) {
		return monitor_fail(m, -EINVAL, "'%s' is not an address", word);
	}
	if (pt == NULL) {
		return monitor_fail(m, -ENODEV, "no final page tables yet");
	}
	if (pt_walk(pt, vaddr(address), &walk) != 0) {
		return monitor_fail(m, -EINVAL, "0x%llx is not canonical in %s",
				    (unsigned long long)address, pt->mode->name);
	}
	if (m->json) {
		json_walk(monitor_json_begin(m), &walk, vaddr(address));
		monitor_json_end(m);
	} else {
		pagetable_print_walk(m->out, vaddr(address));
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
		json_key(j, "pagetable");
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
	{ "dtb", "dump", "the device tree blob in hex", 1, 1, cmd_dtb },
	{ 0 },
};
