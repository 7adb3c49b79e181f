"""Times `pipe serve` beside the same answers in Redis, and live decoding: `python3 benches/serve --help`.

Cached lists: wrk asks for lists of users drawn at random, of `pipe-serve` and of a handler on the same HTTP library that gets the
same bytes from Redis; both in turns, several times. wrk, the servers and Redis share the machine. The users are made up by
`sample`, or with `--generate` by `generate.py`, millions of them in a minute. Live lists: concurrent clients send histories one after the other, once with and once without batching.
"""

import argparse
import csv
import http.client
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import BinaryIO

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "benches/engine"))

from machine import this_machine  # noqa: E402

_HERE = Path(__file__).parent
_PIPE = REPOSITORY / "target/debug/pipe"
_PEER = REPOSITORY / "target/bench-serve/debug/redis-peer"
_PIPELINE = """
name = "shop"
[stage.sample]
uses = "sample"
users = {users}
items = {items}
[stage.ingest]
uses = "ingest"
inputs = {{ reviews = "sample.reviews", metadata = "sample.metadata" }}
[stage.popularity]
uses = "popularity"
inputs = {{ interactions = "ingest.interactions" }}
top_k = 20
"""
_GENERATED = """
name = "shop"
[stage.ingest]
uses = "command"
command = ["{python}", "{script}", "{{parameters.users}}", "{{parameters.items}}", "{{outputs.interactions}}", "{{outputs.items}}", "{{outputs.users}}"]
outputs = {{ interactions = "interactions", items = "items", users = "users" }}
parameters = {{ users = {users}, items = {items} }}
[stage.popularity]
uses = "popularity"
inputs = {{ interactions = "ingest.interactions" }}
top_k = 10
"""

# wrk holds the names of those whom it asks for, and draws among them.
_ASKED = 100_000
# How many requests are sent to our server before their answers are read, while Redis is filled.
_TOGETHER = 256


def main() -> int:
    given = _parse()
    machine = this_machine(_HERE)
    print("# Serving\n")
    print(f"{machine.cores} cores of {machine.cpu}, {machine.system}; load before it began: {machine.load:.2f}.\n")
    with tempfile.TemporaryDirectory(prefix="pipe-serve-") as folder:
        if not given.live_only:
            _cached(given, Path(folder))
    if given.live:
        _live(given)
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benches/serve", description=__doc__.splitlines()[0])
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--items", type=int, default=2_000)
    parser.add_argument("--generate", action="store_true", help="draw the users evenly; needs numpy and polars")
    parser.add_argument("--seconds", type=int, default=10, help="of each turn of wrk")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of each server")
    parser.add_argument("--cache", type=int, default=512, help="MiB of rows that our server holds")
    parser.add_argument("--live", metavar="PIPELINE", help="a pipeline with a cached precache stage, such as sample")
    parser.add_argument("--live-only", action="store_true")
    return parser.parse_args()


class Server:
    """A server in a process of its own."""

    def __init__(self, command: list[str], folder: Path, log: Path) -> None:
        self.log = log.open("w")
        self.process = subprocess.Popen(command, cwd=folder, stderr=self.log, stdout=subprocess.DEVNULL)

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait()
        self.log.close()

    def memory(self, sort: str) -> float:
        """MiB that the process has in memory, `VmRSS`, or had at most, `VmHWM`."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(f"{sort}:"):
                return int(line.split()[1]) / 1024
        return 0.0


def _get(port: int, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def _wait(port: int, path: str, status: int = 200) -> float:
    start = time.monotonic()
    while time.monotonic() - start < 600:
        try:
            if _get(port, path)[0] == status:
                return time.monotonic() - start
        except OSError:
            pass
        time.sleep(0.01)
    sys.exit(f"serve: port {port} does not answer {path}")


def _cached(given: argparse.Namespace, folder: Path) -> None:
    pipeline = _GENERATED if given.generate else _PIPELINE
    names = {"python": sys.executable, "script": _HERE / "generate.py"}
    (folder / "shop.toml").write_text(pipeline.format(users=given.users, items=given.items, **names))
    subprocess.run([_PIPE, "run", "shop.toml"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    limits = ["--threads", str(given.threads), "--cache", str(given.cache)]
    command = [str(_PIPE), "serve", "shop.toml", "--listen", "127.0.0.1:18080", "--", *limits]
    with Server(command, folder, folder / "first.log") as first:
        made = _wait(18080, "/health/ready")
        most = first.memory("VmHWM")
    with Server(command, folder, folder / "killed.log") as server:
        _wait(18080, "/health/ready")
        server.process.kill()
    of_redis = folder / "redis.sock"
    options = ["--port", "0", "--unixsocket", str(of_redis), "--save", "", "--appendonly", "no"]
    redis = Server(["redis-server", *options], folder, folder / "redis.log")
    with Server(command, folder, folder / "serve.log") as ours, redis:
        again = _wait(18080, "/health/ready")
        idle = ours.memory("VmRSS")
        users = _users(folder)
        _fill(of_redis, users)
        peer_command = [str(_PEER), "127.0.0.1:18081", f"redis+unix://{of_redis}", str(given.threads)]
        with Server(peer_command, folder, folder / "peer.log") as peer:
            _wait(18081, f"/v1/users/{users[0]}/recommendations")
            same = all(_body(18080, user) == _body(18081, user) for user in users[:: max(1, len(users) // 200)])
            print(f"{len(users)} users; bodies are equal: {'yes' if same else 'NO'}.")
            print(f"Ready after {made:.2f} s when the store is made, {again:.2f} s after a SIGKILL.")
            print(f"Memory of the server before any request: {idle:.0f} MiB; most while it made the store: {most:.0f} MiB.\n")
            rows: dict[tuple[str, str], list[tuple]] = {}
            for _ in range(given.turns):
                for pace, pause in (("as fast as they can", 0), ("a pause of 1 ms", 1)):
                    for name, port in (("pipe serve", 18080), ("Redis behind axum", 18081)):
                        rows.setdefault((pace, name), []).append(_wrk(given, folder, port, pause))
            memory = {"pipe serve": ours.memory("VmRSS"), "Redis behind axum": peer.memory("VmRSS") + redis.memory("VmRSS")}
    print("| connections ask | | requests a second | p50 | p99 | errors | memory |\n|---|---|---|---|---|---|---|")
    for (pace, name), turns in sorted(rows.items()):
        rate, p50, p99 = (statistics.median(turn[place] for turn in turns) for place in range(3))
        errors = sum(turn[3] for turn in turns)
        print(f"| {pace} | {name} | {rate:,.0f} | {p50:.2f} ms | {p99:.2f} ms | {errors} | {memory[name]:.0f} MiB |")
    print()


def _users(folder: Path) -> list[str]:
    command = [_PIPE, "export", "table", "shop.toml", "ingest.users", "--output", "users.csv"]
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    with (folder / "users.csv").open(newline="") as file:
        users = [row["id"] for row in csv.DictReader(file)]
    (folder / "users.txt").write_text("\n".join(users[:: -(-len(users) // _ASKED)]) + "\n")
    return users


def _body(port: int, user: str) -> bytes:
    return _get(port, f"/v1/users/{user}/recommendations")[1]


def _fill(of_redis: Path, users: list[str]) -> None:
    """Gives Redis the very answers of our server."""
    while not of_redis.exists():
        time.sleep(0.01)
    client = subprocess.Popen(["redis-cli", "-s", str(of_redis), "--pipe"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    with socket.create_connection(("127.0.0.1", 18080)) as ours, ours.makefile("rb") as answers:
        for first in range(0, len(users), _TOGETHER):
            together = users[first : first + _TOGETHER]
            requests = (f"GET /v1/users/{user}/recommendations HTTP/1.1\r\nhost: a\r\n\r\n" for user in together)
            ours.sendall("".join(requests).encode())
            for user in together:
                words = (b"SET", user.encode(), _next_body(answers))
                client.stdin.write(b"*3\r\n" + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words))
    client.stdin.close()
    client.wait()


def _next_body(answers: BinaryIO) -> bytes:
    """The body of the next answer of a connection."""
    length = 0
    while (line := answers.readline()) != b"\r\n":
        if not line:
            sys.exit("serve: the server ended the connection")
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    return answers.read(length)


def _wrk(given: argparse.Namespace, folder: Path, port: int, pause: int) -> tuple[float, float, float, int]:
    """Requests a second, p50 and p99 in milliseconds, and errors; a connection waits `pause` milliseconds before it asks again."""
    command = ["wrk", "-t", "2", "-c", str(given.connections), "-d", f"{given.seconds}s", "-s", str(_HERE / "users.lua")]
    environment = {**os.environ, "USERS": str(folder / "users.txt"), "PAUSE": str(pause)}
    done = subprocess.run([*command, f"http://127.0.0.1:{port}"], env=environment, check=True, capture_output=True, text=True)
    line = next(line for line in done.stdout.splitlines() if line.startswith("RESULT "))
    requests, microseconds, p50, p99, _, errors = map(int, line.split()[1:])
    return requests / (microseconds / 1e6), p50 / 1e3, p99 / 1e3, errors


def _live(given: argparse.Namespace) -> None:
    print("Live decoding: each client sends a history as soon as it has the answer to the one before.\n")
    print("| batch | clients | lists a second | p50 | p99 |\n|---|---|---|---|---|")
    for batch in (64, 1):
        options = ["--deadline-ms", "60000", "--queue", "256", "--batch", str(batch)]
        command = [str(_PIPE), "serve", given.live, "--listen", "127.0.0.1:18082", "--", *options]
        with tempfile.NamedTemporaryFile() as log, Server(command, REPOSITORY, Path(log.name)):
            _wait(18082, "/health/ready")
            while json.loads(_get(18082, "/v1/status")[1])["decoder"] != "ready":
                time.sleep(0.05)
            histories = _histories(given.live)
            for clients in (1, 8, 64):
                rate, times = _ask(histories, clients, given.seconds)
                p50, p99 = times[len(times) // 2], times[int(len(times) * 0.99)]
                print(f"| {batch} | {clients} | {rate:.1f} | {p50 * 1e3:.0f} ms | {p99 * 1e3:.0f} ms |", flush=True)


def _histories(pipeline: str) -> list[bytes]:
    command = [_PIPE, "peek", pipeline, "ingest.users", "-n", "500", "--json"]
    files = json.loads(subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True).stdout)
    users = [row["id"] for row in files[0]["content"]["table"]["rows"]]
    items = [json.loads(_get(18082, f"/v1/users/{user}/history")[1])["items"] for user in users]
    return [json.dumps({"history": [item["id"] for item in history]}).encode() for history in items]


def _ask(histories: list[bytes], clients: int, seconds: float) -> tuple[float, list[float]]:
    """Lists a second, and the sorted times of all requests."""
    times: list[float] = []
    end = time.monotonic() + seconds

    def client(number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", 18082)
        turn = number * 7
        while time.monotonic() < end:
            turn += 1
            start = time.monotonic()
            body = histories[turn % len(histories)]
            connection.request("POST", "/v1/recommendations", body, {"content-type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                sys.exit(f"serve: a list was answered with {answer.status}")
            times.append(time.monotonic() - start)

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    start = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(times) / (time.monotonic() - start), sorted(times)


if __name__ == "__main__":
    sys.exit(main())
