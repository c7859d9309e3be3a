// SPDX-License-Identifier: GPL-2.0
/* Functions for inline functions and macros of the kernel that Rust cannot call. Nothing else belongs here. */
#include "bindings.h"

struct mm_struct *migrate_test_current_mm(void)
{
	return current->mm;
}

int migrate_test_current_pid(void)
{
	return current->pid;
}

int migrate_test_current_tgid(void)
{
	return current->tgid;
}

struct folio *migrate_test_alloc_folio(gfp_t gfp, unsigned int order)
{
	return folio_alloc(gfp, order);
}

void migrate_test_copy_page(struct page *to, struct page *from)
{
	copy_highpage(to, from);
}

void migrate_test_clear_page(struct page *page)
{
	clear_highpage(page);
}

struct page *migrate_test_pfn_to_page(unsigned long pfn)
{
	return pfn_to_page(pfn);
}

unsigned long migrate_test_page_to_pfn(const struct page *page)
{
	return page_to_pfn(page);
}

struct folio *migrate_test_page_folio(struct page *page)
{
	return page_folio(page);
}

struct page *migrate_test_folio_page(struct folio *folio)
{
	return folio_page(folio, 0);
}

unsigned int migrate_test_folio_order(const struct folio *folio)
{
	return folio_order(folio);
}

void migrate_test_folio_get(struct folio *folio)
{
	folio_get(folio);
}

bool migrate_test_folio_try_get(struct folio *folio)
{
	return folio_try_get(folio);
}

void migrate_test_folio_put(struct folio *folio)
{
	folio_put(folio);
}

void migrate_test_folio_lock(struct folio *folio)
{
	folio_lock(folio);
}

bool migrate_test_folio_trylock(struct folio *folio)
{
	return folio_trylock(folio);
}

bool migrate_test_is_device_page(const struct page *page)
{
	return is_device_private_page(page);
}

bool migrate_test_is_anonymous(struct page *page)
{
	return folio_test_anon(page_folio(page));
}

void migrate_test_cpu_relax(void)
{
	cpu_relax();
}

/*
 * Makes the pages of a folio that was freed as good as new. The kernel does not, as it does for pages of system memory,
 * and believes what they still say:
 *
 * - that they are part of a large folio: migrate_device_range() takes its whole range for one, even if some of the pages
 *   are in use again by themselves;
 * - that they are active, say: a page that comes to the device with other flags then has both, and folio_migrate_flags()
 *   does not put up with active and unevictable.
 */
void migrate_test_device_folio_reset(struct folio *folio)
{
	const unsigned long stale = PAGEFLAGS_MASK & ~BIT(PG_reserved);
	struct dev_pagemap *pgmap = folio->pgmap;
	unsigned long pages = folio_nr_pages(folio);
	struct page *first = folio_page(folio, 0);
	unsigned long i;

#ifdef NR_PAGES_IN_LARGE_FOLIO
	if (pages > 1)
		folio->_nr_pages = 0;
#endif
	for (i = 0; i < pages; i++) {
		struct folio *single = (struct folio *)(first + i);

		single->flags.f &= ~stale;
		/* The same word says which folio a page is part of. */
		single->pgmap = pgmap;
	}
}

void migrate_test_device_folio_init(struct folio *folio, struct dev_pagemap *pgmap, unsigned int order)
{
	zone_device_folio_init(folio, pgmap, order);
}

struct dev_pagemap *migrate_test_page_pgmap(const struct page *page)
{
	return page_pgmap(page);
}
