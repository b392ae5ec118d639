/* SPDX-License-Identifier: BSD-2-Clause */
/* `vmallocinfo`: the areas of the vmalloc window. */
#include "commands.h"

#include "fpg/base/parse.h"
#include "fpg/core/symbols.h"
#include "fpg/pagetable/dump.h"
#include "fpg/pagetable/vmalloc.h"

#include <inttypes.h>

struct sums {
	struct monitor *m;
	uint64_t areas;
	uint64_t bytes;
	uint64_t count[VM_AREA_KIND_COUNT];
};

static void print_area(struct out *out, const struct vm_area_info *area)
{
	char prot[PT_PROT_TEXT];
	char caller[96];
	out_printf(out, "0x%" PRIx64 "-0x%" PRIx64 " %9" PRIu64 " %-8s %s", area->start.v,
		   area->start.v + area->bytes, area->bytes, vm_area_kind_name(area->kind),
		   pt_prot_text(prot, area->prot));
	if (area->kind == VM_IOREMAP) {
		out_printf(out, " phys=0x%llx", (unsigned long long)area->phys);
	}
	out_printf(out, " %s\n", symbol_format(caller, sizeof(caller), area->caller));
}

static void json_area(struct json *j, const struct vm_area_info *area)
{
	char prot[PT_PROT_TEXT];
	char caller[96];
	json_object_begin(j);
	json_kv_hex(j, "start", area->start.v);
	json_kv_hex(j, "bytes", area->bytes);
	json_kv_string(j, "kind", vm_area_kind_name(area->kind));
	json_kv_string(j, "prot", pt_prot_text(prot, area->prot));
	if (area->kind == VM_IOREMAP) {
		json_kv_hex(j, "physical", area->phys);
	}
	json_kv_string(j, "caller", symbol_format(caller, sizeof(caller), area->caller));
	json_object_end(j);
}

static bool show_area(void *ctx, const struct vm_area_info *area)
{
	struct sums *s = ctx;
	s->areas++;
	s->bytes += area->bytes;
	s->count[area->kind]++;
	if (s->m->json) {
		json_area(&s->m->writer, area);
	} else {
		print_area(s->m->out, area);
	}
	return true;
}

static void print_sums(struct out *out, const struct sums *s)
{
	char size[24];
	const char *before = ": ";
	out_printf(out, "%llu area%s, %s", (unsigned long long)s->areas, s->areas == 1 ? "" : "s",
		   format_size(size, sizeof(size), s->bytes));
	for (unsigned int kind = 0; kind < VM_AREA_KIND_COUNT; kind++) {
		if (s->count[kind] != 0) {
			out_printf(out, "%s%llu %s", before, (unsigned long long)s->count[kind],
				   vm_area_kind_name((enum vm_area_kind)kind));
			before = ", ";
		}
	}
	out_puts(out, "\n");
}

int cmd_vmallocinfo(struct monitor *m, int argc, char **argv)
{
	struct sums s = { .m = m };
	(void)argc;
	(void)argv;
	if (!m->json) {
		vmalloc_for_each(show_area, &s);
		print_sums(m->out, &s);
		return 0;
	}
	struct json *j = monitor_json_begin(m);
	json_key(j, "areas");
	json_array_begin(j);
	vmalloc_for_each(show_area, &s);
	json_array_end(j);
	json_key(j, "count");
	json_object_begin(j);
	for (unsigned int kind = 0; kind < VM_AREA_KIND_COUNT; kind++) {
		json_kv_u64(j, vm_area_kind_name((enum vm_area_kind)kind), s.count[kind]);
	}
	json_object_end(j);
	json_kv_hex(j, "bytes", s.bytes);
	monitor_json_end(m);
	return 0;
}
