/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel's tables for people and scripts: what the monitor's `pagetable` command shows. */
#pragma once

#include "fpg/base/json.h"
#include "fpg/base/out.h"
#include "fpg/pagetable/pt.h"

/**
 * Merged ranges with permissions and leaf sizes, tables used, and the count of W+X pages.
 *
 * Context of all: any hart, no lock held; other harts are held meanwhile
 */
void pagetable_print(struct out *out);

/**
 * The same as members of the object that is open: mode, root, wx_pages, tables, leaves (by size), mapped_bytes,
 * zero_bytes, hidden_bytes, linear_offset, ranges. Without a map only mode, null.
 */
void pagetable_json(struct json *j);

/**
 * Each level that hardware passes on its way to @va.
 *
 * Return: 0 | -ENODEV (no final tables) | -EINVAL (not canonical); nothing printed then
 */
FPG_MUST_CHECK int pagetable_print_walk(struct out *out, vaddr_t va);

/** The same as members of the object that @begin begins; not called after an error. */
FPG_MUST_CHECK int pagetable_json_walk(vaddr_t va, struct json *(*begin)(void *ctx), void *ctx);

/** What leaves of 64 KiB are called. */
#define PT_NAPOT_NAME "64K"

/**
 * "rwxug" with '-' for what is missing, then "nc" or "io". @buf at least PT_PROT_TEXT bytes.
 * Return: @buf
 */
#define PT_PROT_TEXT 12
const char *pt_prot_text(char *buf, uint32_t prot);
