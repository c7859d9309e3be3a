// SPDX-License-Identifier: GPL-2.0
/* Functions for inline functions and macros of the kernel that Rust cannot call. Nothing else belongs here. */
#include <linux/sched/task_stack.h>
#include <linux/string.h>
#include <asm/syscall.h>

#include "bindings.h"

static void get_task_comm_padded(char *comm, struct task_struct *task)
{
	memset(comm, 0, TASK_COMM_LEN);
	strscpy(comm, task->comm, TASK_COMM_LEN);
}

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

void migrate_test_current_comm(char *comm)
{
	get_task_comm_padded(comm, current);
}

/*
 * Whose address space it is: the process, and its name. 0 where nobody has it any more, and where the kernel
 * does not keep that (it does for memory cgroups).
 */
int migrate_test_mm_owner(struct mm_struct *mm, char *comm)
{
	int tgid = 0;
#ifdef CONFIG_MEMCG
	struct task_struct *owner;

	rcu_read_lock();
	owner = rcu_dereference(mm->owner);
	if (owner) {
		tgid = owner->tgid;
		get_task_comm_padded(comm, owner);
	}
	rcu_read_unlock();
#endif
	return tgid;
}

/*
 * Whether this thread came from user code by an exception, and not by a system call: entries by an exception say
 * that there is no call to restart.
 */
bool migrate_test_in_user_exception(void)
{
	if (current->flags & PF_KTHREAD)
		return false;
	return syscall_get_nr(current, task_pt_regs(current)) == -1;
}

struct folio *migrate_test_alloc_folio(gfp_t gfp, unsigned int order)
{
	return folio_alloc(gfp, order);
}

struct folio *migrate_test_alloc_on_node(gfp_t gfp, unsigned int node)
{
	if (node >= MAX_NUMNODES || !node_state(node, N_MEMORY))
		return NULL;
	return __folio_alloc_node(gfp | __GFP_THISNODE, 0, node);
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

bool migrate_test_is_coherent_page(const struct page *page)
{
	return is_device_coherent_page(page);
}

int migrate_test_page_node(const struct page *page)
{
	return page_to_nid(page);
}

bool migrate_test_is_anonymous(struct page *page)
{
	return folio_test_anon(page_folio(page));
}

bool migrate_test_vma_is_anonymous(struct vm_area_struct *vma)
{
	return vma_is_anonymous(vma);
}

void migrate_test_cpu_relax(void)
{
	cpu_relax();
}

/*
 * Free pages of a large folio go on saying that they are part of it, and migrate_device_range() believes them: it
 * takes the whole range for that folio, even if some of its pages are in use again by themselves. This forgets it, as
 * zone_device_page_init() does when pages are allocated.
 */
void migrate_test_device_folio_dissolve(struct folio *folio)
{
	struct dev_pagemap *pgmap = folio->pgmap;
	unsigned long pages = folio_nr_pages(folio);
	struct page *first = folio_page(folio, 0);
	unsigned long i;

	if (pages == 1)
		return;
	for (i = 0; i < pages; i++) {
		struct folio *single = (struct folio *)(first + i);

		single->flags.f &= ~0xffUL;
		/* The same word says which folio a page is part of. */
		single->pgmap = pgmap;
	}
#ifdef NR_PAGES_IN_LARGE_FOLIO
	folio->_nr_pages = 0;
#endif
}

/*
 * A device page keeps most flags of what it was before, and gets those of what comes to it. Active from before and
 * unevictable from now are a VM_BUG_ON in folio_migrate_flags() when it leaves again.
 */
void migrate_test_device_folio_init(struct folio *folio, struct dev_pagemap *pgmap, unsigned int order)
{
	zone_device_folio_init(folio, pgmap, order);
	folio_clear_active(folio);
	folio_clear_unevictable(folio);
}

struct dev_pagemap *migrate_test_page_pgmap(const struct page *page)
{
	return page_pgmap(page);
}

void migrate_test_interval_changed(struct mmu_interval_notifier *interval, unsigned long sequence)
{
	mmu_interval_set_seq(interval, sequence);
}

bool migrate_test_interval_read_retry(struct mmu_interval_notifier *interval, unsigned long sequence)
{
	return mmu_interval_read_retry(interval, sequence);
}

bool migrate_test_range_is_blockable(const struct mmu_notifier_range *range)
{
	return mmu_notifier_range_blockable(range);
}

void migrate_test_mutex_init(struct mutex *mutex)
{
	mutex_init(mutex);
}

int migrate_test_mutex_lock_killable(struct mutex *mutex)
{
	return mutex_lock_killable(mutex);
}
