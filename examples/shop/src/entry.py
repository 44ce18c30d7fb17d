"""A small shop: articles in D1, the list of them cached in KV."""

import json

import asgi
from fastapi import FastAPI, HTTPException, Request
from pydantic import BaseModel, Field
from workers import WorkerEntrypoint

app = FastAPI(title="Shop")


class Article(BaseModel):
    name: str = Field(min_length=1, max_length=100)
    price: int = Field(ge=0, description="In cents.")


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return await asgi.fetch(app, request, self.env, self.ctx)


@app.get("/articles")
async def list_articles(request: Request):
    env = request.scope["env"]
    cached = await env.CACHE.get("articles")
    if cached is not None:
        return json.loads(cached)
    found = await env.DB.prepare("select id, name, price, sold from articles order by name").all()
    answer = {"currency": env.CURRENCY, "articles": [dict(row) for row in found.results]}
    await env.CACHE.put("articles", json.dumps(answer), expirationTtl=env.CACHE_SECONDS)
    return answer


@app.post("/articles", status_code=201)
async def add_article(article: Article, request: Request):
    env = request.scope["env"]
    insert = "insert into articles (name, price) values (?, ?) on conflict (name) do nothing returning id"
    made = await env.DB.prepare(insert).bind(article.name, article.price).first()
    if made is None:
        raise HTTPException(409, "there is an article of this name")
    await env.CACHE.delete("articles")
    return {"id": made["id"], **article.model_dump()}


@app.post("/articles/{article_id}/sell")
async def sell(article_id: int, request: Request):
    env = request.scope["env"]
    update = "update articles set sold = sold + 1 where id = ? returning id, name, sold"
    sold = await env.DB.prepare(update).bind(article_id).first()
    if sold is None:
        raise HTTPException(404, "no such article")
    await env.CACHE.delete("articles")
    return dict(sold)
