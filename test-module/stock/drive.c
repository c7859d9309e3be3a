// SPDX-License-Identifier: GPL-2.0
/*
 * Has the module migrate this program's memory in every way it knows, always the same ones in the same order, and looks after each
 * whether the memory still holds what was written.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>
#include "uapi.h"

/* As many as the device has. */
#define DEVICE_PAGES 2048UL
/* And those of the large folio behind them. */
#define LARGE_PAGES 16UL

static int device;
/* What the kernel's page has, and what a huge one; real-time kernels have no huge ones. */
static unsigned long page_bytes, huge_bytes;
static int has_huge;

static void fail(const char *what)
{
	fprintf(stderr, "drive: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void call(const char *what, unsigned long command, struct stock_call call)
{
	if (ioctl(device, command, &call))
		fail(what);
}

/* Memory with a guard behind it, so that no other lies beside it. */
static char *map(unsigned long pages, int advice)
{
	unsigned long bytes = pages * page_bytes;
	char *all = mmap(NULL, bytes + 2 * huge_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *memory = (char *)(((unsigned long)all + huge_bytes - 1) / huge_bytes * huge_bytes);

	if (all == MAP_FAILED || mprotect(memory, bytes, PROT_READ | PROT_WRITE))
		fail("map");
	if (has_huge && madvise(memory, bytes, advice))
		fail("madvise");
	return memory;
}

static void unmap(char *memory, unsigned long pages)
{
	if (munmap(memory, pages * page_bytes))
		fail("munmap");
}

static void fill(char *memory, unsigned long pages)
{
	for (unsigned long page = 0; page < pages; page++)
		memset(memory + page * page_bytes, (int)(page % 251) + 1, page_bytes);
}

static void check(const char *what, char *memory, unsigned long pages)
{
	for (unsigned long at = 0; at < pages * page_bytes; at += page_bytes / 2)
		if (memory[at] != (char)(at / page_bytes % 251 + 1)) {
			fprintf(stderr, "drive: %s: page %lu holds %d\n", what, at / page_bytes, memory[at]);
			exit(1);
		}
}

static struct stock_call range(char *memory, unsigned long pages)
{
	return (struct stock_call){ .start = (unsigned long)memory, .pages = pages };
}

static void to_device(char *memory, unsigned long pages, __u32 flags)
{
	struct stock_call all = range(memory, pages);

	all.flags = flags;
	call("to the device", STOCK_TO_DEVICE, all);
}

static void to_system(char *memory, unsigned long pages)
{
	call("to the system", STOCK_TO_SYSTEM, range(memory, pages));
}

static void evict(unsigned long first, unsigned long pages, __u32 flags)
{
	call("evict", STOCK_EVICT, (struct stock_call){ .start = first, .pages = pages, .flags = flags });
}

/* There and back: by the driver, by touching, by a work item, by eviction. */
static void round_trips(unsigned long pages)
{
	char *memory = map(pages, MADV_NOHUGEPAGE);

	fill(memory, pages);
	to_device(memory, pages, 0);
	to_system(memory, pages);
	check("to_system", memory, pages);
	to_device(memory, pages, 0);
	call("fault pages", STOCK_FAULT_PAGES, (struct stock_call){ .pages = pages > 16 ? 32 : 1 });
	check("fault", memory, pages);
	to_device(memory, pages, STOCK_BY_WORKER);
	/* What is there already is not collected: nothing is left to do. */
	to_device(memory, pages, 0);
	evict(0, DEVICE_PAGES, pages % 2 ? STOCK_BY_FRAMES : 0);
	check("evict", memory, pages);
	unmap(memory, pages);
}

/* Destinations that are not given, copies that are in vain, calls that are given up. */
static void failures(unsigned long pages)
{
	char *memory = map(pages, MADV_NOHUGEPAGE);
	struct stock_call all = range(memory, pages);

	fill(memory, pages);
	to_device(memory, pages, STOCK_ROLL_BACK);
	all.decline = 3;
	call("decline", STOCK_TO_DEVICE, all);
	to_system(memory, pages);
	all.decline = 0;
	all.hold = 4;
	call("hold", STOCK_TO_DEVICE, all);
	call("hold", STOCK_TO_SYSTEM, all);
	to_device(memory, pages, 0);
	evict(0, pages / 2 + 1, 0);
	to_device(memory, pages, STOCK_ALL);
	check("failures", memory, pages);
	/* The range goes on behind its end. */
	to_device(memory, pages + 1, 0);
	unmap(memory, pages);
}

/* Every second page is not there. */
static void holes(unsigned long pages)
{
	char *memory = map(pages, MADV_NOHUGEPAGE);

	for (unsigned long page = 0; page < pages; page += 2)
		memory[page * page_bytes] = 1;
	to_device(memory, pages, 0);
	to_device(memory, pages, STOCK_POPULATE);
	to_system(memory, pages);
	for (unsigned long page = 0; page < pages; page++)
		if (memory[page * page_bytes] != !(page % 2)) {
			fprintf(stderr, "drive: holes: page %lu\n", page);
			exit(1);
		}
	unmap(memory, pages);
}

/* Somebody wants to be asked before a page comes: none can be made. */
static void fills_in_vain(unsigned long pages)
{
	char *memory = map(pages, MADV_NOHUGEPAGE);
	int handler = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register all = {
		.range = { (unsigned long)memory, pages * page_bytes },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};

	if (handler < 0 || ioctl(handler, UFFDIO_API, &api) || ioctl(handler, UFFDIO_REGISTER, &all))
		fail("userfaultfd");
	to_device(memory, pages, STOCK_POPULATE);
	close(handler);
	unmap(memory, pages);
}

/* A pipe holds the first page: it cannot be collected. */
static void held_by_a_pipe(unsigned long pages)
{
	char *memory = map(pages, MADV_NOHUGEPAGE);
	struct iovec first = { memory, page_bytes };
	int ends[2];

	fill(memory, pages);
	if (pipe(ends) || vmsplice(ends[1], &first, 1, 0) != (ssize_t)page_bytes)
		fail("vmsplice");
	to_device(memory, pages, 0);
	to_device(memory, pages, STOCK_ALL);
	close(ends[0]);
	close(ends[1]);
	to_system(memory, pages);
	check("pipe", memory, pages);
	unmap(memory, pages);
}

/* The kernel splits what the driver does not want whole. */
static void huge(void)
{
	unsigned long all = huge_bytes / page_bytes;
	unsigned long pages = all < DEVICE_PAGES ? all : DEVICE_PAGES;
	char *memory = map(pages, MADV_HUGEPAGE);

	fill(memory, pages);
	to_device(memory, pages, 0);
	to_system(memory, pages);
	check("huge", memory, pages);
	unmap(memory, pages);
}

/* More than the device has, and then all of it back. */
static void full(void)
{
	unsigned long pages = DEVICE_PAGES + 64;
	char *memory = map(pages, MADV_NOHUGEPAGE);

	fill(memory, pages);
	to_device(memory, pages, 0);
	evict(DEVICE_PAGES / 2, DEVICE_PAGES / 2, STOCK_BY_FRAMES);
	evict(0, DEVICE_PAGES, 0);
	check("full", memory, pages);
	unmap(memory, pages);
}

/* Pages that nobody has, some of them one large folio, which is not as large as the page tables have them. */
static void freed_large_folio(void)
{
	if (ioctl(device, STOCK_USE_LARGE))
		fail("use the large folio");
	evict(DEVICE_PAGES, LARGE_PAGES, 0);
	evict(DEVICE_PAGES - 7, 7 + LARGE_PAGES, 0);
	evict(DEVICE_PAGES - 7, 7 + LARGE_PAGES, STOCK_BY_FRAMES);
}

static void ask_for_sizes(void)
{
	FILE *file = fopen("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size", "r");

	page_bytes = sysconf(_SC_PAGESIZE);
	huge_bytes = 512 * page_bytes;
	if (!file && errno == ENOENT)
		return;
	if (!file || fscanf(file, "%lu", &huge_bytes) != 1)
		fail("the size of a huge page");
	has_huge = 1;
	fclose(file);
}

int main(void)
{
	static const unsigned long sizes[] = { 1, 2, 15, 64, 513 };

	ask_for_sizes();
	device = open("/dev/" STOCK_NAME, O_RDWR | O_CLOEXEC);
	if (device < 0)
		fail("/dev/" STOCK_NAME);
	if (ioctl(device, STOCK_FORGET))
		fail("forget");
	for (unsigned int index = 0; index < sizeof(sizes) / sizeof(*sizes); index++) {
		round_trips(sizes[index]);
		failures(sizes[index]);
		holes(sizes[index]);
		fills_in_vain(sizes[index]);
		held_by_a_pipe(sizes[index]);
	}
	if (has_huge)
		huge();
	full();
	freed_large_folio();
	return 0;
}
