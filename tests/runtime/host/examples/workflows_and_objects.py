from workers.workflows import NonRetryableError

from workers import DurableObject, Response, WorkerEntrypoint, WorkflowEntrypoint


class Counter(DurableObject):
    def __init__(self, state, env):
        super().__init__(state, env)
        self.storage = state.storage


class Flow(WorkflowEntrypoint):
    async def run(self, event, step):
        raise NonRetryableError("never")


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        try:
            self.env.COUNTER.idFromName("a")
        except AttributeError as error:
            return Response(str(error))
