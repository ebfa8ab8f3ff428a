"""Exchanges random datagrams with a tunnel's end on this host: PORT ask|answer."""

import os
import random
import socket
import sys
import time

port = int(sys.argv[1])
# The tunnel's end listens on every address of this port, and hands on to the first.
own, tunnel = ("127.0.0.1", port), ("127.0.0.2", port)


def datagram():
    return os.urandom(random.randrange(150, 600))


with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
    end.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    end.bind(own)
    print("ready")
    end.settimeout(20)
    if sys.argv[2] == "answer":
        while True:
            end.recv(2000)
            end.sendto(datagram(), tunnel)
    for _ in range(100):
        end.sendto(datagram(), tunnel)
        end.recv(2000)
        time.sleep(0.02)
