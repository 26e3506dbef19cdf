// SPDX-License-Identifier: GPL-2.0-only
/* advice.h with C linkage. */
#include "advice.h"

void host_fill_first(struct fill *fill, __u64 interval_ns, __u64 now)
{
	*fill = fill_of_first(interval_ns, now);
}

void host_fill_charge(struct fill *fill, __u64 interval_ns, __u64 now)
{
	fill_charge(fill, interval_ns, now);
}
