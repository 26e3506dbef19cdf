// SPDX-License-Identifier: GPL-2.0
/*
 * A SYN-flood generator. BPF_PROG_TEST_RUN runs it on live frames. It writes each frame and redirects
 * it into a veth.
 *
 * The kernel recycles the frames, and the other side may have changed them. So every byte of every
 * frame is written again. This includes checksums, because a kernel behind the veth checks them.
 */
#include "csum.h"
#include "types.h"

/* Set before load; addresses in network byte order. */
struct flood {
	__u64 interval_ns; /* between two frames; 0: as fast as possible */
	__u64 count;       /* frames at most; 0: no end */
	__u64 sources;     /* how many follow each other, at most 2^32 */
	__u32 ifindex;     /* the veth to send from */
	__u32 source4;     /* the first of them, host byte order */
	__be32 server4;
	__be32 server6[4];
	unsigned char server_mac[6];
	__be16 port;
	__u8 ipv6; /* from /64s of 2001:db8::/32 */
	__u8 padding[3];
};

SEC(".rodata.flood") const volatile struct flood flood = {};

/* The state of the flood, which runs on one CPU. */
struct progress {
	__u64 due;  /* time of the next frame, CLOCK_MONOTONIC ns */
	__u64 sent; /* frames */
} progress SEC(".data.progress");

struct ipv4_syn {
	struct ethhdr eth;
	struct iphdr ip;
	struct tcphdr tcp;
} __attribute__((packed, aligned(2)));

struct ipv6_syn {
	struct ethhdr eth;
	struct ipv6hdr ip;
	struct tcphdr tcp;
} __attribute__((packed, aligned(2)));

char LICENSE[] SEC("license") = "GPL";

/* The number of one of the sources, in random order. */
static __always_inline __u32 pick_source(void)
{
	return bpf_get_prandom_u32() * flood.sources >> 32;
}

static __always_inline void write_eth(struct ethhdr *eth, __u16 proto)
{
	for (int i = 0; i < 6; i++)
		eth->h_dest[i] = flood.server_mac[i];
	__builtin_memcpy(eth->h_source, "\2\0\0\0\0\1", 6);
	eth->h_proto = bpf_htons(proto);
}

static __always_inline struct tcphdr tcp_syn(__u32 random)
{
	struct tcphdr tcp = {};

	tcp.source = (random >> 16) | 1;
	tcp.dest = flood.port;
	tcp.seq = random;
	tcp.doff = 5;
	tcp.syn = 1;
	tcp.window = bpf_htons(64240);
	return tcp;
}

/* Covers the TCP header and its pseudo header. The addresses have this many 32-bit words. */
static __always_inline __sum16 tcp_checksum(const struct tcphdr *tcp, const void *addresses, int words)
{
	__u64 sum = bpf_htons(IPPROTO_TCP) + bpf_htons(sizeof(*tcp));

	return csum_fold(csum_add(csum_add(sum, (const __u32 *)tcp, 5), addresses, words));
}

static __always_inline bool write_ipv4(void *data, void *data_end)
{
	struct ipv4_syn *frame = data;
	struct tcphdr tcp = tcp_syn(bpf_get_prandom_u32());
	struct iphdr ip = {};

	if ((void *)(frame + 1) > data_end)
		return false;
	ip.version = 4;
	ip.ihl = 5;
	ip.tot_len = bpf_htons(sizeof(ip) + sizeof(tcp));
	ip.ttl = 64;
	ip.protocol = IPPROTO_TCP;
	ip.daddr = flood.server4;
	ip.saddr = bpf_htonl(flood.source4 + pick_source());
	ip.check = csum_fold(csum_add(0, (const __u32 *)&ip, 5));
	tcp.check = tcp_checksum(&tcp, &ip.saddr, 2);

	write_eth(&frame->eth, ETH_P_IP);
	frame->ip = ip;
	frame->tcp = tcp;
	return true;
}

static __always_inline bool write_ipv6(void *data, void *data_end)
{
	struct ipv6_syn *frame = data;
	struct tcphdr tcp = tcp_syn(bpf_get_prandom_u32());
	struct ipv6hdr ip = {};

	if ((void *)(frame + 1) > data_end)
		return false;
	ip.version = 6;
	ip.payload_len = bpf_htons(sizeof(tcp));
	ip.nexthdr = IPPROTO_TCP;
	ip.hop_limit = 64;
	ip.saddr.in6_u.u6_addr32[0] = bpf_htonl(0x20010db8);
	ip.saddr.in6_u.u6_addr32[1] = bpf_htonl(pick_source());
	ip.saddr.in6_u.u6_addr32[3] = bpf_htonl(1);
	for (int i = 0; i < 4; i++)
		ip.daddr.in6_u.u6_addr32[i] = flood.server6[i];
	tcp.check = tcp_checksum(&tcp, &ip.saddr, 8);

	write_eth(&frame->eth, ETH_P_IPV6);
	frame->ip = ip;
	frame->tcp = tcp;
	return true;
}

/* Whether to send this frame. If it is too early, the kernel hands over the next one at once. */
static __always_inline bool is_due(void)
{
	__u64 now;

	if (flood.count && progress.sent >= flood.count)
		return false;
	if (!flood.interval_ns)
		return true;
	now = bpf_ktime_get_ns();
	if ((__s64)(now - progress.due) < 0)
		return false;
	/* After a pause of more than a millisecond, the missed frames are not sent later. */
	if (now - progress.due > 1000000)
		progress.due = now;
	progress.due += flood.interval_ns;
	return true;
}

SEC("xdp")
int generate(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;

	if (!is_due())
		return XDP_DROP;
	if (!(flood.ipv6 ? write_ipv6(data, data_end) : write_ipv4(data, data_end)))
		return XDP_ABORTED;
	progress.sent++;
	return bpf_redirect(flood.ifindex, 0);
}
