/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzzes sequences of map, unmap and protect, with table pages running out anywhere, against the
 * per-page oracle of pt_model.h. The core is compiled over the encoding that differs at each level.
 *
 * Input: mode and merge level, a byte that cuts the span, then seven bytes an operation, at most 64
 * of them.
 */
#define FPG_PTE_HEADER "pte_fake.h"
/* Few, so that running out is common. */
#define MODEL_PAGES    160

#include "../../pagetable/change.c" /* NOLINT(bugprone-suspicious-include) */
#include "../../pagetable/map.c"    /* NOLINT(bugprone-suspicious-include) */
#include "../../pagetable/pt.c"	    /* NOLINT(bugprone-suspicious-include) */
#include "../../pagetable/walk.c"   /* NOLINT(bugprone-suspicious-include) */
#include "pt_model.h"

#define MAX_OPERATIONS	64
#define OPERATION_BYTES 7

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct model_op decode(const struct model *m, const uint8_t *b)
{
	static const uint32_t prots[] = { MEM_R, MEM_R | MEM_W, MEM_R | MEM_X, MEM_X };
	struct model_op op = { .kind = (enum model_op_kind)(b[0] % MODEL_OP_KINDS) };
	op.from = b[1] % (m->points - 1);
	op.to = op.from + 1 + b[2] % (m->points - 1 - op.from);
	op.prot = prots[b[3] % 4] | (b[3] & 0x80 ? MEM_U : 0);
	op.max_leaf = b[3] >> 2 & 7;
	/*
	 * Aligned like the virtual address up to a level; or going on where the cell before ends.
	 */
	const uint64_t mask = pt_level_bytes(b[4] % PT_MAX_LEVELS) - 1;
	const uint64_t where = (uint64_t)b[5] << 39 | (uint64_t)b[4] << 12;
	op.pa = (m->point[op.from] & mask) | (where & ~mask & ~(PAGE_SIZE - 1));
	if ((b[0] & 0x80) != 0 && op.from > 0 && m->cell[op.from - 1].mapped) {
		const struct model_cell *c = &m->cell[op.from - 1];
		op.pa = c->pa + m->point[op.from] - m->point[op.from - 1];
		op.prot = c->prot & ~(uint32_t)PT_GLOBAL;
	}
	return op;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct pt_mode *const modes[] = { &pt_mode_sv39, &pt_mode_sv48,
						       &pt_mode_sv57 };
	static struct model m;
	if (size < 2) {
		return 0;
	}
	model_start(&m, modes[data[0] % 3], 1 + data[1], data[0] & 0x80 ? PT_GLOBAL : 0);
	m.pt.merge_level = data[0] / 3 % 6;
	m.quick = true;
	data += 2;
	size -= 2;
	for (unsigned int n = 0; n < MAX_OPERATIONS && size >= OPERATION_BYTES; n++) {
		const struct model_op op = decode(&m, data);
		(void)model_step(&m, &op, data[6] < 64 ? data[6] % 8 : -1);
		data += OPERATION_BYTES;
		size -= OPERATION_BYTES;
	}
	model_check(&m);
	model_end(&m);
	return 0;
}
