"""A long line between two network namespaces of its own: what is sent arrives late, and no faster than a rate.

The kernel's netem does that where it is there. Where it is not, this file is a program, too: it carries packets from one
namespace to the other by itself, and takes a part of a processor for that.
"""

import collections
import contextlib
import ctypes
import fcntl
import os
import select
import struct
import subprocess
import sys
import time
from pathlib import Path

from measure import CommandFailed, run

CLIENT_ADDRESS, SERVER_ADDRESS = "10.213.7.1", "10.213.7.2"
DEVICE = "coffer0"
TUN_SET_INTERFACE, TUN_WITHOUT_HEADER = 0x400454CA, 0x1001
NEW_NETWORK = 0x40000000
LARGEST_PACKET = 16_000
"""Of the line without netem: fewer packets cost less. One is as much as a connection on an Ethernet begins with."""
LONGEST_QUEUE = 64 << 20


class Line:
    """A line from a client's namespace to a server's. To be used in a with statement; needs root."""

    server_address = SERVER_ADDRESS

    def __init__(self, delay, rate, environment):
        """Takes the seconds that there and back take together, and bits a second."""
        self.delay, self.rate, self.environment = delay, rate, environment
        self.names = [f"coffer-{side}-{os.getpid()}" for side in ("client", "server")]
        self.relay = None

    def __enter__(self):
        try:
            for name in self.names:
                run(["ip", "netns", "add", name], self.environment)
                run(["ip", "-n", name, "link", "set", "lo", "up"], self.environment)
            self.has_netem = self._make_veth()
            if not self.has_netem:
                self._start_relay()
            self._address()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.relay:
            self.relay.kill()
            self.relay.wait()
        for name in self.names:
            subprocess.run(["ip", "netns", "del", name], env=self.environment, stderr=subprocess.DEVNULL)

    @contextlib.contextmanager
    def at_client(self):
        """Puts this process, and what it starts, at the client's end."""
        with open("/proc/thread-self/ns/net") as before:
            enter(Path("/run/netns") / self.names[0])
            try:
                yield
            finally:
                enter(before.name, before.fileno())

    def carried(self):
        """Returns the bytes that were sent and received so far, at the client's end."""
        for text in Path("/proc/thread-self/net/dev").read_text().splitlines():
            name, _, numbers = text.partition(":")
            if name.strip() == DEVICE:
                numbers = numbers.split()
                return int(numbers[8]), int(numbers[0])
        raise CommandFailed(f"there is no {DEVICE} in this namespace")

    def server(self, command):
        """Returns the command, to be run at the server's end."""
        return ["ip", "netns", "exec", self.names[1], *map(str, command)]

    def describe(self):
        kind = "the kernel's netem" if self.has_netem else "packets carried by the benchmark, for this kernel has no netem"
        return f"{1000 * self.delay:.0f} ms there and back, {self.rate / 1e9:g} Gbit/s ({kind})"

    def _make_veth(self):
        """Returns whether the kernel could make a line with a delay."""
        client, server = self.names
        run(["ip", "link", "add", DEVICE, "netns", client, "type", "veth", "peer", "name", DEVICE, "netns", server],
            self.environment)
        try:
            for name in self.names:
                # As many packets as are under way at that rate, and more.
                limit = int(self.delay * self.rate / 8 / 1000) + 10_000
                run(["tc", "-n", name, "qdisc", "add", "dev", DEVICE, "root", "netem", "delay",
                     f"{500 * self.delay:.3f}ms", "rate", f"{self.rate:.0f}bit", "limit", str(limit)], self.environment)
        except CommandFailed:
            run(["ip", "-n", client, "link", "del", DEVICE], self.environment)
            return False
        return True

    def _start_relay(self):
        self.relay = subprocess.Popen(
            ["/usr/bin/python3", "-B", __file__, *self.names, str(self.delay / 2), str(self.rate)],
            env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        if self.relay.stdout.readline() != b"ready\n":
            raise CommandFailed("the line could not be made: /dev/net/tun is needed where the kernel has no netem")

    def _address(self):
        for name, address in zip(self.names, (CLIENT_ADDRESS, SERVER_ADDRESS)):
            run(["ip", "-n", name, "addr", "add", f"{address}/24", "dev", DEVICE], self.environment)
            run(["ip", "-n", name, "link", "set", DEVICE, "up"], self.environment)
            if not self.has_netem:
                run(["ip", "-n", name, "link", "set", DEVICE, "mtu", str(LARGEST_PACKET)], self.environment)
                run(["ip", "-n", name, "route", "replace", "10.213.7.0/24", "dev", DEVICE, "src", address,
                     "initcwnd", "1"], self.environment)
                # What waits for the relay is not to be lost: it holds what is more than the line can carry.
                run(["ip", "-n", name, "link", "set", DEVICE, "txqueuelen", str(LONGEST_QUEUE // LARGEST_PACKET)], self.environment)


def enter(path, descriptor=None):
    """Puts this process into a namespace."""
    if descriptor is None:
        with open(path) as place:
            return enter(path, place.fileno())
    if ctypes.CDLL(None, use_errno=True).setns(descriptor, NEW_NETWORK) != 0:
        raise OSError(ctypes.get_errno(), f"setns: {path}")


def make_device(namespace):
    """Returns the descriptor of a device in a namespace, which this process then stands in."""
    enter(Path("/run/netns") / namespace)
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, TUN_SET_INTERFACE, struct.pack("16sH22x", DEVICE.encode(), TUN_WITHOUT_HEADER))
    return device


def carry(first, second, delay, rate):
    """Carries packets between two devices for ever; seconds one way, bits a second each way."""
    ways = [(first, second, collections.deque()), (second, first, collections.deque())]
    free = [0.0, 0.0]
    queued = [0, 0]
    poll = select.poll()
    for device in (first, second):
        poll.register(device, select.POLLIN)
    while True:
        now = time.monotonic()
        for number, (source, target, queue) in enumerate(ways):
            while True:
                try:
                    packet = os.read(source, 1 << 16)
                except BlockingIOError:
                    break
                if queued[number] + len(packet) <= LONGEST_QUEUE:
                    free[number] = max(free[number], now) + 8 * len(packet) / rate
                    queue.append((free[number] + delay, packet))
                    queued[number] += len(packet)
            while queue and queue[0][0] <= now:
                packet = queue.popleft()[1]
                queued[number] -= len(packet)
                try:
                    os.write(target, packet)
                except OSError:
                    pass  # As on any line, a packet may be lost.
        due = min((queue[0][0] for _, _, queue in ways if queue), default=None)
        poll.poll(None if due is None else max(0, 1000 * (due - time.monotonic())))


if __name__ == "__main__":
    devices = [make_device(name) for name in sys.argv[1:3]]
    print("ready", flush=True)
    carry(*devices, *map(float, sys.argv[3:5]))
