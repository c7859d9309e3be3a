// SPDX-License-Identifier: GPL-2.0
/* What became of each call, one JSON object per line, under the names that the tracer exports. */
#include <linux/debugfs.h>
#include <linux/mutex.h>
#include <linux/vmalloc.h>
#include "stock.h"

#define MOST_CALLS 4096

static struct truth *calls;
static unsigned int count;
static DEFINE_MUTEX(lock);
static struct dentry *folder;

struct truth *truth_new(void)
{
	struct truth *truth = NULL;

	mutex_lock(&lock);
	if (count < MOST_CALLS) {
		truth = &calls[count++];
		memset(truth, 0, sizeof(*truth));
	}
	mutex_unlock(&lock);
	return truth;
}

void truth_forget(void)
{
	mutex_lock(&lock);
	count = 0;
	mutex_unlock(&lock);
}

void truth_who(struct truth *truth, struct mm_struct *mm)
{
	struct task_struct *owner = NULL;

	rcu_read_lock();
	if (mm)
		owner = rcu_dereference(mm->owner);
	if (owner) {
		truth->owner = owner->tgid;
		get_task_comm(truth->comm, owner);
	}
	rcu_read_unlock();
	if (mm && current->mm == mm) {
		truth->tid = current->pid;
	} else {
		truth->worker = current->pid;
		get_task_comm(truth->worker_comm, current);
	}
}

/* Names are those of this test's own program and of kernel threads: nothing in them needs an escape. */
static void text(struct seq_file *file, const char *name, const char *value)
{
	if (value && *value)
		seq_printf(file, "\"%s\":\"%s\",", name, value);
	else
		seq_printf(file, "\"%s\":null,", name);
}

static void number_or_null(struct seq_file *file, const char *name, bool known, u64 value)
{
	if (known)
		seq_printf(file, "\"%s\":%llu,", name, value);
	else
		seq_printf(file, "\"%s\":null,", name);
}

/* No call has both kinds on one side. */
static void memory(struct seq_file *file, const char *side, const struct truth *truth, u64 system, u64 device)
{
	const char *kind = system ? "system" : device ? "device_private" : NULL;

	text(file, side, kind);
	if (device)
		seq_printf(file, "\"%s_place\":\"%s\",", side, STOCK_NAME);
	else if (system && nodes_weight(truth->nodes) == 1)
		seq_printf(file, "\"%s_place\":\"node%u\",", side, first_node(truth->nodes));
	else
		seq_printf(file, "\"%s_place\":null,", side);
}

static void arrived(struct seq_file *file, const struct truth *truth)
{
	u64 all = truth->moved + truth->populated;
	bool to_device = !strcmp(truth->direction, "to_device");

	memory(file, "from", truth, truth->from_system, truth->from_device);
	memory(file, "to", truth, to_device ? 0 : all, to_device ? all : 0);
	seq_printf(file, "\"from_system_pages\":%llu,\"from_private_pages\":%llu,\"from_coherent_pages\":0,",
		   truth->from_system, truth->from_device);
	seq_printf(file, "\"to_system_pages\":%llu,\"to_private_pages\":%llu,\"to_coherent_pages\":0,",
		   to_device ? 0 : all, to_device ? all : 0);
}

static void line(struct seq_file *file, const struct truth *truth)
{
	bool eviction = truth->cause && !strcmp(truth->cause, "eviction");

	seq_putc(file, '{');
	number_or_null(file, "pid", truth->owner, truth->owner);
	text(file, "comm", truth->comm);
	number_or_null(file, "tid", truth->tid, truth->tid);
	number_or_null(file, "worker_tid", truth->worker, truth->worker);
	text(file, "worker_comm", truth->worker_comm);
	text(file, "direction", truth->direction);
	text(file, "cause", truth->cause);
	text(file, "outcome", truth->outcome);
	number_or_null(file, "errno", truth->error, -truth->error);
	number_or_null(file, "address", truth->address, truth->address);
	number_or_null(file, "mapping_start", truth->address, truth->mapping_start);
	number_or_null(file, "mapping_end", truth->address, truth->mapping_end);
	arrived(file, truth);
	number_or_null(file, "declined_holes", true, truth->holes);
	number_or_null(file, "free", eviction, truth->free);
	seq_printf(file, "\"requested\":%llu,\"skipped\":%llu,\"declined\":%llu,\"moved\":%llu,\"populated\":%llu,",
		   truth->requested, truth->skipped, truth->declined, truth->moved, truth->populated);
	seq_printf(file, "\"wasted_copy\":%llu,\"wasted_fill\":%llu,\"rolled_back\":%llu,\"rejected\":%llu}\n",
		   truth->wasted_copy, truth->wasted_fill, truth->rolled_back, truth->rejected);
}

static int calls_show(struct seq_file *file, void *unused)
{
	unsigned int index;

	mutex_lock(&lock);
	for (index = 0; index < count; index++)
		line(file, &calls[index]);
	mutex_unlock(&lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(calls);

int truth_begin(void)
{
	calls = vzalloc(MOST_CALLS * sizeof(*calls));
	if (!calls)
		return -ENOMEM;
	folder = debugfs_create_dir(STOCK_NAME, NULL);
	debugfs_create_file("calls", 0400, folder, NULL, &calls_fops);
	return 0;
}

void truth_end(void)
{
	debugfs_remove(folder);
	vfree(calls);
}
