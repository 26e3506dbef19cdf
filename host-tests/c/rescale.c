// SPDX-License-Identifier: GPL-2.0-only
/* rescale.h with C linkage. */
#include "rescale.h"

__u64 host_bucket_rescale(__u64 full_at, const struct limit *from, const struct limit *to, __u64 now)
{
	return bucket_rescale(full_at, from, to, now);
}

void host_bucket_rescale_at(__u64 *full_at, const struct limit *from, const struct limit *to, __u64 now)
{
	bucket_rescale_at(full_at, from, to, now);
}
