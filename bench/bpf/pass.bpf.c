// SPDX-License-Identifier: GPL-2.0
/* The cost of an empty program, as a reference for everything that passes. */
#include "types.h"

char LICENSE[] SEC("license") = "GPL";

SEC("xdp")
int pass(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_PASS;
}
