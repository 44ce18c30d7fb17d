import { expect, test } from "vitest";
import { asked, FIRST, forgetful, hexdump, MOST_PAST, type Past, pretty, withPast } from "./request";

const past = (path: string): Past => ({ at: path, request: { ...FIRST, path }, status: 200, ms: 1 });

test("what is sent has no empty headers, and no body where there is none", () => {
  expect(
    asked({
      method: "GET",
      path: "x?a=1",
      headers: [
        ["", "y"],
        [" X-A ", " 1 "],
      ],
      body: "no",
    }),
  ).toEqual({
    method: "GET",
    path: "/x?a=1",
    headers: [["X-A", "1"]],
    body: "",
    encoded: false,
  });
  expect(asked({ ...FIRST, method: "POST", body: "aGk=", encoded: true })).toMatchObject({
    body: "aGk=",
    encoded: true,
  });
});

test("the browser keeps no credentials", () => {
  const kept = forgetful({
    ...FIRST,
    headers: [
      ["Authorization", "Bearer x"],
      ["X-Session-Token", "y"],
      ["accept", "text/html"],
    ],
  });
  expect(kept.headers).toEqual([
    ["Authorization", ""],
    ["X-Session-Token", ""],
    ["accept", "text/html"],
  ]);
});

test("what is sent again moves to the top, and the oldest go", () => {
  const twice = withPast(withPast(withPast([], past("/a")), past("/b")), past("/a"));
  expect(twice.map(({ request }) => request.path)).toEqual(["/a", "/b"]);
  let many: Past[] = [];
  for (let nth = 0; nth < MOST_PAST + 5; nth++) many = withPast(many, past(`/${nth}`));
  expect(many.length).toBe(MOST_PAST);
});

test("JSON has its lines; other text is left alone", () => {
  expect(pretty('{"a":[1]}')).toBe('{\n  "a": [\n    1\n  ]\n}');
  for (const text of ["hello", "{no", "12"]) expect(pretty(text)).toBe(null);
});

test("bytes as hexdump shows them", () => {
  expect(hexdump(Uint8Array.from([0, 65, 255]))).toBe(`00000000  00 41 ff${" ".repeat(39)}  .A.`);
});
