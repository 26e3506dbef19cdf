/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Only here is chosen where kernel types come from: vmlinux.h for the BPF target, <linux/...> for the
 * host, on which the pure headers are tested.
 */
#pragma once

#ifdef __bpf__

#include "vmlinux.h"

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

/* BTF has types, but no macros. These are from include/uapi/linux/{bpf,if_ether,in}.h. */
#define BPF_NOEXIST 1
#define BPF_F_CURRENT_NETNS (-1L)
#define BPF_F_NO_PREALLOC 1
#define BPF_F_MMAPABLE (1 << 10)
#define BPF_RB_NO_WAKEUP 1
#define BPF_HDR_START_NET 1
#define PACKET_HOST 0        /* include/uapi/linux/if_packet.h */
#define VLAN_VID_MASK 0x0fff /* include/linux/if_vlan.h */
#define TCX_NEXT (-1)
#define TCX_DROP 2
#define ENOENT 2
#define ETH_P_IP 0x0800
#define ETH_P_8021Q 0x8100
#define ETH_P_IPV6 0x86DD
#define ETH_P_8021AD 0x88A8
#define ETH_ALEN 6
#define ETH_ZLEN 60
#define IPPROTO_HOPOPTS 0
#define IPPROTO_TCP 6
#define IPPROTO_ROUTING 43
#define IPPROTO_FRAGMENT 44
#define IPPROTO_AH 51
#define IPPROTO_DSTOPTS 60
#define TCP_MSS_DEFAULT 536 /* include/uapi/linux/tcp.h */

#else

#include <endian.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/types.h>
#include <stddef.h>

#define barrier_var(variable) ((void)(variable)) /* for the verifier only */
#define bpf_ntohs be16toh
#define bpf_htons htobe16
#define bpf_htonl htobe32
#define bpf_ntohl be32toh

#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif
#ifndef __noinline
#define __noinline __attribute__((noinline))
#endif

#endif

/* include/net/ip.h, the flags and the offset (in 8 bytes) of iphdr.frag_off */
#define IP_DF 0x4000
#define IP_MF 0x2000
#define IP_OFFSET 0x1FFF

#ifndef bool
#include <stdbool.h>
#endif
