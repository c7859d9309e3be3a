// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel's functions in the order in which drivers call them, and a count of what becomes of each page at the places where the
 * driver knows: where a destination is missing, where one is given, and where the kernel says what it made of it.
 */
#include <linux/pagemap.h>
#include <linux/vmalloc.h>
#include "stock.h"

static unsigned long fault_pages = 1;

void sequence_fault_pages(unsigned long pages)
{
	fault_pages = clamp(pages, 1, MOST_PAGES);
}

/* A call on its way. */
struct sequence {
	const struct stock_call *call;
	struct truth *truth;
	bool to_device;
	unsigned long pages;
	unsigned long *src, *dst;
	/* The source of each page that was given a destination; NOTHING for a hole. */
	struct page **given;
	struct folio **held;
};

#define NOTHING ((struct page *)-1L)

static void sequence_end(struct sequence *s)
{
	vfree(s->held);
	vfree(s->given);
	vfree(s->dst);
	vfree(s->src);
}

static int sequence_begin(struct sequence *s, unsigned long pages)
{
	s->pages = pages;
	s->src = vcalloc(pages, sizeof(*s->src));
	s->dst = vcalloc(pages, sizeof(*s->dst));
	s->given = vcalloc(pages, sizeof(*s->given));
	s->held = vcalloc(pages, sizeof(*s->held));
	s->truth = truth_new();
	if (s->src && s->dst && s->given && s->held && s->truth) {
		s->truth->requested = pages;
		s->truth->direction = s->to_device ? "to_device" : "to_system";
		return 0;
	}
	sequence_end(s);
	return -ENOMEM;
}

static bool is_nth(unsigned long index, u32 nth)
{
	return nth && index % nth == nth - 1;
}

/* How many pages the kernel has collected; the others it has left out. */
static unsigned long count_collected(struct sequence *s)
{
	unsigned long index, collected = 0;

	for (index = 0; index < s->pages; index++)
		collected += !!(s->src[index] & MIGRATE_PFN_MIGRATE);
	s->truth->skipped = s->pages - collected;
	return collected;
}

/* A destination for a page, locked, with what was in it. */
static unsigned long give(struct sequence *s, unsigned long index, struct page *from)
{
	struct page *page;

	if (!from && !(s->call->flags & STOCK_POPULATE))
		return 0;
	if (is_nth(index, s->call->decline))
		return 0;
	if (s->to_device) {
		page = memory_alloc();
	} else {
		page = alloc_page(GFP_HIGHUSER_MOVABLE);
		if (page)
			lock_page(page);
	}
	if (!page)
		return 0;
	memory_copy(page, from);
	return migrate_pfn(page_to_pfn(page));
}

/* What a driver does between setup and pages: it chooses, allocates, copies. */
static void alloc_and_copy(struct sequence *s)
{
	bool nothing = (s->call->flags & STOCK_ALL) && s->truth->skipped;
	unsigned long index;

	for (index = 0; index < s->pages; index++) {
		struct page *from = migrate_pfn_to_page(s->src[index]);

		if (!(s->src[index] & MIGRATE_PFN_MIGRATE))
			continue;
		if (!nothing)
			s->dst[index] = give(s, index, from);
		if (!s->dst[index]) {
			s->truth->declined++;
			s->truth->holes += !from;
			continue;
		}
		s->given[index] = from ?: NOTHING;
		if (from && is_nth(index, s->call->hold)) {
			s->held[index] = page_folio(from);
			folio_get(s->held[index]);
		}
	}
}

/* The page behind an entry has arrived; from NOTHING where there was a hole. */
static void arrived(struct truth *truth, struct page *from, struct page *to)
{
	if (!is_device_private_page(to))
		node_set(page_to_nid(to), truth->nodes);
	if (from == NOTHING) {
		truth->populated++;
		return;
	}
	truth->moved++;
	if (is_device_private_page(from)) {
		truth->from_device++;
	} else {
		truth->from_system++;
		node_set(page_to_nid(from), truth->nodes);
	}
}

/* What the kernel made of it. */
static void count_arrived(struct sequence *s)
{
	struct truth *truth = s->truth;
	unsigned long index;

	for (index = 0; index < s->pages; index++) {
		struct page *from = s->given[index];

		if (!from)
			continue;
		if (s->src[index] & MIGRATE_PFN_MIGRATE)
			arrived(truth, from, migrate_pfn_to_page(s->dst[index]));
		else if (from == NOTHING)
			truth->wasted_fill++;
		else
			truth->wasted_copy++;
	}
}

static void let_go(struct sequence *s)
{
	unsigned long index;

	for (index = 0; index < s->pages; index++)
		if (s->held[index])
			folio_put(s->held[index]);
}

static void migrate_range(struct sequence *s, struct migrate_vma *args)
{
	struct truth *truth = s->truth;
	unsigned long collected;

	truth->address = args->start;
	truth->mapping_start = args->vma->vm_start;
	truth->mapping_end = args->vma->vm_end;
	truth_who(truth, args->vma->vm_mm);
	if (!truth->tid)
		truth->cause = NULL;
	truth->error = migrate_vma_setup(args);
	if (truth->error) {
		truth->outcome = "rejected";
		truth->rejected = s->pages;
		return;
	}
	collected = count_collected(s);
	if (!collected) {
		/* As amdgpu, xe and nouveau do: there is nothing to finalize. */
		truth->outcome = "abandoned";
		return;
	}
	if (s->call->flags & STOCK_ROLL_BACK) {
		truth->outcome = "rolled_back";
		truth->rolled_back = collected;
	} else {
		truth->outcome = "completed";
		alloc_and_copy(s);
		migrate_vma_pages(args);
		count_arrived(s);
	}
	migrate_vma_finalize(args);
	let_go(s);
}

static int migrate_mm(struct sequence *s, struct mm_struct *mm, unsigned long flags)
{
	unsigned long start = s->call->start;
	struct migrate_vma args = { .start = start, .pgmap_owner = memory_owner(), .flags = flags };
	int error;

	mmap_read_lock(mm);
	args.vma = vma_lookup(mm, start);
	error = args.vma ? sequence_begin(s, s->call->pages) : -EINVAL;
	if (!error) {
		args.end = start + s->pages * PAGE_SIZE;
		args.src = s->src;
		args.dst = s->dst;
		s->truth->cause = "driver";
		migrate_range(s, &args);
		sequence_end(s);
	}
	mmap_read_unlock(mm);
	return error;
}

int sequence_to_device(struct mm_struct *mm, const struct stock_call *call)
{
	struct sequence s = { .call = call, .to_device = true };

	return migrate_mm(&s, mm, MIGRATE_VMA_SELECT_SYSTEM);
}

int sequence_to_system(struct mm_struct *mm, const struct stock_call *call)
{
	struct sequence s = { .call = call };

	return migrate_mm(&s, mm, MIGRATE_VMA_SELECT_DEVICE_PRIVATE);
}

/* The processor has touched a page that is on the device: it comes home, and others around it. */
vm_fault_t sequence_fault(struct vm_fault *vmf)
{
	static const struct stock_call plain;
	unsigned long bytes = fault_pages * PAGE_SIZE;
	struct migrate_vma args = {
		.vma = vmf->vma,
		.start = max(rounddown(vmf->address, bytes), vmf->vma->vm_start),
		.pgmap_owner = memory_owner(),
		.flags = MIGRATE_VMA_SELECT_DEVICE_PRIVATE,
		.fault_page = vmf->page,
	};
	struct sequence s = { .call = &plain };
	vm_fault_t failed;

	args.end = min(rounddown(vmf->address, bytes) + bytes, vmf->vma->vm_end);
	if (sequence_begin(&s, (args.end - args.start) / PAGE_SIZE))
		return VM_FAULT_OOM;
	args.src = s.src;
	args.dst = s.dst;
	s.truth->cause = "cpu_fault";
	migrate_range(&s, &args);
	failed = s.truth->moved ? 0 : VM_FAULT_SIGBUS;
	sequence_end(&s);
	return failed;
}

/* Of the pages that an eviction asks for, those that nobody has. */
static unsigned long count_free(struct sequence *s)
{
	unsigned long index, free = 0;

	for (index = 0; index < s->pages; index++)
		free += memory_is_free(s->call->start + index);
	return free;
}

int sequence_evict(const struct stock_call *call)
{
	struct sequence s = { .call = call };
	unsigned long index;
	int error;

	if (call->start >= ALL_PAGES || call->pages > ALL_PAGES - call->start)
		return -EINVAL;
	error = sequence_begin(&s, call->pages);
	if (error)
		return error;
	s.truth->cause = "eviction";
	s.truth->outcome = "completed";
	truth_who(s.truth, NULL);
	s.truth->free = count_free(&s);
	if (call->flags & STOCK_BY_FRAMES) {
		for (index = 0; index < s.pages; index++)
			s.src[index] = memory_frame(call->start + index);
		error = migrate_device_pfns(s.src, s.pages);
	} else {
		error = migrate_device_range(s.src, memory_frame(call->start), s.pages);
	}
	count_collected(&s);
	alloc_and_copy(&s);
	migrate_device_pages(s.src, s.dst, s.pages);
	count_arrived(&s);
	migrate_device_finalize(s.src, s.dst, s.pages);
	let_go(&s);
	sequence_end(&s);
	return error;
}
