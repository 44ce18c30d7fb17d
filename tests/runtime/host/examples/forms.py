from workers import Blob, File, FormData, Response, WorkerEntrypoint


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        if request.method == "GET":
            form = FormData({"field": "value"})
            form["blob"] = Blob(["print(42)"], content_type="text/python")
            form.append("file", File("content", filename='a "b".txt', content_type="text/plain"))
            return Response(form)
        form = await request.form_data()
        told = {}
        for name, value in form.items():
            if isinstance(value, Blob):
                told[name] = [value.name, value.content_type, await value.text()]
            else:
                told[name] = value
        return Response.json(told)
