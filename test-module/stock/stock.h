/* SPDX-License-Identifier: GPL-2.0 */
#ifndef MIGRATE_STOCK_H
#define MIGRATE_STOCK_H

#include <linux/memremap.h>
#include <linux/migrate.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include "uapi.h"

/* The device's memory, and the most pages that one call can have. */
#define DEVICE_PAGES 2048
#define MOST_PAGES 4096

/* Behind it lies one large folio, of another size than the page tables have. */
#define LARGE_ORDER 4
#define LARGE_PAGES (1 << LARGE_ORDER)
#define ALL_PAGES (DEVICE_PAGES + LARGE_PAGES)

/* memory.c: device-private memory, with its content in memory of the system. */
int memory_begin(void);
void memory_end(void);
/* A page, locked, with one reference; NULL when all are in use. */
struct page *memory_alloc(void);
/* Makes the large folio and lets it go: nobody has it, and it still has its order. */
void memory_use_large(void);
/* Frame of a page of the device, and whether somebody has it. */
unsigned long memory_frame(unsigned long index);
bool memory_is_free(unsigned long index);
void *memory_owner(void);
/* From page to page, whichever of them is the device's; from nothing zeros. */
void memory_copy(struct page *to, struct page *from);

/* truth.c: what became of each call, as the driver sees it. */
struct truth {
	const char *direction;
	/* NULL where nothing on the stack would tell: a work item of a driver that nobody knows. */
	const char *cause;
	const char *outcome;
	int error;
	u64 address;
	u64 mapping_start;
	u64 mapping_end;
	/* Zero where nobody in particular owns the memory. */
	u32 owner;
	char comm[TASK_COMM_LEN];
	u32 worker;
	u32 tid;
	char worker_comm[TASK_COMM_LEN];
	/* Base pages. */
	u64 requested, skipped, declined, moved, populated;
	u64 wasted_copy, wasted_fill, rolled_back, rejected;
	/* Of what was declined, and of what was skipped. */
	u64 holes, free;
	/* Of what was moved: where from. What arrived went to the other side. */
	u64 from_system, from_device;
	/* The nodes of the system's memory among what arrived, on either side. */
	nodemask_t nodes;
};

int truth_begin(void);
void truth_end(void);
void truth_forget(void);
/* Keeps a call's truth, in the order in which calls begin; NULL when there is no more room. */
struct truth *truth_new(void);
/* Keeps who calls, and whose memory it is. */
void truth_who(struct truth *truth, struct mm_struct *mm);

/* sequence.c: the calls themselves. */
int sequence_to_device(struct mm_struct *mm, const struct stock_call *call);
int sequence_to_system(struct mm_struct *mm, const struct stock_call *call);
int sequence_evict(const struct stock_call *call);
vm_fault_t sequence_fault(struct vm_fault *vmf);
void sequence_fault_pages(unsigned long pages);

#endif
