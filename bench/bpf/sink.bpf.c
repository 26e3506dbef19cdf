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
/* The network of the floods from one and from many sources, 10.9.0.0/16. */
#define FLOODERS 0x0a090000
#define FLOODERS_MASK 0xffff0000

/* Set before load: whether the sender has hosts at the flooders' addresses, to which answers go. */
SEC(".rodata.sink") const volatile __u32 hosts_answer = 0;

char LICENSE[] SEC("license") = "GPL";

static __always_inline bool is_for_somebody(__u32 address)
{
	return (address & CLIENTS_MASK) == CLIENTS ||
	       (hosts_answer && (address & FLOODERS_MASK) == FLOODERS);
}

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
	if (eth->h_proto == bpf_htons(ETH_P_IP) && !is_for_somebody(bpf_ntohl(ip->daddr)))
		return XDP_DROP;
	return XDP_PASS;
}
