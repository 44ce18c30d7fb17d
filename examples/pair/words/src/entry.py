"""Called by other workers only: its methods are what `env.WORDS` has there."""

from collections import Counter

from workers import Response, WorkerEntrypoint


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return Response("Call my methods through a service binding.\n")

    async def count(self, text):
        return {"words": len(text.split()), "letters": sum(each.isalpha() for each in text)}

    async def common(self, text, most):
        if most < 1:
            raise ValueError("most begins at 1")
        return [list(each) for each in Counter(text.lower().split()).most_common(most)]  # RPC carries lists, not tuples
