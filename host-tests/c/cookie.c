// SPDX-License-Identifier: GPL-2.0-only
/* cookie.h with C linkage. */
#include "cookie.h"

/* What struct cookie_flow points to. */
struct host_flow {
	struct addr source;
	struct addr destination;
	__be32 isn;
	__be16 source_port;
	__be16 destination_port;
	__u32 family;
};

static struct cookie_flow cookie_flow(const struct host_flow *flow)
{
	return (struct cookie_flow){
		.source = &flow->source,
		.destination = &flow->destination,
		.source_port = flow->source_port,
		.destination_port = flow->destination_port,
		.isn = flow->isn,
		.family = flow->family,
	};
}

__u32 host_cookie_make(const __u64 *key, const struct host_flow *from,
		       const struct cookie_options *options, __u64 now, __u32 *tsval)
{
	const struct cookie_flow flow = cookie_flow(from);

	return cookie_make(key[0], key[1], &flow, options, now, tsval);
}

bool host_cookie_check(const __u64 *key, const struct host_flow *from, __u32 cookie, __u32 tsecr,
		       __u64 now, struct cookie_options *options, __u32 *clock)
{
	const struct cookie_flow flow = cookie_flow(from);

	return cookie_check(key[0], key[1], &flow, cookie, tsecr, now, options, clock);
}
