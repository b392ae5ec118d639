/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzzes sequences of map, unmap, protect, hide, show and set_page, with table pages running out anywhere, against the
 * per-page oracle of pt_model.h. The core is compiled over the encoding that differs at each level.
 *
 * Input: mode and merge level; a byte that cuts the span, its top bits 64 KiB leaves and kept tables; then seven bytes
 * an operation, at most 64 of them. Few points and few pages keep a sequence of 64 under a millisecond, and make
 * running out of pages common.
 */
#define FPG_PTE_HEADER "pte_fake.h"
#define MODEL_PAGES    64
#define MODEL_POINTS   14

#include "../../pagetable/change.c" /* NOLINT(bugprone-suspicious-include) */
#include "../../pagetable/hide.c"   /* NOLINT(bugprone-suspicious-include) */
#include "../../pagetable/map.c"    /* NOLINT(bugprone-suspicious-include) */
#include "../../pagetable/pt.c"	    /* NOLINT(bugprone-suspicious-include) */
#include "../../pagetable/share.c"  /* NOLINT(bugprone-suspicious-include) */
#include "../../pagetable/walk.c"   /* NOLINT(bugprone-suspicious-include) */
#include "pt_model_ops.h"

#define MAX_OPERATIONS	64
#define OPERATION_BYTES 7

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct model_op decode(const struct model *m, const uint8_t *b)
{
	static const uint32_t prots[] = { MEM_R, MEM_R | MEM_W, MEM_R | MEM_X, MEM_X };
	struct model_op op = { .kind = (enum model_op_kind)((b[0] & 0x7f) % MODEL_OP_KINDS) };
	op.from = b[1] % (m->points - 1);
	op.to = op.from + 1 + b[2] % (m->points - 1 - op.from);
	op.prot = prots[b[3] % 4] | (b[3] & 0x80 ? MEM_U : 0);
	op.max_leaf = b[3] >> 2 & 7;
	op.present = (b[3] & 0x40) != 0;
	model_align(m, &op, b[4] % (PT_MAX_LEVELS + 1),
		    (uint64_t)b[5] << 39 | (uint64_t)b[4] << 12);
	if ((b[0] & 0x80) != 0) {
		model_go_on(m, &op);
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
	model_start(&m, modes[data[0] % 3], 1 + (data[1] & 0x3f), data[0] & 0x80 ? PT_GLOBAL : 0);
	m.pt.merge_level = data[0] / 3 % 6;
	m.pt.napot = (data[1] & 0x40) != 0;
	m.pt.keep_root = (data[1] & 0x80) != 0;
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
