from __future__ import annotations

import errno
import json
import platform
import re
import textwrap
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.grading.notebooks import notebook
from tests.grading.sandbox.ordinary import OrdinaryUser

from onsite.grading.runner import Runner
from onsite.grading.sandbox import seccomp
from onsite.grading.sandbox.seccomp import ABSENT, MACHINES, REFUSED, Machine, build
from onsite.grading.sandbox.syscalls import AARCH64, X86_64

HEADERS = (
    ("/usr/include/asm-generic/unistd.h", AARCH64),
    # Debian has it in a folder of the architecture
    ("/usr/include/*/asm/unistd_64.h", X86_64),
)
ALLOWED = 0x7FFF0000
KILLED = 0x80000000
REFUSAL = 0x00050000
# Numbers of calls that every notebook makes, to see that they pass.
HARMLESS = {"x86_64": (0, 1, 9, 59, 202, 257), "aarch64": (56, 63, 64, 98, 221, 222)}


def verdict(machine: Machine, number: int, *arguments: int, audit: int | None = None) -> int:
    """Run the filter as the kernel does (all the instructions that filters here are made of)."""
    words = [number, machine.audit if audit is None else audit, 0, 0]
    for value in (*arguments, *[0] * 6)[:6]:
        words += [value & 0xFFFFFFFF, value >> 32 & 0xFFFFFFFF]
    program, place, loaded = build(machine), 0, 0
    tests = {
        0x15: lambda k: loaded == k,
        0x35: lambda k: loaded >= k,
        0x25: lambda k: loaded > k,
        0x45: lambda k: bool(loaded & k),
    }
    while True:
        code, true, false, operand = program[place]
        place += 1
        if code == 0x20:
            loaded = words[operand // 4]
        elif code == 0x06:
            return operand
        else:
            place += true if tests[code](operand) else false


@pytest.mark.parametrize(("header", "table"), HEADERS, ids=["aarch64", "x86_64"])
def test_numbers_are_the_kernels(header: str, table: Mapping[str, int]) -> None:
    paths = [*Path("/").glob(header[1:]), *Path("/").glob(header[1:].replace("*/", ""))]
    if not paths:
        pytest.skip(f"no {header} on this machine")
    found = re.findall(r"#define __NR_(\w+)\s+(\d+)", paths[0].read_text())
    numbers = {name: int(number) for name, number in found}
    known = max(numbers.values())
    compared = {name: number for name, number in table.items() if number <= known}
    assert len(compared) > 70
    assert {name: numbers.get(name) for name in compared} == compared


@pytest.mark.parametrize("name", MACHINES)
def test_the_table_has_every_call_that_a_rule_names(name: str) -> None:
    # x86 has calls of its own, and some that were never given to younger machines
    only_x86 = {
        *("create_module", "iopl", "ioperm", "modify_ldt", "uselib", "sysfs", "_sysctl"),
    }
    missing = {rule for rule, _ in seccomp._rules()} - set(MACHINES[name].calls)
    assert missing == (set() if name == "x86_64" else only_x86)


@pytest.mark.parametrize("name", MACHINES)
class TestFilter:
    def test_refused(self, name: str) -> None:
        calls = MACHINES[name].calls
        for call in REFUSED:
            if call in calls:
                assert verdict(MACHINES[name], calls[call]) == REFUSAL | errno.EPERM, call
        for call in ABSENT:
            assert verdict(MACHINES[name], calls[call]) == REFUSAL | errno.ENOSYS, call

    def test_others_are_allowed(self, name: str) -> None:
        for number in HARMLESS[name]:
            assert verdict(MACHINES[name], number, 5, 6, 7) == ALLOWED

    def test_another_architecture(self, name: str) -> None:
        i386, arm = 0x40000003, 0x40000028
        for audit in (i386, arm):
            assert verdict(MACHINES[name], 1, audit=audit) == KILLED

    def test_clone(self, name: str) -> None:
        machine = MACHINES[name]
        number = machine.calls["clone"]
        thread, fork = 0x3D0F00, 0x1200011
        assert verdict(machine, number, thread) == ALLOWED
        assert verdict(machine, number, fork) == ALLOWED
        for flag in (0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000):
            assert verdict(machine, number, fork | flag) == REFUSAL | errno.EPERM

    def test_socket(self, name: str) -> None:
        machine = MACHINES[name]
        number = machine.calls["socket"]
        for family in range(64):
            expected = ALLOWED if family in (1, 2, 10, 16) else REFUSAL | errno.EAFNOSUPPORT
            assert verdict(machine, number, family) == expected, family

    def test_shared_segments(self, name: str) -> None:
        machine = MACHINES[name]
        number = machine.calls["shmget"]
        assert verdict(machine, number, 0, 128 << 10) == ALLOWED
        for size in ((128 << 10) + 1, 1 << 32, 1 << 40):
            assert verdict(machine, number, 0, size) == REFUSAL | errno.EINVAL, size

    @pytest.mark.parametrize(
        "call",
        [
            *("kill", "tkill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_open"),
            *("prlimit64", "sched_setparam", "sched_setscheduler", "sched_setaffinity"),
            "sched_setattr",
        ],
    )
    def test_init_is_out_of_reach(self, name: str, call: str) -> None:
        machine = MACHINES[name]
        assert verdict(machine, machine.calls[call], 1, 9) == REFUSAL | errno.EPERM
        # the kernel looks at the lower half only
        assert verdict(machine, machine.calls[call], 1 | 1 << 32) == REFUSAL | errno.EPERM
        for other in (0, 2, 1 << 31, (1 << 64) - 1):
            assert verdict(machine, machine.calls[call], other) == ALLOWED

    @pytest.mark.parametrize(("call", "of_user"), [("setpriority", 2), ("ioprio_set", 3)])
    def test_priorities(self, name: str, call: str, of_user: int) -> None:
        machine = MACHINES[name]
        number = machine.calls[call]
        assert verdict(machine, number, 0, 0) == ALLOWED
        assert verdict(machine, number, 0, 1) == REFUSAL | errno.EPERM
        assert verdict(machine, number, of_user, 0) == REFUSAL | errno.EPERM


def test_x32_is_no_way_around() -> None:
    machine = MACHINES["x86_64"]
    assert verdict(machine, 0x40000000 | machine.calls["ptrace"]) == KILLED


def test_in_a_run(anybody: Runner | OrdinaryUser) -> None:
    """Each call for real; that most would fail anyway is what the tests above are for."""
    calls = MACHINES[platform.machine()].calls
    numbers = {name: calls[name] for name in (*REFUSED, *ABSENT) if name in calls}
    source = f"""
    import ctypes, json
    libc, seen = ctypes.CDLL(None, use_errno=True), {{}}
    for name, number in {numbers!r}.items():
        assert libc.syscall(ctypes.c_long(number), 0, 0, 0, 0, 0, 0) == -1, name
        seen[name] = ctypes.get_errno()
    print(json.dumps(seen))
    """
    result = anybody.run(notebook(textwrap.dedent(source)))
    assert result["c0"].status == "ok", result["c0"]
    seen = json.loads(result["c0"].outputs[0]["text"])
    expected = dict.fromkeys(REFUSED, errno.EPERM) | dict.fromkeys(ABSENT, errno.ENOSYS)
    assert seen == {name: expected[name] for name in numbers}


@pytest.mark.parametrize(
    ("source", "error"),
    [
        # without the filter these would work in a run
        ("libc.ptrace(0, 0, 0, 0)", "EPERM"),
        ("libc.personality(0xffffffff)", "EPERM"),
        ("libc.unshare(0x10000000)", "EPERM"),
        ("libc.unshare(0)", "EPERM"),
        ("libc.msgget(0, 0o1600)", "EPERM"),
        ("libc.syscall(CLONE, 0x10000011, 0, 0, 0, 0)", "EPERM"),
        ("libc.kill(1, 0)", "EPERM"),
        ("libc.prlimit64(1, 0, 0, 0)", "EPERM"),
        ("libc.setpriority(0, 1, 19)", "EPERM"),
        ("libc.setpriority(2, 0, 19)", "EPERM"),
        ("libc.socket(38, 5, 0)", "EAFNOSUPPORT"),  # AF_ALG, which needs no rights
        ("libc.socket(40, 1, 0)", "EAFNOSUPPORT"),  # AF_VSOCK, to the host of a virtual machine
    ],
)
def test_one_call(anybody: Runner | OrdinaryUser, source: str, error: str) -> None:
    cell = f"""
    import ctypes, errno
    CLONE = {MACHINES[platform.machine()].calls["clone"]}
    libc = ctypes.CDLL(None, use_errno=True)
    assert {source} == -1
    print(errno.errorcode[ctypes.get_errno()])
    """
    result = anybody.run(notebook(textwrap.dedent(cell)))
    assert result["c0"].status == "ok", result["c0"]
    assert result["c0"].outputs[0]["text"].strip() == error


def test_the_other_way_into_the_kernel_ends_the_caller(anybody: Runner | OrdinaryUser) -> None:
    """`int 0x80` reaches the calls of 32-bit programs, which have other numbers."""
    if platform.machine() != "x86_64":
        pytest.skip("only x86 has it")
    source = """
    import ctypes, mmap, os
    code = bytes.fromhex("b814000000cd80c3")  # mov eax, 20 (getpid); int 0x80; ret
    page = mmap.mmap(-1, 4096, prot=7)
    page.write(code)
    call = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))
    if (pid := os.fork()) == 0:  # in which memory is nobody's to look at
        call()
        os._exit(0)
    print(os.waitpid(pid, 0)[1])
    """
    result = anybody.run(notebook(textwrap.dedent(source)))
    assert result["c0"].outputs[0]["text"].strip() == "31", "SIGSYS"
