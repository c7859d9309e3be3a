/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the Rust code needs of the kernel's headers and the kernel crate does not have: the migrate_vma interface,
 * constants that are macros, and functions that are inline or macros (shim.c makes real functions of them).
 */
#ifndef MIGRATE_TEST_BINDINGS_H
#define MIGRATE_TEST_BINDINGS_H

#include <linux/gfp.h>
#include <linux/highmem.h>
#include <linux/hmm.h>
#include <linux/huge_mm.h>
#include <linux/memremap.h>
#include <linux/migrate.h>
#include <linux/mm.h>
#include <linux/mmu_notifier.h>
#include <linux/miscdevice.h>
#include <linux/mutex.h>
#include <linux/pagemap.h>
#include <linux/rmap.h>
#include <linux/sched.h>

#ifdef CONFIG_ARCH_ENABLE_THP_MIGRATION
static const unsigned int MIGRATE_TEST_COMPOUND_ORDER = HPAGE_PMD_ORDER;
#else
static const unsigned int MIGRATE_TEST_COMPOUND_ORDER = 0;
#endif

/* What stands in for device memory: nothing needs to move it. */
static const gfp_t MIGRATE_TEST_GFP_BACKING = GFP_HIGHUSER | __GFP_NOWARN;
/* A page that comes home. */
static const gfp_t MIGRATE_TEST_GFP_PAGE = GFP_HIGHUSER_MOVABLE | __GFP_NOWARN;
/* A large folio that comes home and may be split instead: whatever is there. */
static const gfp_t MIGRATE_TEST_GFP_LARGE = GFP_TRANSHUGE_LIGHT;
/* A large folio that has to come home whole: try hard. */
static const gfp_t MIGRATE_TEST_GFP_LARGE_HARD = GFP_TRANSHUGE | __GFP_RETRY_MAYFAIL;

/* Sizes that layout.rs compares with those which Rust believes in. */
static const unsigned long MIGRATE_TEST_SIZE_PAGE = sizeof(struct page);
static const unsigned long MIGRATE_TEST_SIZE_FOLIO = sizeof(struct folio);
static const unsigned long MIGRATE_TEST_SIZE_VMA = sizeof(struct vm_area_struct);
static const unsigned long MIGRATE_TEST_SIZE_VM_FAULT = sizeof(struct vm_fault);
static const unsigned long MIGRATE_TEST_SIZE_PAGEMAP = sizeof(struct dev_pagemap);
static const unsigned long MIGRATE_TEST_SIZE_RESOURCE = sizeof(struct resource);
static const unsigned long MIGRATE_TEST_SIZE_MISCDEVICE = sizeof(struct miscdevice);
static const unsigned long MIGRATE_TEST_SIZE_FILE_OPERATIONS = sizeof(struct file_operations);
static const unsigned long MIGRATE_TEST_SIZE_FILE = sizeof(struct file);
static const unsigned long MIGRATE_TEST_SIZE_KIOCB = sizeof(struct kiocb);
static const unsigned long MIGRATE_TEST_SIZE_INTERVAL = sizeof(struct mmu_interval_notifier);
static const unsigned long MIGRATE_TEST_SIZE_MUTEX = sizeof(struct mutex);
static const unsigned long MIGRATE_TEST_SIZE_XARRAY = sizeof(struct xarray);

/* Whether this kernel has fences (fence.c). */
static const bool MIGRATE_TEST_HAS_FENCES = IS_ENABLED(CONFIG_DMA_SHARED_BUFFER);

static const unsigned int MIGRATE_TEST_COMM_LEN = TASK_COMM_LEN;

struct dma_fence;

struct mm_struct *migrate_test_current_mm(void);
int migrate_test_current_pid(void);
int migrate_test_current_tgid(void);
void migrate_test_current_comm(char *comm);
int migrate_test_mm_owner(struct mm_struct *mm, char *comm);
bool migrate_test_in_user_exception(void);
struct folio *migrate_test_alloc_folio(gfp_t gfp, unsigned int order);
struct folio *migrate_test_alloc_on_node(gfp_t gfp, unsigned int node);
void migrate_test_copy_page(struct page *to, struct page *from);
void migrate_test_clear_page(struct page *page);
struct page *migrate_test_pfn_to_page(unsigned long pfn);
unsigned long migrate_test_page_to_pfn(const struct page *page);
struct folio *migrate_test_page_folio(struct page *page);
struct page *migrate_test_folio_page(struct folio *folio);
unsigned int migrate_test_folio_order(const struct folio *folio);
void migrate_test_folio_get(struct folio *folio);
bool migrate_test_folio_try_get(struct folio *folio);
void migrate_test_folio_put(struct folio *folio);
void migrate_test_folio_lock(struct folio *folio);
bool migrate_test_folio_trylock(struct folio *folio);
bool migrate_test_is_device_page(const struct page *page);
bool migrate_test_is_coherent_page(const struct page *page);
int migrate_test_page_node(const struct page *page);
bool migrate_test_is_anonymous(struct page *page);
bool migrate_test_vma_is_anonymous(struct vm_area_struct *vma);
void migrate_test_cpu_relax(void);
void migrate_test_device_folio_init(struct folio *folio, struct dev_pagemap *pgmap, unsigned int order);
void migrate_test_device_folio_dissolve(struct folio *folio);
struct dev_pagemap *migrate_test_page_pgmap(const struct page *page);
void migrate_test_interval_changed(struct mmu_interval_notifier *interval, unsigned long sequence);
bool migrate_test_interval_read_retry(struct mmu_interval_notifier *interval, unsigned long sequence);
bool migrate_test_range_is_blockable(const struct mmu_notifier_range *range);
struct dma_fence *migrate_test_fence_new(void);
void migrate_test_fence_signal(struct dma_fence *fence);
void migrate_test_fence_wait(struct dma_fence *fence);
void migrate_test_fence_put(struct dma_fence *fence);
void migrate_test_mutex_init(struct mutex *mutex);
int migrate_test_mutex_lock_killable(struct mutex *mutex);

#endif
