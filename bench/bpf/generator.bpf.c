// SPDX-License-Identifier: GPL-2.0
/*
 * A SYN flood from nothing: run by BPF_PROG_TEST_RUN with live frames, this writes each frame that the
 * kernel hands it and redirects it into a veth.
 *
 * The kernel recycles the frames, and the other side may have written into them: every byte of every
 * frame is written afresh, checksums included, as a kernel behind the veth looks at them.
 */
#include "types.h"

enum shape {
	SHAPE_ONE,    /* one source */
	SHAPE_MANY,   /* 65,536 sources in random order */
	SHAPE_RANDOM, /* any IPv4 address */
	SHAPE_IPV6,   /* any IPv6 /64 */
};

/* Set before load; addresses in network byte order. */
struct flood {
	enum shape shape;
	__u32 ifindex; /* the veth to send from */
	__be32 source4;
	__be32 server4;
	__be32 server6[4];
	unsigned char server_mac[6];
	__be16 port;
};

SEC(".rodata.flood") const volatile struct flood flood = {};

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

/* The Internet checksum (RFC 1071) over 32-bit words, which all parts here are made of. */
static __always_inline __u64 csum_add(__u64 sum, const void *from, int words)
{
	const __u32 *word = from;

	for (int i = 0; i < words; i++)
		sum += word[i];
	return sum;
}

static __always_inline __sum16 csum_fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
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

static __always_inline bool write_ipv4(void *data, void *data_end)
{
	struct ipv4_syn *frame = data;
	__u32 random = bpf_get_prandom_u32();
	struct tcphdr tcp = tcp_syn(random);
	struct iphdr ip = {};

	if ((void *)(frame + 1) > data_end)
		return false;
	ip.version = 4;
	ip.ihl = 5;
	ip.tot_len = bpf_htons(sizeof(ip) + sizeof(tcp));
	ip.ttl = 64;
	ip.protocol = IPPROTO_TCP;
	ip.daddr = flood.server4;
	ip.saddr = flood.source4;
	if (flood.shape == SHAPE_MANY)
		ip.saddr += random & 0xffff0000; /* the address's last two bytes */
	if (flood.shape == SHAPE_RANDOM)
		ip.saddr = bpf_get_prandom_u32();
	ip.check = csum_fold(csum_add(0, &ip, 5));
	tcp.check =
		csum_fold(csum_add(csum_add(bpf_htons(IPPROTO_TCP) + bpf_htons(sizeof(tcp)), &tcp, 5),
				   &ip.saddr, 2));

	write_eth(&frame->eth, ETH_P_IP);
	frame->ip = ip;
	frame->tcp = tcp;
	return true;
}

static __always_inline bool write_ipv6(void *data, void *data_end)
{
	struct ipv6_syn *frame = data;
	__u32 random = bpf_get_prandom_u32();
	struct tcphdr tcp = tcp_syn(random);
	struct ipv6hdr ip = {};

	if ((void *)(frame + 1) > data_end)
		return false;
	ip.version = 6;
	ip.payload_len = bpf_htons(sizeof(tcp));
	ip.nexthdr = IPPROTO_TCP;
	ip.hop_limit = 64;
	ip.saddr.in6_u.u6_addr32[0] = bpf_htonl(0x20010db8);
	ip.saddr.in6_u.u6_addr32[1] = bpf_get_prandom_u32();
	ip.saddr.in6_u.u6_addr32[3] = bpf_htonl(1);
	for (int i = 0; i < 4; i++)
		ip.daddr.in6_u.u6_addr32[i] = flood.server6[i];
	tcp.check =
		csum_fold(csum_add(csum_add(bpf_htons(IPPROTO_TCP) + bpf_htons(sizeof(tcp)), &tcp, 5),
				   &ip.saddr, 8));

	write_eth(&frame->eth, ETH_P_IPV6);
	frame->ip = ip;
	frame->tcp = tcp;
	return true;
}

SEC("xdp")
int generate(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	bool written =
		flood.shape == SHAPE_IPV6 ? write_ipv6(data, data_end) : write_ipv4(data, data_end);

	return written ? bpf_redirect(flood.ifindex, 0) : XDP_ABORTED;
}
