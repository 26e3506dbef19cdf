/* SPDX-License-Identifier: GPL-2.0 */
/* Where a SYN goes, and where the answer to it goes: both must be as without us. */
#pragma once

#include "lists.bpf.h"
#include "parse.h"
#include "source.bpf.h"

/* A copy of the SYN's Ethernet address fields, and where its answer goes. */
struct hops {
	struct mac from;
	struct mac to;
	struct mac next_hop; /* of the answer */
};

/*
 * What is known of the SYN's destination; NULL if its MAC or its IP address is not this host's.
 * Only own addresses are remembered, so a new address counts at once.
 */
static __noinline const struct destination *
own_destination(const struct xdp_md *ctx, const struct hops *hops, const struct packet *pkt)
{
	const __u32 generation = host.generation, first = 0, ifindex = ctx->ingress_ifindex;
	struct destination *last = bpf_map_lookup_elem(&last_destination, &first);
	const struct mac mac = hops->to;
	const struct link *link;
	const __u32 *mtu;

	if (!last)
		return NULL;
	if (last->mtu && last->generation == generation && last->ifindex == ifindex &&
	    mac_equal(&last->mac, &mac) && addr_equal(&last->addr, &pkt->destination))
		return last;
	mtu = bpf_map_lookup_elem(&own_macs, &mac);
	if (!mtu || !is_own_address(&pkt->destination, pkt->family))
		return NULL;
	last->mac = mac;
	last->addr = pkt->destination;
	last->ifindex = ifindex;
	last->mtu = *mtu;
	last->generation = generation;
	link = bpf_map_lookup_elem(&links, &ifindex);
	last->link = link ? *link : (struct link){ .next_hop = NEXT_HOP_SENDER };
	return last;
}

/* False for a group, for nobody and for this host itself: answers to them would be an attack. */
static __always_inline bool is_answerable(const struct hops *hops, const struct packet *pkt)
{
	const __be32 *word = pkt->source.word;
	__u8 first = bpf_ntohl(pkt->family == FAMILY_IPV4 ? word[3] : word[0]) >> 24;

	if (hops->from.octet[0] & 1 || mac_equal(&hops->from, &hops->to) || mac_is_zero(&hops->from))
		return false;
	if (pkt->family == FAMILY_IPV4 && (first == 0 || first == 127 || first >= 224))
		return false;
	if (pkt->family == FAMILY_IPV6 &&
	    (first == 0xff || (!(word[0] | word[1] | word[2]) && bpf_ntohl(word[3]) <= 1)))
		return false;
	return !(host.address_bits >> (source_hash(&pkt->source) >> 58) & 1 &&
		 is_own_address(&pkt->source, pkt->family));
}

/* As find_next_hop(), by the table of routes. */
static __noinline enum reason ask_route(const struct link *link, struct hops *hops,
					const struct packet *pkt, __u16 *max_mss)
{
	const struct list_key key = list_key(&pkt->source, pkt->family);
	const struct route *route = bpf_map_lookup_elem(&routes, &key);

	if (!route)
		return DROP_UNANSWERABLE;
	if (route->group && route->group != link->group)
		return link->rp_filter && !route->is_default && pkt->family == FAMILY_IPV4
			       ? DROP_OTHER_INTERFACE
			       : UNDECIDED;
	if (!mac_is_zero(&route->next_hop))
		hops->next_hop = route->next_hop;
	*max_mss = route->max_mss;
	return CHALLENGE_SENT;
}

/*
 * Sets where the answer goes, and what the route takes in a segment. CHALLENGE_SENT: it may go.
 * UNDECIDED: the kernel would answer by another interface, so this SYN cannot be challenged.
 */
static __always_inline enum reason find_next_hop(const struct link *link, struct hops *hops,
						 const struct packet *pkt, __u16 *max_mss)
{
	hops->next_hop = hops->from;
	*max_mss = link->max_mss[pkt->family != FAMILY_IPV4];
	if (link->next_hop == NEXT_HOP_SENDER ||
	    (link->next_hop == NEXT_HOP_GATEWAY && mac_equal(&link->gateway, &hops->from)))
		return CHALLENGE_SENT;
	return ask_route(link, hops, pkt, max_mss);
}

/* What user space told of the SYN's port. */
static __always_inline const struct port *port_of(const struct packet *pkt)
{
	return &ports[pkt->family != FAMILY_IPV4][pkt->destination_port];
}

/* Whether somebody listens on the SYN's address and port. */
static __noinline bool is_listening(const struct port *port, const struct packet *pkt)
{
	struct listener_key key = { .addr = pkt->destination, .port = pkt->destination_port };

	return port->listens || (port->listens_here && bpf_map_lookup_elem(&listeners, &key));
}
