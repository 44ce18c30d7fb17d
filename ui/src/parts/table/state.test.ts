import { describe, expect, test } from "vitest";
import { parseSearch, stringifySearch } from "@/shell/search";
import { toCsv, toJson } from "./export";
import { inOrder } from "./order";
import { fromSearch, sortBy, type TableState, toggled, toSearch } from "./state";

const COLUMNS = ["name", "state", "size"];
const FILTERS = ["state", "engine"];
const read = (text: string) => fromSearch(parseSearch(text), COLUMNS, FILTERS);
const written = (state: TableState) => stringifySearch(toSearch(state, FILTERS));

describe("a table's state and the address", () => {
  test("come back as they went", () => {
    const states: TableState[] = [
      { q: "", sort: [], filters: {}, columns: null },
      { q: "a b&c=d,é", sort: [{ id: "size", desc: true }], filters: { engine: ["sqlite"] }, columns: null },
      {
        q: "100%",
        sort: [
          { id: "name", desc: false },
          { id: "size", desc: true },
        ],
        filters: { state: ["ready", "a,b", "c%2C"] },
        columns: ["name", "size"],
      },
    ];
    for (const state of states) expect(read(written(state))).toEqual(state);
  });

  test("nothing said is nothing in the address", () => {
    expect(written({ q: "", sort: [], filters: { state: [] }, columns: null })).toBe("");
  });

  test("a link of before, or one typed wrong, shows what it can", () => {
    const state = read("?sort=gone,-size,size&cols=nothing&state=%25&tab=x");
    expect(state).toEqual({ q: "", sort: [{ id: "size", desc: true }], filters: {}, columns: null });
  });
});

test("a header is clicked up, down and off; with Shift beside the others", () => {
  const up = sortBy([], "name", false);
  const down = sortBy(up, "name", false);
  expect([up, down, sortBy(down, "name", false)]).toEqual([
    [{ id: "name", desc: false }],
    [{ id: "name", desc: true }],
    [],
  ]);
  const both = sortBy(up, "size", true);
  expect(both.map(({ id }) => id)).toEqual(["name", "size"]);
  expect(sortBy(both, "name", true)[0]).toEqual({ id: "name", desc: true });
  expect(sortBy(both, "state", false)).toEqual([{ id: "state", desc: false }]);
});

test("a filter of one takes the other's place", () => {
  expect(toggled(["a"], "b", false)).toEqual(["b"]);
  expect(toggled(["a"], "b", true)).toEqual(["a", "b"]);
  expect(toggled(["a", "b"], "a", true)).toEqual(["b"]);
});

describe("rows as a file", () => {
  const columns = [
    { id: "name", title: "Name", value: (row: { name: string; size: number | null }) => row.name },
    { id: "size", title: "Size", value: (row: { name: string; size: number | null }) => row.size },
  ];
  const rows = [
    { name: `a"b'; --`, size: -1 },
    { name: "=1+1", size: null },
    { name: "two\nlines, é", size: 0 },
  ];

  test("CSV quotes, and defuses what a spreadsheet would run", () => {
    expect(toCsv(rows, columns)).toBe(`Name,Size\r\n"a""b'; --",-1\r\n'=1+1,\r\n"two\nlines, é",0\r\n`);
  });

  test("JSON leaves values what they are", () => {
    expect(JSON.parse(toJson(rows, columns))).toEqual(rows);
  });
});

test("rows are sorted by several columns, numbers as numbers, names as people count, nothing last", () => {
  const columns = [
    { id: "name", title: "Name", value: (row: { name: string | null; size: number | null }) => row.name },
    { id: "size", title: "Size", value: (row: { name: string | null; size: number | null }) => row.size },
  ];
  const rows = [
    { name: "db-10", size: 5 },
    { name: "db-9", size: 10 },
    { name: null, size: 9 },
    { name: "db-9", size: null },
    { name: "db-9", size: 9 },
  ];
  const sorted = inOrder(rows, columns, [
    { id: "name", desc: false },
    { id: "size", desc: false },
  ]);
  expect(sorted.map(({ name, size }) => [name, size])).toEqual([
    ["db-9", 9],
    ["db-9", 10],
    ["db-9", null],
    ["db-10", 5],
    [null, 9],
  ]);
  expect(inOrder(rows, columns, [])).toBe(rows);
  expect(inOrder(rows, columns, [{ id: "size", desc: true }]).map(({ size }) => size)).toEqual([null, 10, 9, 9, 5]);
});
