from workers import Response, WorkerEntrypoint


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        query = """
        SELECT quote, author
        FROM quotes
        ORDER BY RANDOM()
        LIMIT 1;
        """
        found = await self.env.DB.prepare(query).all()
        return Response.json(found.results[0])
