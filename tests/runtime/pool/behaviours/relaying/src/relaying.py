"""A third worker, without any binding: it reaches only what it was given."""

from workers import WorkerEntrypoint


class Default(WorkerEntrypoint):
    async def use(self, counter, amount):
        return [await counter.increment(amount), await counter.value]

    async def read(self, stream):
        return sum([len(each) async for each in stream])

    async def pass_back(self, counter):
        return counter
