/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the firmware's console, which served until the final tables were on, to the UART that /chosen/stdout-path
 * names. Whatever is wrong with that, the firmware's console goes on.
 */
#define LOG_MODULE "boot"
#include "boot.h"

#include "fpg/base/errno.h"
#include "fpg/core/boot_memory.h"
#include "fpg/core/log.h"
#include "fpg/port/port.h"

#include <inttypes.h>

FPG_INIT static const char *reason(int err)
{
	switch (err) {
	case -EINVAL:
		return "its registers do not fit its reg, or are misaligned";
	case -ENOMEM:
		return "its registers cannot be mapped";
	case -EFAULT:
		return "an access to its registers trapped: not ours to use";
	case -ENODEV:
		return "nothing answers there";
	case -EIO:
		return "the firmware did not set it up";
	case -ETIMEDOUT:
		return "it takes no characters";
	default:
		return errno_name(err);
	}
}

FPG_INIT void boot_set_console(struct boot_memory *bm)
{
	const char *path = bm->facts.chosen.stdout_path;
	struct port_console uart;
	if (bm->args.firmware_console) {
		pr_info("console: %s (console=sbi)", port_console_name());
		return;
	}
	int err = dt_console(&bm->facts, &uart);
	if (err == 0) {
		err = port_set_console(&uart);
		if (err != 0) {
			pr_warn("stdout-path %s, registers at %#" PRIx64 ": %s", path, uart.base,
				reason(err));
		}
	}
	switch (err) {
	case 0:
		pr_info("console: %s (%s)", port_console_name(), path);
		break;
	case -ENOTSUP:
		pr_info("console: %s (%s: no driver)", port_console_name(), path);
		break;
	default:
		pr_info("console: %s", port_console_name());
		break;
	}
}
