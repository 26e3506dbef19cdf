/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Charges each connection to its source, and to its networks: the one place where that is done, however
 * it came about.
 *
 * A tracing link cannot be given another program. So when one program succeeds another, both are
 * attached for a moment, and charging_generation says which of them counts: no connection is charged
 * twice.
 */
#pragma once

#include "admit.bpf.h"
#include "advice.bpf.h"
#include "networks.bpf.h"
#include "sock.bpf.h"

/* Who is at the other end of a connection. */
struct peer {
	struct addr addr;
	__u8 family;
};

static __always_inline bool peer_of(const struct sock *sk, struct peer *peer)
{
	if (sk->__sk_common.skc_family == AF_INET)
		peer->addr = addr_from_ipv4(sk->__sk_common.skc_daddr);
	else if (sk->__sk_common.skc_family == AF_INET6)
		BPF_CORE_READ_INTO(&peer->addr, sk, __sk_common.skc_v6_daddr);
	else
		return false;
	peer->family = addr_is_mapped(&peer->addr) ? FAMILY_IPV4 : FAMILY_IPV6;
	return true;
}

/*
 * Whether the connection came in by a protected interface of this network namespace, to a protected
 * port. The trace point sees those of all namespaces.
 */
static __always_inline bool is_protected_connection(const struct sock *sk, const struct peer *peer)
{
	__u32 ifindex;

	if (sk->sk_protocol != IPPROTO_TCP ||
	    sk->__sk_common.skc_net.net->net_cookie != config.netns_cookie ||
	    !has_port(config.protected_ports, sk->__sk_common.skc_num))
		return false;
	if (bpf_core_field_exists(sk->sk_rx_dst_ifindex)) {
		ifindex = sk->sk_rx_dst_ifindex;
		if (!bpf_map_lookup_elem(&ip_devices, &ifindex))
			return false;
	}
	return !is_own_address(&peer->addr, peer->family);
}

/* Without a token the source owes one. A full bucket, for a source that is new. Returns its entry; NULL
 * if there was none. */
static __always_inline struct source *
charge_source(const struct source_key *key, const struct limit *limit, bool is_charged, __u64 now)
{
	struct source *source = bpf_map_lookup_elem(&sources, key);
	__u32 second = coarse_second(now);

	if (!source) {
		struct source first = {
			.syns_full_at = now,
			.connections_full_at = is_charged ? bucket_after_first(limit, now) : now,
			.connected = 1,
			.first_connected = second,
			.last_connected = second,
		};

		if (!bpf_map_update_elem(&sources, key, &first, BPF_NOEXIST)) {
			make_known(source_hash(&key->addr));
			return NULL;
		}
		source = bpf_map_lookup_elem(&sources, key);
		if (!source)
			return NULL; /* the table is full of busy entries: fail open */
	}
	__sync_fetch_and_add(&source->connected, 1);
	if (!source->first_connected)
		source->first_connected = second;
	source->last_connected = second;
	if (is_charged)
		bucket_charge(&source->connections_full_at, limit, now);
	return source;
}

/* port: the listener's. Behind a redirection it is another than the SYN's, and may be of another
 * service. */
static __always_inline void charge_peer(const struct peer *peer, __u16 port, __u64 now)
{
	const struct source_key key = source_key(&peer->addr, peer->family, port);
	const struct limit limit = limit_of(&service_at(key.service)->limits.connections);
	bool is_charged = limit.interval_ns && !is_allowed(&peer->addr, peer->family);
	struct source *source = charge_source(&key, &limit, is_charged, now);

	if (is_charged && config.networks)
		charge_networks(&key, source, &limit, now);
}

/* Atomic, as a process may be interrupted here by another connection. */
static __always_inline void count_opened(void)
{
	__u32 key = CONNECTION_OPENED;
	struct frame_counts *counts = bpf_map_lookup_elem(&counters, &key);

	if (counts)
		__sync_fetch_and_add(&counts->of_service[0], 1);
}

/* The sequence number of the client's SYN. Another one if the SYN had data (TCP Fast Open). */
static __always_inline __u32 isn_of(const struct sock *sk)
{
	return BPF_CORE_READ((const struct tcp_sock *)sk, copied_seq) - 1;
}

static __always_inline void charge_connection(const struct sock *sk)
{
	struct peer peer = {};
	__u16 port;
	__u64 now;

	if (config.generation != charging_generation)
		return;
	if (!peer_of(sk, &peer) || !is_protected_connection(sk, &peer))
		return;
	port = sk->__sk_common.skc_num;
	now = bpf_ktime_get_ns();
	__sync_fetch_and_add(&port_connections[port].connected, 1);
	count_opened();
	charge_peer(&peer, port, now);
	tell_connection(&peer.addr, peer.family,
			flow_hash(&peer.addr, sk->__sk_common.skc_dport, isn_of(sk)), now);
	if (config.dry_run)
		count_need(&peer.addr, peer.family, port, now);
}
