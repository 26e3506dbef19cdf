// SPDX-License-Identifier: GPL-2.0
/*
 * Gives a frame the next of many source addresses, and hands it to another program: so a test run of
 * the kernel's, which repeats one frame, measures that program on all of them, without the caches of a
 * single one.
 */
#include "types.h"

/* Set before load. */
SEC(".rodata.wander") const volatile __u32 addresses = 1;

/* IPv4 in the last word. User space writes and sets the size. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, __be32[4]);
	__uint(max_entries, 1);
} sources SEC(".maps");

/* The program behind this one. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__type(key, __u32);
	__type(value, __u32);
	__uint(max_entries, 1);
} next SEC(".maps");

__u32 turn SEC(".bss.turn");

char LICENSE[] SEC("license") = "GPL";

SEC("xdp")
int wander(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	__u32 index = turn++ % addresses;
	const __be32 *source = bpf_map_lookup_elem(&sources, &index);
	struct iphdr *ip4 = (void *)(eth + 1);
	struct ipv6hdr *ip6 = (void *)(eth + 1);

	if (!source || (void *)(ip6 + 1) > data_end)
		return XDP_ABORTED;
	if (eth->h_proto == bpf_htons(ETH_P_IP))
		ip4->saddr = source[3];
	else
		__builtin_memcpy(&ip6->saddr, source, sizeof(ip6->saddr));
	bpf_tail_call(ctx, &next, 0);
	return XDP_ABORTED;
}
