/* SPDX-License-Identifier: GPL-2.0 */
/* What counts as one source: the addresses of a network prefix, apart for each service. */
#pragma once

#include "addr.h"
#include "maps.bpf.h"

/* The address by which a source is known: masked to its prefix length. */
static __always_inline struct addr source_addr(const struct addr *addr, __u8 family)
{
	const volatile struct addr *mask =
		family == FAMILY_IPV4 ? &config.ipv4_mask : &config.ipv6_mask;
	struct addr masked;

	for (int i = 0; i < 4; i++)
		masked.word[i] = addr->word[i] & mask->word[i];
	return masked;
}

/* What is rationed, and which sources may be known, is the same for all services: so user space can
 * enter those with sockets without asking for which port. */
static __always_inline __u64 source_hash(const struct addr *addr)
{
	return addr_hash(addr, secret.hash_key[0], secret.hash_key[1]);
}

/* The service of a port, in host byte order. */
static __always_inline __u32 service_of(__u16 port)
{
	return config.has_services ? config.service_of_port[port] : 0;
}

/* Without services the verifier knows which one it is, and so the limits, wherever the number comes
 * from: before Linux 6.2 it forgets what is on the stack. */
static __always_inline const volatile struct service *service_at(__u32 service)
{
	return &config.services[config.has_services && service <= MAX_SERVICES ? service : 0];
}

/* The key of an address in the table of sources. port: of this host, in host byte order. */
static __always_inline struct source_key source_key(const struct addr *addr, __u8 family, __u16 port)
{
	return (struct source_key){
		.addr = source_addr(addr, family),
		.service = service_of(port),
	};
}

/* A time as struct source keeps it: in seconds, as 32 bits of them last for a century. 0 is left for
 * what never was. */
static __always_inline __u32 coarse_second(__u64 ns)
{
	return ns / 1000000000 + 1;
}
