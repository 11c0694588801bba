"""Listens on addresses and hands each connection to a socket in the file system: `relay.py 198.18.0.2:6379=/run/v.sock …`.

It runs in a network namespace of its own. Sockets in the file system know none, so a server need not be in it.
"""

import asyncio
import sys
from contextlib import suppress


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()


async def relay(address: str, path: str) -> asyncio.Server:
    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            inner, outer = await asyncio.open_unix_connection(path)
        except OSError:
            writer.close()
            return
        await asyncio.gather(pump(reader, outer), pump(inner, writer))

    host, _, port = address.rpartition(":")
    return await asyncio.start_server(meet, host, int(port))


async def main() -> None:
    servers = [await relay(*word.split("=", 1)) for word in sys.argv[1:]]
    sys.stdout.write("relays\n")
    sys.stdout.flush()
    await asyncio.gather(*(server.serve_forever() for server in servers))


if __name__ == "__main__":
    asyncio.run(main())
