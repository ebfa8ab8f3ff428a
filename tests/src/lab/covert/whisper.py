"""Sends random bytes in echo requests: ADDRESS."""

import os
import socket
import struct
import sys
import time


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total >> 16) + (total & 0xFFFF)
    return ~total & 0xFFFF


with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as raw:
    for sequence in range(30):
        data = os.urandom(400)
        request = struct.pack("!BBHHH", 8, 0, 0, 7, sequence) + data
        request = struct.pack("!BBHHH", 8, 0, checksum(request), 7, sequence) + data
        raw.sendto(request, (sys.argv[1], 0))
        time.sleep(0.01)
