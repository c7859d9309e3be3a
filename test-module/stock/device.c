// SPDX-License-Identifier: GPL-2.0
/*
 * Device memory without a device, in C, for kernels that distributions ship: against them no Rust module can be built. It does little of
 * what migrate_test does, and like that one counts for itself what became of each page.
 */
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/uaccess.h>
#include <linux/workqueue.h>
#include "stock.h"

typedef int (*sequence_fn)(struct mm_struct *mm, const struct stock_call *call);

/* What a work item does for a process, while that waits. */
struct errand {
	struct work_struct work;
	sequence_fn run;
	struct mm_struct *mm;
	const struct stock_call *call;
	int result;
};

static void run_errand(struct work_struct *work)
{
	struct errand *errand = container_of(work, struct errand, work);

	errand->result = errand->run(errand->mm, errand->call);
}

static int run(sequence_fn sequence, const struct stock_call *call)
{
	struct errand errand = { .run = sequence, .mm = current->mm, .call = call };

	if (!(call->flags & STOCK_BY_WORKER))
		return sequence(current->mm, call);
	INIT_WORK_ONSTACK(&errand.work, run_errand);
	queue_work(system_dfl_wq, &errand.work);
	flush_work(&errand.work);
	destroy_work_on_stack(&errand.work);
	return errand.result;
}

static bool is_sound(const struct stock_call *call)
{
	return call->pages && call->pages <= MOST_PAGES && !(call->flags & ~STOCK_FLAGS) && !call->reserved;
}

static long device_ioctl(struct file *file, unsigned int command, unsigned long argument)
{
	struct stock_call call;

	if (command == STOCK_FORGET) {
		truth_forget();
		return 0;
	}
	if (command == STOCK_USE_LARGE) {
		memory_use_large();
		return 0;
	}
	if (copy_from_user(&call, (void __user *)argument, sizeof(call)))
		return -EFAULT;
	if (!is_sound(&call))
		return -EINVAL;
	switch (command) {
	case STOCK_TO_DEVICE:
	case STOCK_TO_SYSTEM:
		if (!PAGE_ALIGNED(call.start))
			return -EINVAL;
		return run(command == STOCK_TO_DEVICE ? sequence_to_device : sequence_to_system, &call);
	case STOCK_EVICT:
		return sequence_evict(&call);
	case STOCK_FAULT_PAGES:
		sequence_fault_pages(call.pages);
		return 0;
	default:
		return -ENOTTY;
	}
}

static const struct file_operations operations = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = device_ioctl,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = STOCK_NAME,
	.fops = &operations,
	.mode = 0600,
};

static int __init stock_begin(void)
{
	int error = truth_begin();

	if (error)
		return error;
	error = memory_begin();
	if (error)
		goto end_truth;
	error = misc_register(&device);
	if (!error)
		return 0;
	memory_end();
end_truth:
	truth_end();
	return error;
}

/* Nobody has the device open any more, but processes may have left pages on it: they go home. */
static void __exit stock_end(void)
{
	struct stock_call all = { .pages = DEVICE_PAGES };

	misc_deregister(&device);
	sequence_evict(&all);
	memory_end();
	truth_end();
}

module_init(stock_begin);
module_exit(stock_end);
MODULE_DESCRIPTION("Migrates its callers' pages to device memory that is not there, and counts");
MODULE_LICENSE("GPL");
