/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Formatted output into a struct out, of any length, integers and strings only.
 *
 * The formatter is our own: a C library's vsnprintf() needs a buffer as large as the result, and
 * there is no memory to take one from when the first line is printed. Text is gathered in a small
 * piece on the stack and handed on whenever that is full, so nothing is ever cut. A conversion that
 * is not known is printed as it stands.
 */
#include "fpg/base/out.h"

#include "fpg/base/assert.h"

#include <string.h>

#define PIECE_BYTES 128

/** Text on its way: gathered so that a sink is not called for each byte. */
struct piece {
	struct out *out;
	size_t used;
	char buf[PIECE_BYTES];
};

/** One conversion, `%-08.*llx` taken apart. */
struct conversion {
	bool left;
	bool zero;
	bool plus;
	bool space;
	bool alternate;
	bool has_precision;
	int width;
	int precision;
	/** Bytes of the integer argument: 1, 2, 4 or 8. */
	unsigned int bytes;
};

static void piece_flush(struct piece *p)
{
	if (p->used != 0) {
		p->out->write(p->out, p->buf, p->used);
		p->used = 0;
	}
}

static void piece_put(struct piece *p, const char *s, size_t n)
{
	while (n != 0) {
		size_t room = PIECE_BYTES - p->used;
		size_t now = n < room ? n : room;
		memcpy(p->buf + p->used, s, now);
		p->used += now;
		s += now;
		n -= now;
		if (p->used == PIECE_BYTES) {
			piece_flush(p);
		}
	}
}

static void piece_fill(struct piece *p, char c, int n)
{
	for (; n > 0; n--) {
		p->buf[p->used++] = c;
		if (p->used == PIECE_BYTES) {
			piece_flush(p);
		}
	}
}

static void put_text(struct piece *p, const struct conversion *c, const char *s, size_t n)
{
	int pad = (size_t)c->width > n ? c->width - (int)n : 0;
	if (!c->left) {
		piece_fill(p, ' ', pad);
	}
	piece_put(p, s, n);
	if (c->left) {
		piece_fill(p, ' ', pad);
	}
}

/** @sign is "", "-", "+" or " "; @prefix "" or "0x". Both stand before padding zeros. */
static void put_number(struct piece *p, const struct conversion *c, const char *sign,
		       const char *prefix, uint64_t value, unsigned int radix, bool upper)
{
	char digits[24];
	int n = 0;
	const char *alphabet = upper ? "0123456789ABCDEF" : "0123456789abcdef";
	for (uint64_t v = value; v != 0; v /= radix) {
		digits[sizeof(digits) - 1 - (size_t)n++] = alphabet[v % radix];
	}
	int least = c->has_precision ? c->precision : 1;
	int zeros = least > n ? least - n : 0;
	int lead = (int)(strlen(sign) + strlen(prefix));
	int pad = c->width - lead - zeros - n;
	if (c->zero && !c->left && !c->has_precision && pad > 0) {
		zeros += pad;
		pad = 0;
	}
	if (!c->left) {
		piece_fill(p, ' ', pad);
	}
	if (lead != 0) {
		piece_put(p, sign, strlen(sign));
		piece_put(p, prefix, strlen(prefix));
	}
	piece_fill(p, '0', zeros);
	piece_put(p, digits + sizeof(digits) - (size_t)n, (size_t)n);
	if (c->left) {
		piece_fill(p, ' ', pad);
	}
}

static int read_digits(const char **fmt)
{
	int value = 0;
	while (**fmt >= '0' && **fmt <= '9') {
		value = value < 100000 ? value * 10 + (**fmt - '0') : value;
		(*fmt)++;
	}
	return value;
}

static void read_flags(const char **fmt, struct conversion *c)
{
	for (;; (*fmt)++) {
		switch (**fmt) {
		case '-':
			c->left = true;
			break;
		case '0':
			c->zero = true;
			break;
		case '+':
			c->plus = true;
			break;
		case ' ':
			c->space = true;
			break;
		case '#':
			c->alternate = true;
			break;
		default:
			return;
		}
	}
}

static void read_length(const char **fmt, struct conversion *c)
{
	c->bytes = sizeof(int);
	for (;; (*fmt)++) {
		switch (**fmt) {
		case 'h':
			c->bytes = c->bytes == 2 ? 1 : 2;
			break;
		case 'l':
		case 'z':
		case 'j':
		case 't':
			c->bytes = 8;
			break;
		default:
			return;
		}
	}
}

static_assert(sizeof(long) == 8 && sizeof(size_t) == 8, "lp64: l, ll, z, j and t all mean 8 bytes");

/** A copy of the caller's arguments that may be passed on by address. */
struct arguments {
	va_list ap;
};

static void read_width(const char **fmt, struct conversion *c, struct arguments *args)
{
	if (**fmt == '*') {
		(*fmt)++;
		c->width = va_arg(args->ap, int);
		if (c->width < 0) {
			c->left = true;
			c->width = -c->width;
		}
	} else {
		c->width = read_digits(fmt);
	}
	if (**fmt != '.') {
		return;
	}
	(*fmt)++;
	if (**fmt == '*') {
		(*fmt)++;
		c->precision = va_arg(args->ap, int);
		c->has_precision = c->precision >= 0;
	} else {
		c->precision = read_digits(fmt);
		c->has_precision = true;
	}
}

static void put_signed(struct piece *p, const struct conversion *c, struct arguments *args)
{
	int64_t v = c->bytes == 8 ? va_arg(args->ap, int64_t) : va_arg(args->ap, int);
	if (c->bytes == 2) {
		v = (int16_t)v;
	} else if (c->bytes == 1) {
		v = (int64_t)((uint64_t)v << 56) >> 56;
	}
	const char *sign = v < 0 ? "-" : c->plus ? "+" : c->space ? " " : "";
	put_number(p, c, sign, "", v < 0 ? 0 - (uint64_t)v : (uint64_t)v, 10, false);
}

static void put_unsigned(struct piece *p, const struct conversion *c, struct arguments *args,
			 char kind)
{
	uint64_t v = c->bytes == 8 ? va_arg(args->ap, uint64_t) : va_arg(args->ap, unsigned int);
	if (c->bytes == 2) {
		v = (uint16_t)v;
	} else if (c->bytes == 1) {
		v = (uint8_t)v;
	}
	unsigned int radix = kind == 'u' ? 10 : kind == 'o' ? 8 : 16;
	const char *prefix = "";
	if (c->alternate && v != 0) {
		prefix = kind == 'x' ? "0x" : kind == 'X' ? "0X" : kind == 'o' ? "0" : "";
	}
	put_number(p, c, "", prefix, v, radix, kind == 'X');
}

/** Return: false when @kind is not a conversion we know; nothing was taken or put then. */
static bool put_conversion(struct piece *p, const struct conversion *c, struct arguments *args,
			   char kind)
{
	switch (kind) {
	case 'd':
	case 'i':
		put_signed(p, c, args);
		return true;
	case 'u':
	case 'x':
	case 'X':
	case 'o':
		put_unsigned(p, c, args, kind);
		return true;
	case 'c': {
		char ch = (char)va_arg(args->ap, int);
		put_text(p, c, &ch, 1);
		return true;
	}
	case 's': {
		const char *s = va_arg(args->ap, const char *);
		s = s != NULL ? s : "(null)";
		put_text(p, c, s, c->has_precision ? strnlen(s, (size_t)c->precision) : strlen(s));
		return true;
	}
	case 'p':
		put_number(p, c, "", "0x", (uint64_t)(uintptr_t)va_arg(args->ap, void *), 16,
			   false);
		return true;
	case '%':
		piece_put(p, "%", 1);
		return true;
	default:
		return false;
	}
}

void out_vprintf(struct out *out, const char *fmt, va_list ap)
{
	struct piece p = { .out = out };
	struct arguments args;
	va_copy(args.ap, ap);
	while (*fmt != '\0') {
		const char *percent = strchr(fmt, '%');
		size_t plain = percent != NULL ? (size_t)(percent - fmt) : strlen(fmt);
		piece_put(&p, fmt, plain);
		fmt += plain;
		if (percent == NULL) {
			break;
		}
		struct conversion c = { 0 };
		fmt++;
		read_flags(&fmt, &c);
		read_width(&fmt, &c, &args);
		read_length(&fmt, &c);
		if (*fmt != '\0' && put_conversion(&p, &c, &args, *fmt)) {
			fmt++;
		} else {
			piece_put(&p, percent, (size_t)(fmt - percent));
		}
	}
	va_end(args.ap);
	piece_flush(&p);
}

void out_printf(struct out *out, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	out_vprintf(out, fmt, ap);
	va_end(ap);
}

void out_puts(struct out *out, const char *s)
{
	out->write(out, s, strlen(s));
}

static void buffer_write(struct out *out, const char *s, size_t n)
{
	struct out_buffer *b = container_of(out, struct out_buffer, out);
	size_t room = b->size - 1 - b->used;
	size_t now = n < room ? n : room;
	memcpy(b->buf + b->used, s, now);
	b->used += now;
	b->buf[b->used] = '\0';
	b->overflow += n - now;
}

void out_buffer_init(struct out_buffer *b, char *buf, size_t size)
{
	*b = (struct out_buffer){ .out = { buffer_write }, .buf = buf, .size = size };
	buf[0] = '\0';
}

void out_hide_controls(char *s)
{
	for (; *s != '\0'; s++) {
		if ((unsigned char)*s < 0x20 || *s == 0x7f) {
			*s = '?';
		}
	}
}
