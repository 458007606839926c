"""The hub's event loop: whatever arrives is seen, however much work there is, and the system is asked less often."""

import asyncio
import select
import socket

from hub.turns import SparingSelector, new_loop
from tests.waiting import PATIENCE


def test_what_arrives_is_seen_while_there_is_always_work_to_do() -> None:
    async def read() -> bytes:
        loop = asyncio.get_running_loop()
        here, there = socket.socketpair()
        with here, there:
            here.setblocking(False)
            there.setblocking(False)
            busy = True

            def work() -> None:
                if busy:
                    loop.call_soon(work)

            work()
            reading = asyncio.ensure_future(loop.sock_recv(here, 10))
            await loop.sock_sendall(there, b"arrived")
            try:
                return await asyncio.wait_for(reading, PATIENCE)
            finally:
                busy = False

    with asyncio.Runner(loop_factory=new_loop) as runner:
        assert runner.run(read()) == b"arrived"


def test_a_loop_that_has_work_asks_the_system_every_second_turn() -> None:
    here, there = socket.socketpair()
    with here, there, SparingSelector() as selector:
        selector.register(here, select.POLLIN)
        there.send(b"x")
        assert [len(selector.select(0)) for _ in range(4)] == [0, 1, 0, 1]
        assert [len(selector.select(1)) for _ in range(2)] == [1, 1]


def test_timers_ring_and_programs_run_in_it() -> None:
    async def both() -> bytes:
        await asyncio.sleep(0.01)
        program = await asyncio.create_subprocess_exec("echo", "done", stdout=asyncio.subprocess.PIPE)
        return (await program.communicate())[0]

    with asyncio.Runner(loop_factory=new_loop) as runner:
        assert runner.run(both()) == b"done\n"
