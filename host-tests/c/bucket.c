// SPDX-License-Identifier: GPL-2.0
/* bucket.h with C linkage. */
#include "bucket.h"

enum bucket_answer host_bucket_take(__u64 *full_at, __u64 interval_ns, __u64 capacity_ns, __u64 now)
{
	const struct limit limit = { interval_ns, capacity_ns };

	return bucket_take(full_at, &limit, now);
}

__u64 host_bucket_after_first(__u64 interval_ns, __u64 capacity_ns, __u64 now)
{
	const struct limit limit = { interval_ns, capacity_ns };

	return bucket_after_first(&limit, now);
}
