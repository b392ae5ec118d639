/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `dma`: the pools that the device tree sets aside for devices; `dma NODE BYTES` tries one: the memory is allocated from the
 * pool of that device, written, read back and given back, and the answer says where the device would have found it.
 */
#include "commands.h"

#include "fpg/base/errno.h"
#include "fpg/base/parse.h"
#include "fpg/base/range.h"
#include "fpg/core/dma_coherent.h"

#include <errno.h>

static unsigned long long ull(uint64_t v)
{
	return v;
}

static const char *path_of(const struct dma_coherent_stats *s, char path[DT_PATH_BYTES])
{
	return dt_node_path(monitor_facts()->blob, s->node, path, DT_PATH_BYTES);
}

static int print_pool(struct dma_coherent_mem *mem, void *data)
{
	struct out *out = data;
	struct dma_coherent_stats s;
	char path[DT_PATH_BYTES];
	dma_coherent_stats_read(mem, &s);
	out_printf(out, "0x%llx-0x%llx %s%s: %llu of %llu pages in use, longest hole %llu, %s",
		   ull(s.range.base), ull(phys_range_end(s.range)), path_of(&s, path),
		   s.is_default ? " (default)" : "", ull(s.used), ull(s.pages), ull(s.largest_free),
		   s.remapped ? "mapped for itself" : "linear map");
	if (s.alias_of.size != 0) {
		out_printf(out, ", uncached alias of 0x%llx-0x%llx", ull(s.alias_of.base),
			   ull(phys_range_end(s.alias_of)));
	}
	out_puts(out, "\n");
	return 0;
}

static int json_pool(struct dma_coherent_mem *mem, void *data)
{
	struct json *j = data;
	struct dma_coherent_stats s;
	char path[DT_PATH_BYTES];
	dma_coherent_stats_read(mem, &s);
	json_object_begin(j);
	json_kv_string(j, "path", path_of(&s, path));
	json_kv_hex(j, "base", s.range.base);
	json_kv_hex(j, "size", s.range.size);
	json_kv_bool(j, "default", s.is_default);
	json_kv_bool(j, "linear_map", !s.remapped);
	json_kv_u64(j, "pages", s.pages);
	json_kv_u64(j, "used", s.used);
	json_kv_u64(j, "largest_free", s.largest_free);
	if (s.alias_of.size != 0) {
		json_kv_hex(j, "alias_of", s.alias_of.base);
	}
	json_object_end(j);
	return 0;
}

static int count_pool(struct dma_coherent_mem *mem, void *data)
{
	(void)mem;
	++*(unsigned int *)data;
	return 0;
}

static int show_pools(struct monitor *m)
{
	if (m->json) {
		struct json *j = monitor_json_begin(m);
		json_key(j, "pools");
		json_array_begin(j);
		(void)dma_coherent_for_each(json_pool, j);
		json_array_end(j);
		monitor_json_end(m);
		return 0;
	}
	unsigned int pools = 0;
	(void)dma_coherent_for_each(count_pool, &pools);
	if (pools == 0) {
		out_puts(
			m->out,
			"no pools: no shared-dma-pool without `reusable` (`cma` shows the others)\n");
	}
	return dma_coherent_for_each(print_pool, m->out);
}

/** Each word gets its own number; the number of words that read back otherwise. */
static uint64_t wrong_words(volatile uint64_t *words, uint64_t count)
{
	uint64_t wrong = 0;
	for (uint64_t i = 0; i < count; i++) {
		wrong += words[i] != 0;
		words[i] = ~i;
	}
	for (uint64_t i = 0; i < count; i++) {
		wrong += words[i] != ~i;
	}
	return wrong;
}

static void print_place(struct monitor *m, phys_addr_t phys, uint64_t dma, uint64_t bytes)
{
	if (m->json) {
		struct json *j = monitor_json_begin(m);
		json_kv_hex(j, "physical", phys);
		json_kv_hex(j, "dma", dma);
		json_kv_hex(j, "bytes", bytes);
		monitor_json_end(m);
	} else {
		out_printf(
			m->out,
			"%llu bytes at 0x%llx, which the device reaches at 0x%llx: written, read, given back\n",
			ull(bytes), ull(phys), ull(dma));
	}
}

static int try_pool(struct monitor *m, struct dma_coherent_mem *mem, int32_t node, uint64_t bytes)
{
	char path[DT_PATH_BYTES];
	phys_addr_t phys = 0;
	uint64_t dma = 0;
	int32_t where = 0;
	void *va = dma_alloc_from_coherent(mem, bytes, &phys);
	if (va == NULL) {
		return monitor_fail(m, -ENOMEM, "the pool has no %llu bytes", ull(bytes));
	}
	const uint64_t wrong =
		wrong_words(va, ROUND_UP(bytes, sizeof(uint64_t)) / sizeof(uint64_t));
	int err = dt_phys_to_dma(monitor_facts()->blob, node, (struct phys_range){ phys, bytes },
				 &dma, &where);
	const int released = dma_release_from_coherent(mem, va, bytes);
	if (wrong != 0) {
		return monitor_fail(m, -EIO, "%llu words at 0x%llx read back otherwise", ull(wrong),
				    ull(phys));
	}
	if (err != 0) {
		return monitor_fail(m, err, "the device cannot reach 0x%llx: dma-ranges of %s %s",
				    ull(phys),
				    dt_node_path(monitor_facts()->blob, where, path, sizeof(path)),
				    err == -ERANGE ? "does not hold it" : "is damaged");
	}
	if (released != 0) {
		return monitor_fail(m, released, "0x%llx cannot be given back", ull(phys));
	}
	print_place(m, phys, dma, bytes);
	return 0;
}

/** `dma [NODE BYTES]` */
int cmd_dma(struct monitor *m, int argc, char **argv)
{
	uint64_t bytes = 0;
	if (monitor_facts() == NULL || monitor_facts()->blob == NULL) {
		return monitor_fail(m, -ENODEV, "there is no device tree");
	}
	if (argc == 1) {
		return show_pools(m);
	}
	if (argc != 3 || parse_size_all(argv[2], &bytes) != 0 || bytes == 0) {
		return monitor_fail(m, -EINVAL, "say a node and a number of bytes");
	}
	const int32_t node = dt_node_by_path(monitor_facts(), argv[1]);
	if (node < 0) {
		return monitor_fail(m, node, "the device tree has no node %s", argv[1]);
	}
	struct dma_coherent_mem *mem = dma_coherent_of_device(monitor_facts(), node);
	if (mem == NULL) {
		return monitor_fail(
			m, -ENOENT,
			"%s has no pool: no memory-region names one, and there is no default",
			argv[1]);
	}
	return try_pool(m, mem, node, bytes);
}
