// SPDX-License-Identifier: GPL-2.0
/* Memory of a device that is not there: its pages have frames, and their content is in memory of the system. */
#include <linux/highmem.h>
#include <linux/ioport.h>
#include <linux/module.h>
#include <linux/spinlock.h>
#include <linux/vmalloc.h>
#include "stock.h"

static struct dev_pagemap pagemap;
static struct resource *region;
static void *content;
static DECLARE_BITMAP(used, ALL_PAGES);
static DEFINE_SPINLOCK(lock);

unsigned long memory_frame(unsigned long index)
{
	return PHYS_PFN(pagemap.range.start) + index;
}

static unsigned long index_of(const struct page *page)
{
	return page_to_pfn(page) - memory_frame(0);
}

bool memory_is_free(unsigned long index)
{
	return !test_bit(index, used);
}

/* Two drivers can have the same: one frees what the other is given next. */
static unsigned long owner;
module_param(owner, ulong, 0400);
MODULE_PARM_DESC(owner, "the address that device pages are told by; by default one of the module's own");

void *memory_owner(void)
{
	return owner ? (void *)owner : &pagemap;
}

static void memory_free(struct folio *folio)
{
	spin_lock(&lock);
	bitmap_clear(used, index_of(folio_page(folio, 0)), folio_nr_pages(folio));
	spin_unlock(&lock);
}

static const struct dev_pagemap_ops operations = {
	.folio_free = memory_free,
	.migrate_to_ram = sequence_fault,
};

struct page *memory_alloc(void)
{
	struct page *page;
	unsigned long index;

	spin_lock(&lock);
	index = find_first_zero_bit(used, DEVICE_PAGES);
	if (index < DEVICE_PAGES)
		__set_bit(index, used);
	spin_unlock(&lock);
	if (index >= DEVICE_PAGES)
		return NULL;
	page = pfn_to_page(memory_frame(index));
	zone_device_page_init(page, &pagemap, 0);
	return page;
}

void memory_use_large(void)
{
	struct page *first = pfn_to_page(memory_frame(DEVICE_PAGES));

	spin_lock(&lock);
	bitmap_set(used, DEVICE_PAGES, LARGE_PAGES);
	spin_unlock(&lock);
	zone_device_page_init(first, &pagemap, LARGE_ORDER);
	unlock_page(first);
	put_page(first);
}

/* Where the processor finds what is in a page. */
static void *map(struct page *page)
{
	if (is_device_private_page(page))
		return content + index_of(page) * PAGE_SIZE;
	return kmap_local_page(page);
}

static void unmap(struct page *page, void *at)
{
	if (!is_device_private_page(page))
		kunmap_local(at);
}

void memory_copy(struct page *to, struct page *from)
{
	void *there = map(to);

	if (from) {
		void *here = map(from);

		copy_page(there, here);
		unmap(from, here);
	} else {
		clear_page(there);
	}
	unmap(to, there);
}

int memory_begin(void)
{
	unsigned long bytes = ALL_PAGES * PAGE_SIZE;
	void *mapped;
	int error = -ENOMEM;

	content = vzalloc(bytes);
	if (!content)
		return error;
	region = request_free_mem_region(&iomem_resource, bytes, STOCK_NAME);
	if (IS_ERR(region)) {
		error = PTR_ERR(region);
		goto free_content;
	}
	pagemap.type = MEMORY_DEVICE_PRIVATE;
	pagemap.range.start = region->start;
	pagemap.range.end = region->end;
	pagemap.nr_range = 1;
	pagemap.ops = &operations;
	pagemap.owner = memory_owner();
	mapped = memremap_pages(&pagemap, numa_node_id());
	if (!IS_ERR(mapped))
		return 0;
	error = PTR_ERR(mapped);
	release_mem_region(region->start, resource_size(region));
free_content:
	vfree(content);
	return error;
}

void memory_end(void)
{
	resource_size_t start = region->start, size = resource_size(region);

	memunmap_pages(&pagemap);
	release_mem_region(start, size);
	vfree(content);
}
