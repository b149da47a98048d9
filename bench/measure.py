# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is measured, and how: counts by difference, times in interleaved rounds."""

import glob
import json
import os
import re
import signal
import statistics
import subprocess

from peers import Failure

LOAD_DEADLINE_S = 300

# name, options of the load generator, messages sent in the short of the two runs
COUNT_CASES = [
    ("call 0 B, one at a time", "--kind=call", 400),
    ("call 0 B, 32 per send", "--kind=call --batch=32", 960),
    ("call 1 KiB, 32 per send", "--kind=call --batch=32 --size=1024", 960),
    ("call and reply, one at a time", "--kind=call-reply", 400),
    ("call and reply, 32 per send", "--kind=call-reply --batch=32", 640),
    ("broadcast to 1, 32 per send", "--kind=signal --batch=32", 640),
    ("broadcast to 100, 32 per send", "--kind=signal --batch=32 --receivers=100", 64),
]

RULE_CASES = [
    (
        f"broadcast to 1, {count} rules: other {kind}",
        f"--kind=signal --batch=32 --size=16 --rules={count} --rule-kind={kind}",
        320,
    )
    for kind in ("member", "path", "namespace", "arg0")
    for count in (10, 1000)
]

LATENCY_CASES = [
    ("0 B", "--kind=call-reply"),
    ("1 KiB", "--kind=call-reply --size=1024"),
    ("64 KiB", "--kind=call-reply --size=65536"),
    # With its header, it must not be more than a guest may send.
    ("1 MiB", "--kind=call-reply --size=1047552"),
]

THROUGHPUT_CASES = [
    ("call 0 B, 1 per send", "--kind=call --window=1024"),
    ("call 0 B, 32 per send", "--kind=call --batch=32 --window=1024"),
    ("call 1 KiB, 32 per send", "--kind=call --batch=32 --window=1024 --size=1024"),
    ("call 64 KiB", "--kind=call --window=16 --size=65536"),
    ("call and reply, 32 per send", "--kind=call-reply --batch=32 --window=128"),
    ("broadcast to 100, one at a time", "--kind=signal --receivers=100"),
    ("broadcast to 100, 32 in flight", "--kind=signal --receivers=100 --batch=32"),
]


def run_load(peer, options, cpu=None, extra=()):
    command = [*peer.load(options), *extra]
    if cpu is not None:
        command = ["taskset", "-c", str(cpu), *command]
    done = subprocess.run(command, capture_output=True, text=True, check=False,
                          timeout=LOAD_DEADLINE_S)
    if done.returncode != 0:
        raise Failure(f"{peer.name}: load {options}: {done.stderr.strip()}")
    return json.loads(done.stdout)


def callgrind_total(pattern):
    """The sum over what one broker's run left behind."""
    total = 0
    for path in glob.glob(pattern):
        with open(path, encoding="utf-8", errors="replace") as file:
            found = re.findall(r"^(?:totals|summary): (\d+)", file.read(), re.M)
        total += int(found[-1]) if found else 0
    if total == 0:
        raise Failure(f"callgrind left nothing at {pattern}")
    return total


# callgrind counts "rep movsb" once for each byte; so libc is told to copy with plain instructions.
COUNTABLE = {"GLIBC_TUNABLES": "glibc.cpu.x86_rep_movsb_threshold=1073741824:"
                               "glibc.cpu.x86_rep_stosb_threshold=1073741824"}


def instructions_of_a_run(peer, options, count, keep=None):
    out = keep or os.path.join(peer.scratch, f"callgrind.{peer.name}")
    for path in glob.glob(out + "*"):
        os.unlink(path)
    wrapper = ["valgrind", "--tool=callgrind", "-q", f"--callgrind-out-file={out}"]
    if keep:
        wrapper.append("--dump-instr=yes")
    peer.start(wrapper, environment=COUNTABLE)
    try:
        result = run_load(peer, options, extra=[f"--count={count}"])
    finally:
        peer.stop()
    return callgrind_total(out + "*"), result["forwarded"]


def instructions(peer, options, count):
    """User instructions per forwarded message; what start-up and connecting cost cancels out."""
    small, few = instructions_of_a_run(peer, options, count)
    large, many = instructions_of_a_run(peer, options, 2 * count)
    return (large - small) / (many - few)


def attach_strace(peer, out):
    command = ["strace", "-f", "-c", "-U", "calls,name", "-o", out, "-p", str(peer.pid)]
    strace = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    if "attached" not in strace.stderr.readline():
        strace.wait()
        raise Failure(f"strace cannot attach to {peer.name}")
    return strace


def calls_of_a_run(peer, options, count):
    out = os.path.join(peer.scratch, f"strace.{peer.name}")
    strace = attach_strace(peer, out)
    try:
        result = run_load(peer, options, extra=[f"--count={count}"])
    finally:
        strace.send_signal(signal.SIGINT)
        strace.communicate()
    with open(out, encoding="utf-8") as file:
        found = re.search(r"^\s*(\d+)\s+total$", file.read(), re.M)
    if not found:
        raise Failure(f"strace's summary of {peer.name} has no total")
    return int(found.group(1)), result["forwarded"]


def system_calls(peer, options, count):
    """System calls per forwarded message, by the difference of two runs."""
    peer.start()
    try:
        small, few = calls_of_a_run(peer, options, count)
        large, many = calls_of_a_run(peer, options, 2 * count)
    finally:
        peer.stop()
    return (large - small) / (many - few)


def cpus(share):
    """Where broker and load run: on one CPU together, or apart if there are two."""
    all_cpus = sorted(os.sched_getaffinity(0))
    return all_cpus[-1], all_cpus[-1] if share else all_cpus[0]


def timed(peers, cases, rounds, seconds, share, progress):
    """{case: {peer: [result of each round]}}; all peers take turns within each round."""
    broker_cpu, load_cpu = cpus(share)
    results = {}
    try:
        for peer in peers:
            peer.start(cpu=broker_cpu)
        for name, options in cases:
            able = [peer for peer in peers if peer.can(options)]
            results[name] = {peer.name: [] for peer in able}
            for number in range(rounds):
                progress(f"{name}: round {number + 1} of {rounds}")
                for peer in able:
                    extra = [f"--seconds={seconds}", "--warm-up=64", f"--pid={peer.pid}"]
                    results[name][peer.name].append(run_load(peer, options, load_cpu, extra))
    finally:
        for peer in peers:
            peer.stop()
    return results


def median(results, value):
    return statistics.median(value(result) for result in results)


def median_ratio(results, others, value):
    """Of the rounds' ratios: what disturbs a round disturbs both."""
    return statistics.median(value(a) / value(b) for a, b in zip(results, others) if value(b))
