"""How many processor cores this process may really use.

Two hardware threads of one core share its multipliers, so matrix products gain nothing from the second; a container's
quota and a pinned process see fewer cores than the machine has. One worker per usable physical core is the default.
"""

from __future__ import annotations

import os
from pathlib import Path


def usable_cores() -> int:
    """Physical cores within the process's affinity and its control group's quota; at least 1."""
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))
    cores = {_siblings(cpu) for cpu in allowed}
    return max(1, min(len(cores), _quota()))


def _siblings(cpu: int) -> str:
    """The hardware threads of `cpu`'s core as the kernel writes them, or the thread itself where it says nothing."""
    file = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
    return file.read_text().strip() if file.is_file() else str(cpu)


def _quota() -> int:
    """Whole cores of a version 2 control group's `cpu.max` ("quota period" in microseconds), rounded up."""
    file = Path("/sys/fs/cgroup/cpu.max")
    quota, _, period = (file.read_text() if file.is_file() else "max").partition(" ")
    return 10**6 if quota.strip() == "max" else -(-int(quota) // int(period))
