// SPDX-License-Identifier: GPL-2.0
/* The cost of a program that does nothing, to compare with the cost of packets that pass. */
#include "types.h"

char LICENSE[] SEC("license") = "GPL";

SEC("xdp")
int pass(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_PASS;
}
