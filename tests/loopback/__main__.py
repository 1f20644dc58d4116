"""Run the server as a process of its own: ``python -m tests.loopback --port 0``.

The first line on standard output is the port. It ends when it is told to (SIGTERM, SIGINT) or when the
process that started it closes its standard input (``--until-eof``).
"""

import argparse
import asyncio
import signal
import sys
from pathlib import Path

from tests.loopback.faults import FaultPlan
from tests.loopback.persona import LabelTask
from tests.loopback.server import LoopbackServer


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.loopback", description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds until an answer")
    parser.add_argument("--record", type=Path, help="append each answered request to this file")
    parser.add_argument("--faults", type=FaultPlan.from_json, help="a FaultPlan as JSON")
    parser.add_argument("--base", type=float, default=0.4, help="score of the seed prompt")
    parser.add_argument("--ceiling", type=float, default=1.0, help="score of the best prompt")
    parser.add_argument("--until-eof", action="store_true", help="end when standard input closes")
    options = parser.parse_args()
    server = LoopbackServer(
        LabelTask(base=options.base, ceiling=options.ceiling),
        latency=options.latency,
        faults=options.faults,
        record_file=options.record,
        port=options.port,
    )
    asyncio.run(_run(server, until_eof=options.until_eof))


async def _run(server: LoopbackServer, *, until_eof: bool) -> None:
    loop = asyncio.get_running_loop()
    serving = asyncio.ensure_future(server.serve(lambda: print(server.port, flush=True)))
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, serving.cancel)
    if until_eof:
        loop.run_in_executor(None, sys.stdin.read).add_done_callback(lambda _: serving.cancel())
    await asyncio.wait([serving])


if __name__ == "__main__":
    main()
