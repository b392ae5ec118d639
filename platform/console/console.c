/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The console of port.h: the firmware's, which is there from the first instruction on and needs no device tree; once
 * port_set_console() found the machine's UART, that one, until it takes no more.
 */
#include "uart.h"

#include "platform/sbi/sbi.h"

void port_console_write(const char *s, size_t bytes)
{
	static const char lost[] = "\nfirstpage: the console's UART takes no more characters; "
				   "the firmware's console is used from here on\n";
	const size_t done = uart_console_write(s, bytes);
	if (done == bytes) {
		return;
	}
	if (uart_console_lost()) {
		sbi_console_write(lost, sizeof(lost) - 1);
	}
	sbi_console_write(s + done, bytes - done);
}

int port_console_read(void)
{
	return uart_console_active() ? uart_console_read() : sbi_console_read();
}

const char *port_console_name(void)
{
	if (uart_console_active()) {
		return uart_console_name();
	}
	return sbi_console_is_dbcn() ? "sbi dbcn" : "sbi legacy";
}
