/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which extensions a hart's ISA string names: riscv,isa-extensions where the tree has it, else riscv,isa.
 *
 * Sources: RISC-V Unprivileged ISA 20191213, chapter 27 (naming: single letters first; names of several letters begin
 * with z, s or x and are separated by underscores; each may be followed by a version, 2 or 2p0; case does not matter);
 * Linux Documentation/devicetree/bindings/riscv/cpus.yaml and extensions.yaml.
 */
#include "fpg/core/devicetree.h"

#include <string.h>

FPG_INIT static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

FPG_INIT static bool digit(char c)
{
	return c >= '0' && c <= '9';
}

/** @text is @name whatever the case. */
FPG_INIT static bool same(const char *text, size_t bytes, const char *name)
{
	if (strlen(name) != bytes) {
		return false;
	}
	for (size_t i = 0; i < bytes; i++) {
		if (lower(text[i]) != lower(name[i])) {
			return false;
		}
	}
	return true;
}

/** Bytes of a name of several letters without the version at its end; names do not end in digits. */
FPG_INIT static size_t without_version(const char *text, size_t bytes)
{
	size_t n = bytes;
	while (n > 0 && digit(text[n - 1])) {
		n--;
	}
	if (n == bytes || n < 2 || lower(text[n - 1]) != 'p' || !digit(text[n - 2])) {
		return n;
	}
	n--;
	while (n > 0 && digit(text[n - 1])) {
		n--;
	}
	return n;
}

/** Past a version after a single letter: digits, and a p with digits behind it. */
FPG_INIT static const char *skip_version(const char *s)
{
	while (digit(*s)) {
		s++;
	}
	if (lower(*s) == 'p' && digit(s[-1]) && digit(s[1])) {
		s++;
		while (digit(*s)) {
			s++;
		}
	}
	return s;
}

/**
 * A name of several letters begins at @s. "su" in the middle of single letters does not: older QEMU and firmware name
 * the privilege modes so.
 */
FPG_INIT static bool is_long_name(const char *s, bool after_underscore)
{
	const char c = lower(s[0]);
	if (c == 's') {
		return after_underscore ? s[1] != '\0' && s[1] != '_' : lower(s[1]) != 'u';
	}
	return c == 'z' || c == 'x';
}

FPG_INIT static bool isa_string_has(const char *isa, const char *name)
{
	/* rv32, rv64, rv128. */
	if (lower(isa[0]) != 'r' || lower(isa[1]) != 'v' || !digit(isa[2])) {
		return false;
	}
	const char *s = isa + 2;
	while (digit(*s)) {
		s++;
	}
	bool after_underscore = false;
	while (*s != '\0') {
		if (*s == '_') {
			after_underscore = true;
			s++;
			continue;
		}
		if (is_long_name(s, after_underscore)) {
			const size_t bytes = strcspn(s, "_");
			if (same(s, without_version(s, bytes), name)) {
				return true;
			}
			s += bytes;
		} else {
			/* g stands for these. */
			const bool general = lower(*s) == 'g' && name[1] == '\0' &&
					     strchr("imafd", lower(name[0])) != NULL;
			if (general || same(s, 1, name)) {
				return true;
			}
			s = skip_version(s + 1);
		}
		after_underscore = false;
	}
	return false;
}

FPG_INIT bool dt_isa_has(const struct dt_cpu *cpu, const char *name)
{
	if (name[0] == '\0') {
		return false;
	}
	if (cpu->isa_extensions != NULL) {
		const char *at = cpu->isa_extensions;
		const char *end = at + cpu->isa_extensions_bytes;
		for (; at < end; at += strnlen(at, (size_t)(end - at)) + 1) {
			if (same(at, strnlen(at, (size_t)(end - at)), name)) {
				return true;
			}
		}
		return false;
	}
	return cpu->isa != NULL && isa_string_has(cpu->isa, name);
}

FPG_INIT bool dt_isa_all_have(const struct dt_facts *facts, const char *name)
{
	bool any = false;
	for (uint32_t i = 0; i < facts->cpu_count; i++) {
		const struct dt_cpu *cpu = &facts->cpus[i];
		if (!cpu->enabled || !cpu->has_mmu || !cpu->rv64) {
			continue;
		}
		if (!dt_isa_has(cpu, name)) {
			return false;
		}
		any = true;
	}
	return any;
}
