import { expect, test } from "vitest";
import { kindOf, pointsOf, suggested } from "./chart";

const column = (name: string, type: string | null = null) => ({ name, type });

test("figures over time are a line, by name they are bars, without figures there is nothing to draw", () => {
  const times = { columns: [column("id"), column("day"), column("sum", "numeric")], rows: [[1, "2026-01-02", "2.5"]] };
  expect(suggested(times)).toEqual({ kind: "line", x: 1, series: [2] });
  expect(suggested({ columns: [column("n"), column("name")], rows: [[1, "a"]] })).toEqual({
    kind: "bar",
    x: 1,
    series: [0],
  });
  expect(suggested({ columns: [column("name")], rows: [["a"]] })).toBe(null);
  expect(suggested({ columns: [], rows: [] })).toBe(null);
});

test("digits in a column of text are names, in one of numbers figures", () => {
  expect(kindOf({ columns: [column("zip", "text")], rows: [["01234"]] }, 0)).toBe("name");
  expect(kindOf({ columns: [column("big", "int8")], rows: [["9007199254740993"], [null]] }, 0)).toBe("number");
});

test("points stand in the order of their axis; what is no figure is a gap", () => {
  const result = {
    columns: [column("at"), column("n")],
    rows: [
      ["2026-01-02", 2],
      ["2026-01-01", null],
      ["never", 3],
    ],
  };
  expect(pointsOf(result, { kind: "line", x: 0, series: [1] }, "time")).toEqual([
    { x: "2026-01-01", y1: null },
    { x: "2026-01-02", y1: 2 },
  ]);
});
