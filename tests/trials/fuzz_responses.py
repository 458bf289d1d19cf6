"""Feeds random and mutated responses to the HTTP parser, and counts what it makes of them.

    python -m tests.trials.fuzz_responses COUNT [SEED]

Half of the inputs are mutations of valid and nearly valid responses, a quarter is made of their fragments,
and a quarter is random bytes; each arrives in random pieces. Every input must end with a response or with a
documented error, within a bounded number of reads, and with at most 1 MiB of body.
"""

from __future__ import annotations

import gzip
import random
import sys
from collections import Counter

from trailforward.transport import http1

SEEDS = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 204 None\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n1\r\n!\r\n0\r\nX: x\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n"
    % (len(gzip.compress(b"hello")), gzip.compress(b"hello")),
    b"HTTP/1.0 503 Service Unavailable\r\nRetry-After: 7\r\nX: a\r\n folded\r\n\r\nuntil the end",
    b"\r\nHTTP/1.1 429\nRetry-After: Wed, 21 Oct 2015 07:28:00 GMT\nContent-Length: 0\n\n",
]
FRAGMENTS = [
    *(b"HTTP/1.1 ", b"HTTP/1.0 ", b"200", b"100", b"101", b"204", b"304", b" OK", b"\r\n", b"\n", b"\r"),
    *(b"Content-Length: ", b"Transfer-Encoding: ", b"chunked", b"gzip", b", ", b"identity", b"Connection: "),
    *(b"close", b"keep-alive", b"0", b"5", b"ffffffffffffff", b"-1", b"9" * 18, b"hello", b";", b"\xff"),
    *(b"\0", b":", b" ", b"\t", b"x" * 300),
]


class Pieces:
    """A connection that sends bytes in random pieces and ends. Reading on after the end is an error."""

    def __init__(self, data: bytes, source: random.Random) -> None:
        self._data = data
        self._source = source
        self.reads = 0

    def recv(self, most: int) -> bytes:
        """The next piece."""
        self.reads += 1
        size = min(most, self._source.choice((1, 7, 100, 65_536)))
        piece, self._data = self._data[:size], self._data[size:]
        return piece


def mutated(source: random.Random) -> bytes:
    """A seed with one to eight changes."""
    data = bytearray(source.choice(SEEDS))
    for _ in range(source.randint(1, 8)):
        at = source.randrange(len(data) + 1)
        change = source.randrange(5)
        if change == 0:
            data[at:at] = source.choice(FRAGMENTS)
        elif change == 1:
            del data[at : at + source.randint(1, 9)]
        elif change == 2 and at < len(data):
            data[at] = source.randrange(256)
        elif change == 3:
            data[at:at] = data[at : at + source.randint(1, 40)]
        else:
            other = source.choice(SEEDS)
            data[at:] = other[source.randrange(len(other)) :]
    return bytes(data)


def made(source: random.Random) -> bytes:
    """An input."""
    kind = source.randrange(4)
    if kind < 2:
        return mutated(source)
    if kind == 2:
        return b"".join(source.choices(FRAGMENTS, k=source.randint(1, 25)))
    return source.randbytes(source.randint(0, 120))


def main(count: int, seed: int) -> None:
    """Reads ``count`` inputs, and prints the results. Any other exception ends the run with its input."""
    source = random.Random(seed)  # noqa: S311  # repeatable
    results: Counter[str] = Counter()
    for number in range(count):
        data = made(source)
        pieces = Pieces(data, source)
        try:
            response, _ = http1.read(pieces)
        except (http1.InvalidResponseError, http1.NoResponseError) as error:
            results[type(error).__name__] += 1
        except BaseException:
            sys.stderr.write(f"input {number} of seed {seed}: {data!r}\n")
            raise
        else:
            assert response.status >= 200, data
            assert len(response.body) <= http1.MAX_BODY_BYTES, data
            results["response"] += 1
        assert pieces.reads <= len(data) + 2, data
    figures = ", ".join(f"{amount:,} {name}" for name, amount in sorted(results.items()))
    sys.stdout.write(f"{count:,} inputs of seed {seed}: {figures}, 0 other exceptions\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1)
