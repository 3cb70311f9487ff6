# SPDX-License-Identifier: Apache-2.0
"""A proxy on a loopback port that leads its connections to several others in turn.

    python tools/round_robin.py PORT TO...
"""

import asyncio
import contextlib
import itertools
import sys


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


async def _serve(port: int, targets: list[int]) -> None:
    turns = itertools.cycle(targets)

    async def lead(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection('127.0.0.1', next(turns))
        await asyncio.gather(_pump(reader, back), _pump(there, writer))

    server = await asyncio.start_server(lead, '127.0.0.1', port)
    await server.serve_forever()


if __name__ == '__main__':
    asyncio.run(_serve(int(sys.argv[1]), [int(port) for port in sys.argv[2:]]))
