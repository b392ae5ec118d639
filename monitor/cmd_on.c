/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `on HART command...`: run a command on another hart, in its parking loop. The caller waits, so there is still one
 * command at a time and one user of struct monitor; output and result are those of the command.
 */
#include "commands.h"

#include "fpg/base/parse.h"
#include "fpg/core/hart.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

struct job {
	struct monitor *m;
	int argc;
	char **argv;
};

static int run_job(void *arg)
{
	struct job *job = arg;
	return monitor_run_command(job->m, job->argc, job->argv);
}

/** "3": index 3; "id:7": the hart that the firmware calls 7. Return: NULL when there is none such */
static struct hart *find_hart(const char *word)
{
	bool by_id = strncmp(word, "id:", 3) == 0;
	uint64_t number;
	if (parse_size_all(by_id ? word + 3 : word, &number) != 0) {
		return NULL;
	}
	if (by_id) {
		return hart_by_id(number);
	}
	return number < PORT_MAX_HARTS ? hart_by_index((unsigned int)number) : NULL;
}

int cmd_on(struct monitor *m, int argc, char **argv)
{
	const struct monitor_command *self = m->command;
	struct hart *hart = this_hart() != NULL ? find_hart(argv[1]) : NULL;
	if (hart == NULL) {
		return monitor_fail(m, -ENODEV, "there is no hart '%s'; `harts` lists them",
				    argv[1]);
	}
	struct job job = { .m = m, .argc = argc - 2, .argv = argv + 2 };
	const struct monitor_command *inner = monitor_find(argv[2]);
	int err = hart_run_on(hart->index, inner != NULL ? inner->name : "on", run_job, &job);
	if (m->command != self) {
		/* The command ran: the result is its own, and it was said. */
		return err;
	}
	if (err == -ENODEV) {
		return monitor_fail(m, err, "hart %" PRIu64 " is not online", hart->id);
	}
	return monitor_fail(m, err, "hart %" PRIu64 " is busy: %s", hart->id,
			    __atomic_load_n(&hart->doing, __ATOMIC_RELAXED));
}
