// SPDX-License-Identifier: GPL-2.0-only
/* bucket.h where another CPU is faster in every round: it charges this bucket with its own token first.
 */
#include "intf.h"

static __u64 rival_interval_ns;

static __u64 lose(__u64 *word, __u64 seen, __u64 next)
{
	(void)next;
	*word = seen + rival_interval_ns;
	return *word;
}

#define __sync_val_compare_and_swap lose
#include "advice.h"

void host_contended_charge(__u64 *full_at, __u64 interval_ns, __u64 capacity_ns, __u64 now)
{
	const struct limit limit = { interval_ns, capacity_ns };

	rival_interval_ns = interval_ns;
	bucket_charge(full_at, &limit, now);
}

void host_contended_raise(__u64 *highest, __u64 missing, __u64 step)
{
	rival_interval_ns = step;
	fill_raise(highest, missing);
}

enum bucket_answer host_contended_take(__u64 *full_at, __u64 interval_ns, __u64 capacity_ns, __u64 now)
{
	const struct limit limit = { interval_ns, capacity_ns };
	__u64 wait_ns;

	rival_interval_ns = interval_ns;
	return bucket_take(full_at, &limit, now, &wait_ns);
}
