"""What the figures were made on."""

import os
import platform
from pathlib import Path


def describe():
    """Returns names and values of what matters of this machine."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "Processor": f"{_after('/proc/cpuinfo', 'model name')}, {os.cpu_count()} cores",
        "Memory": f"{memory / 2**30:.0f} GiB",
        "System": f"{_after('/etc/os-release', 'PRETTY_NAME', '=')}, Linux {platform.release()}",
    }


def _after(path, key, separator=":"):
    for line in Path(path).read_text().splitlines():
        name, _, value = line.partition(separator)
        if name.strip() == key:
            return value.strip().strip('"')
    return "unknown"
