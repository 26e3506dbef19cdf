// SPDX-License-Identifier: GPL-2.0
/* What a program costs that does nothing: the measure for all that passes. */
#include "types.h"

char LICENSE[] SEC("license") = "GPL";

SEC("xdp")
int pass(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_PASS;
}
