/* SPDX-License-Identifier: GPL-2.0 */
/* What the module and the program that drives it agree on. */
#ifndef MIGRATE_STOCK_UAPI_H
#define MIGRATE_STOCK_UAPI_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* /dev/NAME, and the module's folder in debugfs. */
#ifndef STOCK_NAME
#define STOCK_NAME "migrate_stock"
#endif

/* Give a destination to what is not there: the driver makes pages. */
#define STOCK_POPULATE (1 << 0)
/* Go from setup to finalize. */
#define STOCK_ROLL_BACK (1 << 1)
/* All or nothing: no destination at all where one page could not be collected. */
#define STOCK_ALL (1 << 2)
/* A work item does it, not the caller. */
#define STOCK_BY_WORKER (1 << 3)
/* Evictions are told the frames one by one, not as a range. */
#define STOCK_BY_FRAMES (1 << 4)
#define STOCK_FLAGS ((1 << 5) - 1)

/* A call of the kernel's functions. */
struct stock_call {
	/* A range of the caller's; for evictions the first page of the device. */
	__u64 start;
	__u64 pages;
	__u32 flags;
	/* Every n-th page gets no destination; 0 for none. */
	__u32 decline;
	/* Every n-th page is held by somebody else after setup, so that its copy is in vain; 0 for none. */
	__u32 hold;
	__u32 reserved;
};

/* Both fail with ENOMEM and EINVAL only: what the kernel makes of the range, the truth tells. */
#define STOCK_TO_DEVICE _IOW('M', 0, struct stock_call)
#define STOCK_TO_SYSTEM _IOW('M', 1, struct stock_call)
#define STOCK_EVICT _IOW('M', 2, struct stock_call)
/* How many pages a CPU fault brings home from now on: `pages`. */
#define STOCK_FAULT_PAGES _IOW('M', 3, struct stock_call)
/* Forgets the truth of all calls so far. */
#define STOCK_FORGET _IO('M', 4)
/* Uses the large folio behind the device's pages once. */
#define STOCK_USE_LARGE _IO('M', 5)

#endif
