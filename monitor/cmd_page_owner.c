/* SPDX-License-Identifier: BSD-2-Clause */
/* `page_owner`: who allocated and freed a page. */
#include "commands.h"

#include "fpg/base/parse.h"
#include "fpg/core/page_owner.h"
#include "fpg/core/symbols.h"
#include "fpg/core/zone.h"
#include "fpg/port/port.h"

#include <errno.h>

/** A frame number, a physical address, or one of the linear map. Return: false when it is no page of RAM */
static bool find_frame(uint64_t number, pfn_t *f)
{
	const pfn_t guesses[] = {
		pfn(number),
		phys_to_pfn(number),
		phys_to_pfn(number - port_linear_offset),
	};
	for (size_t i = 0; i < ARRAY_SIZE(guesses); i++) {
		if (pfn_to_zone(guesses[i]) != NULL) {
			*f = guesses[i];
			return true;
		}
	}
	return false;
}

static void json_caller(struct json *j, const char *key, uint64_t pc)
{
	char name[96];
	json_kv_string(j, key, pc != 0 ? symbol_format(name, sizeof(name), pc) : NULL);
}

static void json_owner(struct monitor *m, pfn_t f)
{
	const struct page_owner *owner = page_owner_of(f);
	struct json *j = monitor_json_begin(m);
	json_kv_u64(j, "pfn", f.n);
	json_kv_hex(j, "base", pfn_to_phys(f));
	json_kv_bool(j, "on", page_owner_enabled());
	if (owner != NULL) {
		json_kv_bool(j, "live", owner->live);
		json_caller(j, "allocated_by", owner->alloc_pc);
		json_caller(j, "freed_by", owner->free_pc);
		json_kv_u64(j, "order", owner->order);
		json_kv_hex(j, "gfp", owner->gfp);
		json_kv_u64(j, "hart", owner->hart);
		json_kv_u64(j, "ticks", owner->ticks);
	}
	monitor_json_end(m);
}

int cmd_page_owner(struct monitor *m, int argc, char **argv)
{
	uint64_t number;
	pfn_t f;
	(void)argc;
	if (parse_size_all(argv[1], &number) != 0) {
		return monitor_fail(m, -EINVAL, "'%s' is neither a frame number nor an address",
				    argv[1]);
	}
	if (!find_frame(number, &f)) {
		return monitor_fail(m, -ENOENT, "0x%llx is no page of RAM",
				    (unsigned long long)number);
	}
	if (m->json) {
		json_owner(m, f);
		return 0;
	}
	out_printf(m->out, "pfn 0x%llx, address 0x%llx: ", (unsigned long long)f.n,
		   (unsigned long long)pfn_to_phys(f));
	page_owner_print(m->out, f);
	out_puts(m->out, "\n");
	return 0;
}
