/* SPDX-License-Identifier: BSD-2-Clause */
/* The console of port.h: the firmware's. It is there from the first instruction on and needs no device tree. */
#include "platform/sbi/sbi.h"

#include "fpg/port/port.h"

void port_console_write(const char *s, size_t bytes)
{
	sbi_console_write(s, bytes);
}

int port_console_read(void)
{
	return sbi_console_read();
}

const char *port_console_name(void)
{
	return sbi_console_is_dbcn() ? "sbi dbcn" : "sbi legacy";
}
