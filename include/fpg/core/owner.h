/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who holds a range of RAM, since which stage, and which rule took it: eight bytes beside each memblock region, from
 * which the ledger makes its sentences. No memory is allocated for it.
 */
#pragma once

#include "fpg/base/out.h"

/** Holders. Append only: the ids appear in reports. X(id, name in the ledger) */
#define OWNER_KINDS(X)                            \
	X(OWNER_NONE, "none")                     \
	X(OWNER_FIRMWARE, "firmware")             \
	X(OWNER_IMAGE_TEXT, "image .text")        \
	X(OWNER_IMAGE_RODATA, "image .rodata")    \
	X(OWNER_IMAGE_INIT, "image .init")        \
	X(OWNER_IMAGE_DATA, "image .data")        \
	X(OWNER_IMAGE_BSS, "image .bss")          \
	X(OWNER_DTB, "device tree blob")          \
	X(OWNER_INITRD, "initrd")                 \
	X(OWNER_RESERVED_NODE, "reserved-memory") \
	X(OWNER_MEMRESERVE, "memreserve")         \
	X(OWNER_BOOTARG, "bootargs reserve")      \
	X(OWNER_MEMTEST, "memtest bad range")     \
	X(OWNER_CMA, "cma area")                  \
	X(OWNER_MEMBLOCK, "memblock arrays")      \
	X(OWNER_SCRATCH, "boot scratch")          \
	X(OWNER_PAGE_TABLES, "page tables")       \
	X(OWNER_FRAME_TABLE, "frame table")       \
	X(OWNER_BACKEND_META, "backend metadata") \
	X(OWNER_ZONES, "nodes and zones")         \
	X(OWNER_LEDGER, "ledger snapshots")       \
	X(OWNER_HART, "hart stacks and areas")    \
	X(OWNER_BOOT, "boot allocation")          \
	X(OWNER_PAGE_ZERO, "page 0")              \
	X(OWNER_PAGE_OWNER, "page owner records")

enum owner_kind {
#define X(id, name) id,
	OWNER_KINDS(X)
#undef X
	OWNER_KIND_COUNT
};

/** Boot stages, in order; design.md section 1. X(id, name) */
#define BOOT_STAGES(X)                      \
	X(STAGE_ENTRY, "entry")             \
	X(STAGE_DEVICE_TREE, "device tree") \
	X(STAGE_MEMBLOCK, "memblock")       \
	X(STAGE_PAGING, "paging")           \
	X(STAGE_ZONES, "nodes and zones")   \
	X(STAGE_PALLOC, "page allocators")  \
	X(STAGE_OBJECTS, "small objects")   \
	X(STAGE_MONITOR, "monitor")

enum boot_stage {
#define X(id, name) id,
	BOOT_STAGES(X)
#undef X
	STAGE_COUNT
};

/** Why a range is held. X(id, sentence; %s is the node's path or the bootarg's text) */
#define OWNER_RULES(X)                                                                            \
	X(RULE_NONE, "")                                                                          \
	X(RULE_LINKED, "part of the loaded image")                                                \
	X(RULE_A1, "passed by firmware in a1")                                                    \
	X(RULE_INITRD, "/chosen linux,initrd-start and linux,initrd-end")                         \
	X(RULE_NODE_REG, "reg of the node")                                                       \
	X(RULE_NODE_DYNAMIC, "size and alloc-ranges of the node")                                 \
	X(RULE_MEMRESERVE, "memory reservation block of the blob")                                \
	X(RULE_FIRMWARE_GUESS,                                                                    \
	  "no node describes the firmware: everything below the load address is taken to be its") \
	X(RULE_BOOTARG, "bootargs")                                                               \
	X(RULE_ALLOC, "allocated at boot")                                                        \
	X(RULE_MEMTEST, "a memtest pattern read back wrong")                                      \
	X(RULE_PAGE_ZERO, "address 0 means 'no memory', so the first page is never mapped")       \
	X(RULE_CONFIG, "configuration of this build")

enum owner_rule {
#define X(id, text) id,
	OWNER_RULES(X)
#undef X
	RULE_COUNT
};

/** Compared as a whole when memblock decides whether neighbours merge. All zero: nobody named (Linux's calls). */
struct mem_owner {
	uint16_t kind;
	uint8_t stage;
	uint8_t rule;
	/** Offset of the device-tree node in the structure block, or -1. 0 only when nobody is named. */
	int32_t node;
};

/** The stage the boot is in; use boot_stage_set() and boot_stage_get(). */
extern enum boot_stage boot_stage_now;

static inline struct mem_owner mem_owner(enum owner_kind kind, enum owner_rule rule, int32_t node)
{
	return (struct mem_owner){ (uint16_t)kind, (uint8_t)boot_stage_now, (uint8_t)rule, node };
}

static inline bool mem_owner_equal(struct mem_owner a, struct mem_owner b)
{
	return a.kind == b.kind && a.stage == b.stage && a.rule == b.rule && a.node == b.node;
}

/** The stage the boot is in; recorded in every owner made from now on. */
void boot_stage_set(enum boot_stage stage);
enum boot_stage boot_stage_get(void);
const char *boot_stage_name(enum boot_stage stage);

const char *owner_kind_name(enum owner_kind kind);
const char *owner_rule_text(enum owner_rule rule);
