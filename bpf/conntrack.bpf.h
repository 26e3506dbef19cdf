/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Lets netfilter forget an old connection of a flow that begins anew. A SYN would make it do so by
 * itself (net/netfilter/nf_conntrack_proto_tcp.c); to a challenged one the flow begins with an ACK,
 * which it would take for an invalid segment of the old connection, and `ct state invalid drop` would
 * drop it. It forgets only: that the segment is accepted is still for the host's rules to say.
 */
#pragma once

#include "sock.bpf.h"

/* With a body, as libbpf compares what kind of type it is. */
struct nf_conn {
	unsigned long status;
};

/* net/netfilter/nf_conntrack_bpf.c: the first 12 bytes of struct bpf_ct_opts, which all kernels take.
 */
struct bpf_ct_opts___12 {
	__s32 netns_id;
	__s32 error;
	__u8 l4proto;
	__u8 dir;
	__u8 reserved[2];
};

/* Linux 6.0. They are in a module, which is there when the firewall uses it. */
extern struct nf_conn *bpf_skb_ct_lookup(struct __sk_buff *skb, struct bpf_sock_tuple *tuple,
					 __u32 tuple__sz, struct bpf_ct_opts___12 *opts,
					 __u32 opts__sz) __ksym __weak;
extern void bpf_ct_release(struct nf_conn *entry) __ksym __weak;
extern int bpf_ct_change_timeout(struct nf_conn *entry, __u32 timeout) __ksym __weak;

/* Of this network namespace (BPF_F_CURRENT_NETNS of the kernel functions). */
#define CT_CURRENT_NETNS (-1)

/* Call it for a segment whose flow has no socket. */
static __always_inline void forget_connection(struct __sk_buff *skb, const struct addr *source,
					      const struct addr *destination, __be16 source_port,
					      __be16 destination_port, __u8 family)
{
	struct bpf_ct_opts___12 opts = { .netns_id = CT_CURRENT_NETNS, .l4proto = IPPROTO_TCP };
	struct bpf_sock_tuple tuple = {};
	struct nf_conn *entry;
	__u32 len;

	if (!bpf_ksym_exists(bpf_skb_ct_lookup))
		return;
	len = socket_tuple(&tuple, source, destination, source_port, destination_port, family);
	entry = bpf_skb_ct_lookup(skb, &tuple, len, &opts, sizeof(opts));
	if (!entry)
		return;
	bpf_ct_change_timeout(entry, 0);
	bpf_ct_release(entry);
}
