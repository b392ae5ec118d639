/* SPDX-License-Identifier: BSD-2-Clause */
/* Names of errno codes, for messages: "-EINVAL" says more than "error 22". */
#include "fpg/base/errno.h"

#include "fpg/base/compiler.h"

#include <stddef.h>

/** Those that this project returns. */
static const struct {
	int code;
	const char *name;
} names[] = {
#define NAME(code)              \
	{                       \
		code, "-" #code \
	}
	NAME(EPERM),	 NAME(ENOENT),	NAME(EIO),     NAME(E2BIG),   NAME(EAGAIN),
	NAME(ENOMEM),	 NAME(EFAULT),	NAME(EBUSY),   NAME(EEXIST),  NAME(ENODEV),
	NAME(EINVAL),	 NAME(EFBIG),	NAME(ENOSPC),  NAME(ERANGE),  NAME(ENOSYS),
	NAME(EOVERFLOW), NAME(EBADMSG), NAME(ENODATA), NAME(ENOTSUP), NAME(EUCLEAN),
	NAME(ETIMEDOUT),
#undef NAME
};

const char *errno_name(int err)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (err == names[i].code || err == -names[i].code) {
			return names[i].name;
		}
	}
	return "an unknown error";
}
