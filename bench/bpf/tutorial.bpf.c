// SPDX-License-Identifier: GPL-2.0
/*
 * The algorithm of the tutorial that this project began with, only for comparison. It has two LRU maps,
 * for the last time and for tokens. It reads and writes both for every SYN over IPv4 without options.
 */
#include "types.h"

#define BURST 1
#define INTERVAL_NS 3600000000000ULL

struct lru {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__type(key, __be32);
	__type(value, __u64);
	__uint(max_entries, 1);
} last_seen SEC(".maps"), tokens SEC(".maps");

char LICENSE[] SEC("license") = "GPL";

static __always_inline bool take(__be32 source)
{
	__u64 now = bpf_ktime_get_ns();
	__u64 *seen = bpf_map_lookup_elem(&last_seen, &source);
	__u64 *left = bpf_map_lookup_elem(&tokens, &source);
	__u64 count = BURST;

	if (seen && left) {
		count = *left + (now - *seen) / INTERVAL_NS;
		if (count > BURST)
			count = BURST;
	}
	if (count) {
		count--;
		bpf_map_update_elem(&last_seen, &source, &now, 0);
		bpf_map_update_elem(&tokens, &source, &count, 0);
		return true;
	}
	bpf_map_update_elem(&last_seen, &source, seen ? seen : &now, 0);
	bpf_map_update_elem(&tokens, &source, &count, 0);
	return false;
}

SEC("xdp")
int tutorial(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);
	struct tcphdr *tcp = (void *)(ip + 1);

	if ((void *)(tcp + 1) > data_end || eth->h_proto != bpf_htons(ETH_P_IP) ||
	    ip->protocol != IPPROTO_TCP || !tcp->syn)
		return XDP_PASS;
	return take(ip->saddr) ? XDP_PASS : XDP_DROP;
}
