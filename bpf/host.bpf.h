/* SPDX-License-Identifier: GPL-2.0 */
/* What this host's settings mean for a connection. */
#pragma once

#include "maps.bpf.h"
#include "syncookie.h"

/* The scale of the windows that this host will announce: that of its largest receive buffer. */
static __always_inline __u8 own_wscale(void)
{
	__u32 space = host.rcv_space >> 16;
	__u8 scale = 0;

	for (; scale < TCP_MAX_WSCALE && space; scale++)
		space >>= 1;
	return scale;
}

/* Nobody keeps this host's addresses and ports up to date: the process that did has ended, and the
 * service manager holds the program. */
static __always_inline bool is_host_stale(__u64 now)
{
	return (__s64)(now - host.looked_at) > HOST_STALE_NS;
}
