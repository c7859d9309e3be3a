// SPDX-License-Identifier: GPL-2.0
/* A fence of the kernel's, as drivers have it for what their devices are doing. Some kernels have none. */
#include <linux/dma-fence.h>
#include <linux/slab.h>

#include "bindings.h"

#ifdef CONFIG_DMA_SHARED_BUFFER

static const char *fence_name(struct dma_fence *fence)
{
	return "migrate_test";
}

static const struct dma_fence_ops fence_ops = {
	.get_driver_name = fence_name,
	.get_timeline_name = fence_name,
};

struct dma_fence *migrate_test_fence_new(void)
{
	struct dma_fence *fence = kzalloc(sizeof(*fence), GFP_KERNEL);

	if (fence)
		dma_fence_init(fence, &fence_ops, NULL, dma_fence_context_alloc(1), 1);
	return fence;
}

void migrate_test_fence_signal(struct dma_fence *fence)
{
	dma_fence_signal(fence);
}

void migrate_test_fence_wait(struct dma_fence *fence)
{
	dma_fence_wait(fence, false);
}

void migrate_test_fence_put(struct dma_fence *fence)
{
	dma_fence_put(fence);
}

#else

struct dma_fence *migrate_test_fence_new(void)
{
	return NULL;
}

void migrate_test_fence_signal(struct dma_fence *fence)
{
}

void migrate_test_fence_wait(struct dma_fence *fence)
{
}

void migrate_test_fence_put(struct dma_fence *fence)
{
}

#endif
