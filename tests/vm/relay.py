"""Carries connections from one socket to another: ``python relay.py FROM TO``, each ``unix:PATH`` or ``ADDRESS:PORT``.

Two of them, one in the guest and one here, make the controller's Unix socket a socket of the guest.
"""

import asyncio
import sys

__all__ = ["main"]

_CHUNK_BYTES = 1 << 16


def _unix(address: str) -> str:
    return address.removeprefix("unix:") if address.startswith("unix:") else ""


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(_CHUNK_BYTES):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


async def _relay(source: str, target: str) -> None:
    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if path := _unix(target):
                onward = await asyncio.open_unix_connection(path)
            else:
                host, _, port = target.rpartition(":")
                onward = await asyncio.open_connection(host, int(port))
        except OSError:
            writer.close()
            return
        await asyncio.gather(_copy(reader, onward[1]), _copy(onward[0], writer))

    if path := _unix(source):
        server = await asyncio.start_unix_server(carry, path)
    else:
        host, _, port = source.rpartition(":")
        server = await asyncio.start_server(carry, host, int(port))
    async with server:
        print("ready", flush=True)
        await server.serve_forever()


def main() -> None:
    asyncio.run(_relay(*sys.argv[1:3]))


if __name__ == "__main__":
    main()
