"""What the server asks of a worker that is too busy to answer, and one that is gone."""

import asyncio
import sys
from contextlib import suppress

from nodegraph.service.handle import GONE, MOST_ASKED, WorkerHandle

# Says how many questions it got, as the answer to the first, once it is told that this is all.
COUNTING = """
import sys
from nodegraph.service.frames import packed, read_frame
asked = []
while (frame := read_frame(sys.stdin.buffer)) and frame.message["do"] == "peek":
    asked.append(frame.message["of"])
sys.stdout.buffer.write(packed({"say": "peek", "of": asked[0], "asked": len(asked)}))
sys.stdout.buffer.flush()
sys.stdin.buffer.read()
"""


async def counting() -> WorkerHandle:
    """A worker that counts, and does nothing else."""
    pipe = asyncio.subprocess.PIPE
    handle = WorkerHandle(
        await asyncio.create_subprocess_exec(sys.executable, "-c", COUNTING, stdin=pipe, stdout=pipe, stderr=pipe)
    )
    handle._tasks += [asyncio.create_task(handle._read()), asyncio.create_task(handle._log("cpu"))]  # pyright: ignore[reportPrivateUsage] -- what start() does for its own process
    return handle


def test_impatience_does_not_make_the_list_of_questions_longer() -> None:
    async def ask() -> int:
        handle = await counting()
        for number in (*range(MOST_ASKED + 10), *range(5)):
            with suppress(TimeoutError):
                await handle.peek("job", f"n{number}", "int", 0)
        handle.send({"do": "no more"})
        answer = await handle.peek("job", "n0", "int", 60)
        await handle.kill()
        return answer["asked"]

    assert asyncio.run(ask()) == MOST_ASKED


def test_who_waits_for_a_worker_that_dies_is_told_so() -> None:
    async def ask() -> list[object]:
        handle = await counting()
        waiting = asyncio.create_task(handle.peek("job", "it", "int", 60))
        await asyncio.sleep(0)
        await handle.kill()
        return [await waiting, await handle.peek("job", "it", "int", 60)]

    assert asyncio.run(ask()) == [GONE, GONE]
