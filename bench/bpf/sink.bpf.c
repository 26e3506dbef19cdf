// SPDX-License-Identifier: GPL-2.0
/*
 * Runs at the sender's end of the wire. It drops answers to forged addresses at once, because their
 * cost there is not part of the defence. The veth also needs an XDP program here to receive what XDP
 * sends.
 */
#include "types.h"

/* The clients' network, 10.0.0.0/24. */
#define CLIENTS 0x0a000000
#define CLIENTS_MASK 0xffffff00

char LICENSE[] SEC("license") = "GPL";

SEC("xdp")
int sink(struct xdp_md *ctx)
{
	const void *data = (void *)(long)ctx->data;
	const void *data_end = (void *)(long)ctx->data_end;
	const struct ethhdr *eth = data;
	const struct iphdr *ip = (void *)(eth + 1);

	if ((void *)(ip + 1) > data_end)
		return XDP_PASS;
	if (eth->h_proto == bpf_htons(ETH_P_IPV6))
		return XDP_DROP;
	if (eth->h_proto == bpf_htons(ETH_P_IP) && (bpf_ntohl(ip->daddr) & CLIENTS_MASK) != CLIENTS)
		return XDP_DROP;
	return XDP_PASS;
}
