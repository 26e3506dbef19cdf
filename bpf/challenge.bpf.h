/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Answers a SYN with a cookie, from here and without state. An honest client's ACK brings the cookie
 * back, and the kernel itself completes the connection. All checks before the answer make sure that the
 * kernel will accept it, and that no other host should have answered.
 *
 * The verifier looks at a function that is neither static nor inline once, for any arguments (NULL
 * included), and not again on every way that leads to it.
 */
#pragma once

#include "listener.bpf.h"
#include "parse.h"
#include "policy.bpf.h"
#include "send.bpf.h"

/* A copy of the SYN, on the stack: the verifier keeps track of its bounds there. */
struct syn {
	union {
		struct tcphdr tcp;
		__u8 bytes[TCP_MAX_HEADER];
		__u32 word[TCP_MAX_HEADER / 4];
	};
	__u32 len; /* bytes, with its options */
	bool ect;  /* the IP header has one of the ECN bits */
	struct syn_options options;
};

/* The port comes first: further down, the verifier would look at it again on every way there. */
static __always_inline bool is_challenged(const struct packet *pkt, enum reason refused)
{
	bool is_challenge_port = has_port(config.challenge_ports, pkt->destination_port);

	if (config.challenge == CHALLENGE_MODE_OFF || config.dry_run)
		return false;
	if (refused != DROP_NEW_SOURCE_BUDGET && refused != DROP_TOTAL_BUDGET &&
	    (refused != DROP_OVER_LIMIT || config.challenge != CHALLENGE_MODE_ALL))
		return false;
	return is_challenge_port;
}

/*
 * Not inline, so that its stack is free again when the answer is built: there are only 512 bytes. The
 * same holds for the other functions of this kind. The copy is for kernels before 6.2, which do not
 * take a map key from an argument.
 */
static __noinline bool is_own_address(const struct addr *addr)
{
	const struct addr key = *addr;

	return bpf_map_lookup_elem(&own_addresses, &key);
}

/*
 * The MTU of the interface that the frame was sent to, bytes; 0 if its MAC or its IP address is not
 * this host's. Only own addresses are remembered, so a new address counts at once.
 */
static __noinline __u32 own_mtu(const struct ethhdr *eth, const struct packet *pkt)
{
	const __u32 generation = host.generation, first = 0;
	struct destination *last = bpf_map_lookup_elem(&last_destination, &first);
	struct mac mac = {};
	const __u32 *mtu;

	__builtin_memcpy(mac.octet, eth->h_dest, ETH_ALEN);
	if (last && last->mtu && last->generation == generation && mac_equal(&last->mac, &mac) &&
	    addr_equal(&last->addr, &pkt->destination))
		return last->mtu;
	mtu = bpf_map_lookup_elem(&own_macs, &mac);
	if (!mtu || !is_own_address(&pkt->destination))
		return 0;
	if (last)
		*last = (struct destination){ mac, pkt->destination, *mtu, generation };
	return *mtu;
}

/* False for a group, for nobody and for this host itself: answers to them would be an attack. */
static __always_inline bool is_answerable(const struct ethhdr *eth, const struct packet *pkt)
{
	const __be32 *word = pkt->source.word;
	__u8 first = bpf_ntohl(pkt->family == FAMILY_IPV4 ? word[3] : word[0]) >> 24;

	if (eth->h_source[0] & 1)
		return false;
	if (pkt->family == FAMILY_IPV4 && (first == 0 || first == 127 || first >= 224))
		return false;
	if (pkt->family == FAMILY_IPV6 &&
	    (first == 0xff || (!(word[0] | word[1] | word[2]) && bpf_ntohl(word[3]) <= 1)))
		return false;
	return !(host.address_bits >> (addr_hash(&pkt->source) >> 58) & 1 &&
		 is_own_address(&pkt->source));
}

/* Copies the SYN. Returns 1 if it is behind a plain IP header, in the frame's first buffer; else 0. */
__noinline int load_syn(struct xdp_md *ctx, const struct packet *pkt, struct syn *syn)
{
	const void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;
	const __u32 *from;
	const __u8 *ip;
	__u32 ip_len;

	if (!pkt || !syn)
		return 0;
	ip_len = pkt->family == FAMILY_IPV4 ? IPV4_LEN : IPV6_LEN;
	ip = data + (pkt->ip_offset & IP_OFFSET_MASK);
	from = (void *)ip + ip_len;
	if (pkt->more_fragments || pkt->tcp_offset != pkt->ip_offset + ip_len ||
	    (void *)from + sizeof(struct tcphdr) > data_end)
		return 0;
	/* ECN: the lowest bits of IPv4's second byte; of IPv6's traffic class, which begins four bits
	 * later. */
	syn->ect = (pkt->family == FAMILY_IPV4 ? ip[1] : ip[1] >> 4) & 3;
	syn->len = ((const struct tcphdr *)from)->doff * 4;
	for (__u32 i = 0; i < TCP_MAX_HEADER / 4 && i * 4 < syn->len; i++) {
		if ((void *)(from + i + 1) > data_end)
			return 0;
		syn->word[i] = from[i];
	}
	parse_syn_options(syn->bytes, syn->len, &syn->options);
	return 1;
}

static __noinline struct bpf_sock *lookup_socket(struct xdp_md *ctx, const struct packet *pkt,
						 const struct tcphdr *tcp)
{
	struct bpf_sock_tuple tuple = {};
	__u32 len = sizeof(tuple.ipv4);

	if (pkt->family == FAMILY_IPV4) {
		tuple.ipv4.saddr = pkt->source.word[3];
		tuple.ipv4.daddr = pkt->destination.word[3];
		tuple.ipv4.sport = tcp->source;
		tuple.ipv4.dport = tcp->dest;
	} else {
		__builtin_memcpy(tuple.ipv6.saddr, pkt->source.word, sizeof(pkt->source));
		__builtin_memcpy(tuple.ipv6.daddr, pkt->destination.word, sizeof(pkt->destination));
		tuple.ipv6.sport = tcp->source;
		tuple.ipv6.dport = tcp->dest;
		len = sizeof(tuple.ipv6);
	}
	return bpf_skc_lookup_tcp(ctx, &tuple, len, BPF_F_CURRENT_NETNS, 0);
}

/* Makes a cookie. The listener has room to accept a connection, but maybe not for a half-open one. */
static __always_inline enum reason make_cookie(struct bpf_sock *sk, struct tcp_sock *tp,
					       const struct xdp_md *ctx, const struct packet *pkt,
					       struct syn *syn, enum reason refused, __u32 *cookie)
{
	void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;
	void *ip = data + (pkt->ip_offset & IP_OFFSET_MASK);
	bool is_raw = config.raw_cookies && listener_is_marked(tp);
	__u32 len = syn->len;
	__s64 answer;

	/* Two comparisons of the same register: the compiler would make one of them, of a difference,
	 * from which the verifier learns nothing. */
	if (len > TCP_MAX_HEADER)
		return DROP_BAD_TCP_HEADER;
	barrier_var(len);
	if (len < sizeof(struct tcphdr))
		return DROP_BAD_TCP_HEADER;
	if (pkt->family == FAMILY_IPV4) {
		if (ip + IPV4_LEN > data_end)
			return DROP_TRUNCATED;
		answer = is_raw ? bpf_tcp_raw_gen_syncookie_ipv4(ip, &syn->tcp, len)
				: bpf_tcp_gen_syncookie(sk, ip, IPV4_LEN, &syn->tcp, len);
	} else {
		if (ip + IPV6_LEN > data_end)
			return DROP_TRUNCATED;
		answer = is_raw ? bpf_tcp_raw_gen_syncookie_ipv6(ip, &syn->tcp, len)
				: bpf_tcp_gen_syncookie(sk, ip, IPV6_LEN, &syn->tcp, len);
	}
	if (answer < 0) {
		/* With tcp_syncookies=1 the kernel makes cookies only while the listener's queue is
		 * full. */
		bool has_room = host.syncookies == 1 && answer == -ENOENT;

		return has_room && refused != DROP_OVER_LIMIT ? PASS_ROOM_LEFT : DROP_NO_COOKIE;
	}
	*cookie = answer;
	return UNDECIDED;
}

static __always_inline enum reason ask_listener(struct bpf_sock *sk, const struct xdp_md *ctx,
						const struct packet *pkt, struct syn *syn,
						enum reason refused, struct synack_offer *offer,
						__u32 *cookie)
{
	struct tcp_sock *tp;

	if (sk->state != TCP_LISTEN)
		return PASS_EXISTING_SOCKET;
	tp = bpf_skc_to_tcp_sock(sk);
	if (!tp)
		return DROP_NO_COOKIE;
	if (syn->options.is_signed)
		return listener_has_keys(tp) ? PASS_SIGNED : DROP_SIGNED;
	if (listener_is_full(tp))
		return DROP_NO_COOKIE;
	offer_window(offer, tp);
	return make_cookie(sk, tp, ctx, pkt, syn, refused, cookie);
}

/* Offers what the kernel can read from the timestamp, and no more. */
static __always_inline void offer_options(struct synack_offer *offer, const struct syn *syn,
					  const struct packet *pkt, __u32 mtu)
{
	__u32 headers = sizeof(struct tcphdr) + (pkt->family == FAMILY_IPV4 ? IPV4_LEN : IPV6_LEN);

	offer->mss = mtu - headers;
	offer->has_timestamp = host.timestamps && syn->options.has_timestamp;
	offer->has_sack = host.sack && syn->options.has_sack;
	offer->has_wscale = host.wscale && syn->options.has_wscale;
	offer->ecn = host.ecn && syn->tcp.ece && syn->tcp.cwr && !syn->ect;
}

__noinline int challenge(struct xdp_md *ctx, const struct packet *pkt, int refused)
{
	const void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;
	const struct ethhdr *eth = data;
	struct synack_offer offer = {};
	struct synack synack;
	struct syn syn = {};
	struct bpf_sock *sk;
	enum reason reason;
	__u32 mtu;
	__u32 cookie;
	__u64 now;

	if (!pkt || (void *)(eth + 1) > data_end)
		return refused;
	if (!host.syncookies)
		return DROP_NO_COOKIE;
	mtu = own_mtu(eth, pkt);
	if (!mtu)
		return DROP_NOT_OURS;
	if (!is_answerable(eth, pkt))
		return DROP_UNANSWERABLE;
	if (!load_syn(ctx, pkt, &syn))
		return DROP_EXTRA_HEADERS;
	sk = lookup_socket(ctx, pkt, &syn.tcp);
	if (!sk)
		return DROP_NO_LISTENER;
	offer_options(&offer, &syn, pkt, mtu);
	reason = ask_listener(sk, ctx, pkt, &syn, refused, &offer, &cookie);
	bpf_sk_release(sk);
	if (reason != UNDECIDED)
		return reason;
	/* The coarse clock is enough, as it is never ahead. Most floods need no clock at all. */
	now = config.challenge_limit.interval_ns || offer.has_timestamp ? bpf_ktime_get_coarse_ns() : 0;
	if (!budget_take(&budgets.challenges, &config.challenge_limit, now))
		return DROP_CHALLENGE_RATE;
	offer.tsval = syncookie_timestamp(&syn.options, &offer, now);
	build_synack(&synack, &syn.tcp, cookie, &syn.options, &offer);
	return send_synack(ctx, pkt, &synack);
}
