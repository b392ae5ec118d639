/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * harts.h on a PC: a hart is a thread. Interrupts are a flag of the thread, IPIs a flag of the hart that its thread
 * looks at where a real hart could be interrupted; so every interleaving of a test is one that hardware may show, but
 * not the other way round.
 *
 * Invariants: hart n's slot is written by its own thread, but for `pending` and `ending`; the condition of a slot is
 * signalled, with its lock held, after either is set, so no sleep misses one.
 */
#define _GNU_SOURCE
#include "host.h"
#include "host_hart.h"

#include "fpg/base/assert.h"
#include "fpg/port/port.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum slot_state {
	SLOT_FREE,
	SLOT_STARTED,
	SLOT_REFUSED,
	SLOT_STOPPED
};

static struct slot {
	pthread_t thread;
	bool has_thread;
	_Atomic uint32_t state;
	_Atomic uint32_t pending;
	_Atomic uint32_t ending;
	uint64_t id;
	struct port_hart_start start;
	pthread_mutex_t lock;
	pthread_cond_t wake;
} slots[PORT_MAX_HARTS];

__thread struct port_hart_head port_host_head;
static __thread struct {
	bool unmasked;
	bool sources;
	bool timer_came;
	bool timer_armed;
	uint64_t timer;
} irq;

static void (*ipi_handler)(void);
static bool hsm = true;
static struct {
	uint64_t id;
	enum host_trouble kind;
	bool on;
} trouble;
static pthread_once_t slots_made = PTHREAD_ONCE_INIT;

static void make_slots(void)
{
	pthread_condattr_t attr;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	for (size_t i = 0; i < ARRAY_SIZE(slots); i++) {
		pthread_mutex_init(&slots[i].lock, NULL);
		pthread_cond_init(&slots[i].wake, &attr);
	}
	pthread_condattr_destroy(&attr);
	slots[0].state = SLOT_STARTED;
}

static struct slot *slot_of(unsigned int index)
{
	(void)pthread_once(&slots_made, make_slots);
	FPG_CHECK(index < ARRAY_SIZE(slots));
	return &slots[index];
}

static struct slot *my_slot(void)
{
	return slot_of(port_hart_index());
}

static void notify(struct slot *slot, _Atomic uint32_t *flag)
{
	atomic_store(flag, 1);
	pthread_mutex_lock(&slot->lock);
	pthread_cond_broadcast(&slot->wake);
	pthread_mutex_unlock(&slot->lock);
}

/* ---- who this is ------------------------------------------------------------------------------------------ */

uint64_t port_hart_id(void)
{
	return port_host_head.id;
}

void host_set_hart_id(uint64_t id)
{
	port_host_head.id = id;
	my_slot()->id = id;
}

void port_hart_set_local(void *local)
{
	port_host_head.local = local;
}

/* ---- interrupts ------------------------------------------------------------------------------------------- */

/* The end of host_harts_stop(), for all but hart 0. */
static void end_if_asked(void)
{
	if (port_hart_index() != 0 && atomic_load(&my_slot()->ending)) {
		port_hart_stop();
	}
}

void port_ipi_register(void (*handler)(void))
{
	ipi_handler = handler;
}

void port_ipi_poll(void)
{
	struct slot *slot = my_slot();
	end_if_asked();
	if (atomic_load_explicit(&slot->pending, memory_order_relaxed) == 0 ||
	    atomic_exchange(&slot->pending, 0) == 0) {
		return;
	}
	bool unmasked = irq.unmasked;
	irq.unmasked = false;
	if (ipi_handler != NULL) {
		ipi_handler();
	}
	irq.unmasked = unmasked;
}

static void take_timer(void)
{
	if (irq.timer_armed && port_time_ticks() >= irq.timer) {
		irq.timer_armed = false;
		irq.timer_came = true;
	}
}

void host_irq_take(void)
{
	if (irq.unmasked && irq.sources) {
		port_ipi_poll();
		take_timer();
	}
}

bool host_timer_take(void)
{
	take_timer();
	bool came = irq.timer_came;
	irq.timer_came = false;
	return came;
}

unsigned long port_irq_save(void)
{
	bool unmasked = irq.unmasked;
	irq.unmasked = false;
	return unmasked;
}

void port_irq_restore(unsigned long flags)
{
	irq.unmasked |= flags != 0;
	host_irq_take();
}

void port_irq_unmask(void)
{
	port_irq_restore(1);
}

void port_irq_enable_sources(void)
{
	irq.sources = true;
	host_irq_take();
}

uint64_t port_irq_unexpected(void)
{
	return 0;
}

int port_ipi_send(hart_mask_t mask)
{
	for (unsigned int i = 0; i < PORT_MAX_HARTS; i++) {
		struct slot *slot = slot_of(i);
		if ((mask & hart_mask_of(i)) && atomic_load(&slot->state) == SLOT_STARTED) {
			notify(slot, &slot->pending);
		}
	}
	host_irq_take();
	return 0;
}

void port_relax(void)
{
	port_ipi_poll();
	sched_yield();
}

static struct timespec timer_deadline(void)
{
	return (struct timespec){ .tv_sec = (time_t)(irq.timer / 1000000000U),
				  .tv_nsec = (long)(irq.timer % 1000000000U) };
}

void port_wait_for_interrupt(void)
{
	struct slot *slot = my_slot();
	pthread_mutex_lock(&slot->lock);
	while (!atomic_load(&slot->pending) && !atomic_load(&slot->ending)) {
		struct timespec until = timer_deadline();
		int err = irq.timer_armed ?
				  pthread_cond_timedwait(&slot->wake, &slot->lock, &until) :
				  pthread_cond_wait(&slot->wake, &slot->lock);
		if (err == ETIMEDOUT) {
			break;
		}
	}
	pthread_mutex_unlock(&slot->lock);
	end_if_asked();
	host_irq_take();
}

bool port_timer_set(uint64_t ticks)
{
	irq.timer = ticks;
	irq.timer_armed = ticks != UINT64_MAX;
	irq.timer_came = false;
	return true;
}

/* ---- starting and stopping -------------------------------------------------------------------------------- */

void host_set_hsm(bool available)
{
	hsm = available;
}

void host_set_trouble(uint64_t id, enum host_trouble kind)
{
	trouble.id = id;
	trouble.kind = kind;
	trouble.on = true;
}

/* Return: whether the hart does not come to its thread. */
static bool has_trouble(struct slot *slot)
{
	if (!trouble.on || trouble.id != slot->id) {
		return false;
	}
	if (trouble.kind == HOST_HART_STRAYS) {
		trouble.on = false;
		atomic_store(&slot->state, SLOT_STOPPED);
	}
	return true;
}

bool port_hsm_available(void)
{
	return hsm;
}

size_t port_hart_area_bytes(void)
{
	return PORT_HART_AREA_ALIGN;
}

static void *hart_thread(void *arg)
{
	struct slot *slot = arg;
	const struct port_hart_start *start = &slot->start;
	port_host_head = (struct port_hart_head){ .local = start->local,
						  .id = start->id,
						  .index = start->index };
	if (!host_has_satp_mode(start->satp_mode)) {
		atomic_store(&slot->state, SLOT_REFUSED);
		return NULL;
	}
	start->entry(start->arg);
	abort();
}

static void forget(struct slot *slot)
{
	if (slot->has_thread) {
		pthread_join(slot->thread, NULL);
	}
	slot->has_thread = false;
	slot->id = 0;
	atomic_store(&slot->pending, 0);
	atomic_store(&slot->ending, 0);
	atomic_store(&slot->state, SLOT_FREE);
}

int port_hart_start(const struct port_hart_start *start)
{
	if (!hsm) {
		return -ENOTSUP;
	}
	if (start->index == 0 || start->index >= PORT_MAX_HARTS) {
		return -EINVAL;
	}
	for (unsigned int i = 0; i < PORT_MAX_HARTS; i++) {
		struct slot *other = slot_of(i);
		if (atomic_load(&other->state) == SLOT_STARTED &&
		    (i == start->index || other->id == start->id)) {
			return -EALREADY;
		}
	}
	struct slot *slot = slot_of(start->index);
	forget(slot);
	slot->start = *start;
	slot->id = start->id;
	atomic_store(&slot->state, SLOT_STARTED);
	if (has_trouble(slot)) {
		return 0;
	}
	if (pthread_create(&slot->thread, NULL, hart_thread, slot) != 0) {
		atomic_store(&slot->state, SLOT_FREE);
		return -EIO;
	}
	slot->has_thread = true;
	return 0;
}

bool port_hart_refused(const void *area)
{
	for (unsigned int i = 1; i < PORT_MAX_HARTS; i++) {
		struct slot *slot = slot_of(i);
		if (slot->start.area == area && atomic_load(&slot->state) == SLOT_REFUSED) {
			return true;
		}
	}
	return false;
}

const char *port_hart_status(uint64_t id)
{
	if (!hsm) {
		return "unknown";
	}
	for (unsigned int i = 0; i < PORT_MAX_HARTS; i++) {
		struct slot *slot = slot_of(i);
		if (slot->id == id && atomic_load(&slot->state) == SLOT_STARTED) {
			return "started";
		}
	}
	return "stopped";
}

/* Hart 0's thread cannot end, the process would: it waits for another hart to end that, if there is one. */
static FPG_NORETURN void stop_first(void)
{
	for (unsigned int i = 1; i < PORT_MAX_HARTS; i++) {
		while (atomic_load(&slot_of(i)->state) == SLOT_STARTED) {
			pause();
		}
	}
	port_exit(0);
}

void port_hart_stop(void)
{
	if (port_hart_index() == 0) {
		stop_first();
	}
	atomic_store(&my_slot()->state, SLOT_STOPPED);
	pthread_exit(NULL);
}

void host_harts_stop(void)
{
	for (unsigned int i = 1; i < PORT_MAX_HARTS; i++) {
		struct slot *slot = slot_of(i);
		if (slot->has_thread) {
			notify(slot, &slot->ending);
		}
	}
	for (unsigned int i = 1; i < PORT_MAX_HARTS; i++) {
		forget(slot_of(i));
	}
}

size_t port_stack_high_water(const void *area, size_t *stack_bytes)
{
	(void)area;
	*stack_bytes = 0;
	return 0;
}
