// SPDX-License-Identifier: GPL-2.0-only
/* bucket.h with C linkage. */
#include "bucket.h"

_Static_assert(BUCKET_TAKEN == 0 && BUCKET_EMPTY == 1 && BUCKET_CONTENDED == 2, "Answer in src/lib.rs");

enum bucket_answer host_bucket_take(__u64 *full_at, __u64 interval_ns, __u64 capacity_ns, __u64 now,
				    __u64 *wait_ns)
{
	const struct limit limit = { interval_ns, capacity_ns };

	return bucket_take(full_at, &limit, now, wait_ns);
}

__u64 host_bucket_after_first(__u64 interval_ns, __u64 capacity_ns, __u64 now)
{
	const struct limit limit = { interval_ns, capacity_ns };

	return bucket_after_first(&limit, now);
}

__u64 host_bucket_missing(__u64 full_at, __u64 now)
{
	return bucket_missing(full_at, now);
}

void host_bucket_charge(__u64 *full_at, __u64 interval_ns, __u64 capacity_ns, __u64 now)
{
	const struct limit limit = { interval_ns, capacity_ns };

	bucket_charge(full_at, &limit, now);
}

__u64 host_bucket_wait(const __u64 *full_at, __u64 interval_ns, __u64 capacity_ns, __u64 now)
{
	const struct limit limit = { interval_ns, capacity_ns };

	return bucket_wait(full_at, &limit, now);
}
