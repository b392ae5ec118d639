/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The map as a picture: one band a row of the ledger, ascending, its height growing with the logarithm of its size, so
 * that four bytes and four gigabytes can stand side by side; holes in the address space are gaps with their size.
 */
#include "fpg_map.h"

#include "fpg/base/parse.h"
#include "fpg/core/ledger.h"

#include <inttypes.h>

#define WIDTH	    900
#define BAND_LEFT   170
#define BAND_WIDTH  220
#define TITLE_SPACE 56
#define HOLE_SPACE  26

/** Colours that stay apart in grey and for most colour-blind eyes. */
static const char *colour(const struct ledger_row *row)
{
	switch ((enum ledger_kind)row->kind) {
	case LEDGER_FREE:
	case LEDGER_ZONE_FREE:
		return "#b8e0b0";
	case LEDGER_HELD:
		switch (row->owner.kind) {
		case OWNER_FIRMWARE:
			return "#d1495b";
		case OWNER_RESERVED_NODE:
		case OWNER_MEMRESERVE:
		case OWNER_BOOTARG:
			return "#edae49";
		case OWNER_DTB:
		case OWNER_INITRD:
			return "#9d8df1";
		default:
			return "#6ba3d6";
		}
	case LEDGER_NOMAP:
		return "#d1495b";
	case LEDGER_CUT:
	case LEDGER_ROUNDED:
		return "#c8c8c8";
	case LEDGER_OUTSIDE:
		return "#ffffff";
	default:
		return "#ff00ff";
	}
}

static unsigned int height(uint64_t bytes)
{
	unsigned int log2 = 0;
	while (bytes > 1) {
		bytes >>= 1;
		log2++;
	}
	return 18 + (log2 > 12 ? 2 * (log2 - 12) : 0);
}

static void escaped(struct out *out, const char *s)
{
	for (; *s != '\0'; s++) {
		switch (*s) {
		case '<':
			out_puts(out, "&lt;");
			break;
		case '>':
			out_puts(out, "&gt;");
			break;
		case '&':
			out_puts(out, "&amp;");
			break;
		default:
			out_printf(out, "%c",
				   (unsigned char)*s < ' ' || (unsigned char)*s > '~' ? '?' : *s);
		}
	}
}

struct picture {
	/** NULL: only measure. */
	struct out *out;
	unsigned int y;
	bool any;
	bool outside;
	phys_addr_t end;
};

static void hole(struct picture *p, const struct ledger_row *row)
{
	char size[24];
	bool begins_outside = row->kind == LEDGER_OUTSIDE && !p->outside;
	if (begins_outside) {
		p->outside = true;
	} else if (!p->any || row->base == p->end) {
		return;
	}
	p->y += HOLE_SPACE;
	if (p->out == NULL) {
		return;
	}
	out_printf(p->out, "<text x=\"%d\" y=\"%u\" class=\"hole\">", BAND_LEFT + 8, p->y - 9);
	if (begins_outside) {
		out_puts(p->out, "outside RAM:");
	} else {
		out_printf(p->out, "hole of %s",
			   format_size(size, sizeof(size), row->base - p->end));
	}
	out_puts(p->out, "</text>\n");
}

static bool draw_row(void *ctx, const struct ledger_row *row)
{
	struct picture *p = ctx;
	char name[LEDGER_NAME_BYTES];
	char size[24];
	unsigned int h = height(row->size);
	hole(p, row);
	if (p->out != NULL) {
		out_printf(p->out,
			   "<text x=\"%d\" y=\"%u\" class=\"address\">0x%" PRIx64 "</text>\n",
			   BAND_LEFT - 8, p->y + 12, row->base);
		out_printf(
			p->out,
			"<rect x=\"%d\" y=\"%u\" width=\"%d\" height=\"%u\" fill=\"%s\" stroke=\"#444\"/>\n",
			BAND_LEFT, p->y, BAND_WIDTH, h, colour(row));
		out_printf(p->out, "<text x=\"%d\" y=\"%u\">%s</text>\n", BAND_LEFT + 8,
			   p->y + h / 2 + 4, format_size(size, sizeof(size), row->size));
		out_printf(p->out, "<text x=\"%d\" y=\"%u\">", BAND_LEFT + BAND_WIDTH + 12,
			   p->y + h / 2 + 4);
		escaped(p->out, ledger_holder(row, name, sizeof(name)));
		out_puts(p->out, "</text>\n");
	}
	p->y += h;
	p->any = true;
	p->end = row->base + row->size;
	return true;
}

int map_svg(struct out *out, const char *title)
{
	struct ledger_totals totals;
	struct picture measure = { .y = TITLE_SPACE };
	int err = ledger_walk(draw_row, &measure, &totals);
	if (err != 0) {
		return err;
	}
	char size[24];
	out_printf(
		out,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%u\" viewBox=\"0 0 %d %u\">\n"
		"<style>text{font:12px sans-serif;fill:#222}.address{font-family:monospace;text-anchor:end}"
		".hole{fill:#777;font-style:italic}.title{font-size:16px;font-weight:bold}</style>\n"
		"<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n<text x=\"16\" y=\"26\" class=\"title\">",
		WIDTH, measure.y + 24, WIDTH, measure.y + 24);
	escaped(out, title);
	out_printf(
		out,
		"</text>\n<text x=\"16\" y=\"44\">%s of RAM; the height of a band grows with the logarithm of "
		"its size</text>\n",
		format_size(size, sizeof(size), totals.ram_bytes));
	struct picture draw = { .out = out, .y = TITLE_SPACE };
	err = ledger_walk(draw_row, &draw, NULL);
	out_puts(out, "</svg>\n");
	return err;
}
