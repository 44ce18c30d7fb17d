import { expect, test } from "vitest";
import type { TestAnswerOut } from "@/api";
import { marksOf, nameOf, strays, unmarked } from "./marks";

const answer = (status: number, body: unknown): TestAnswerOut => ({
  version_id: "wver_1",
  request_id: "r",
  at: 0,
  status,
  headers: [],
  body: typeof body === "string" ? body : JSON.stringify(body),
  encoded: false,
  truncated: false,
  milliseconds: 1,
});

const refused = (...fields: [string, string][]) =>
  answer(422, { error: { details: { fields: fields.map(([field, message]) => ({ field, message })) } } });

test("a refused request names its values as the form does", () => {
  const marks = marksOf(
    refused(["body.items[0].a.b[1]", "must be at least 0"], ["query.dry", "one"], ["query.dry", "two"]),
  );
  expect(marks[nameOf("body", ["items", 0, "a.b[1]"])]).toBe("must be at least 0");
  expect(marks[nameOf("query", ["dry"])]).toBe("one");
  expect(nameOf("body", ["👍".repeat(101)])).toBe(`body.${"👍".repeat(100)}`);
});

test("so does one that FastAPI refuses", () => {
  const detail = [
    { loc: ["body", "items", 0, "price"], msg: "Input should be greater than 0" },
    { loc: ["path", "id"], msg: "Input should be an integer" },
    { loc: ["header", "x-trace"], msg: "Field required" },
    { loc: [], msg: "nothing" },
  ];
  expect(marksOf(answer(422, { detail }))).toEqual({
    "body.items[0].price": "Input should be greater than 0",
    "params.id": "Input should be an integer",
    "headers.x-trace": "Field required",
  });
});

test("other answers say nothing of values", () => {
  for (const each of [
    answer(200, refused(["body", "x"]).body),
    answer(422, "no"),
    answer(422, "null"),
    answer(422, []),
  ])
    expect(marksOf(each)).toEqual({});
  expect(
    marksOf(answer(422, { error: { details: { fields: [null, { field: 1, message: {} }] } }, detail: "no" })),
  ).toEqual({});
  expect(marksOf(null)).toEqual({});
});

test("what was changed since is not marked any more, and nothing beside it", () => {
  const marks = { "body.a": "1", "body.a.b": "2", "body.a[0]": "3", "body.ab": "4" };
  expect(unmarked(marks, "body.a")).toEqual({ "body.ab": "4" });
});

test("what has no control is told at what is around it", () => {
  const marks = { body: "is wrong", "body.extra": "is not known here", "body.name": "is missing", "query.x": "no" };
  expect(strays(marks, "body", ["body.name"])).toEqual(["is wrong", "body.extra is not known here"]);
});
