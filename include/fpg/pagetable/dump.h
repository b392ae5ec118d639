/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel's tables for people and scripts: what the monitor's `pagetable` command shows. */
#pragma once

#include "fpg/base/json.h"
#include "fpg/base/out.h"
#include "fpg/pagetable/pt.h"

/** Merged runs with permissions and leaf sizes, tables used, and the count of W+X pages. */
void pagetable_print(struct out *out);

/**
 * The same as one object: mode, root, wx_pages, tables, leaves (by size), zero_bytes, ranges. null
 * without a map.
 */
void pagetable_json(struct json *j);

/** Each level that hardware passes on its way to @va. */
void pagetable_print_walk(struct out *out, vaddr_t va);

/**
 * "rwxug" with '-' for what is missing, then "nc" or "io". @buf at least PT_PROT_TEXT bytes.
 * Return: @buf
 */
#define PT_PROT_TEXT 12
const char *pt_prot_text(char *buf, uint32_t prot);
