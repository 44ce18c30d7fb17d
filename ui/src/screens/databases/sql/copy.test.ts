import { expect, test } from "vitest";
import { copied } from "./copy";

const columns = [
  { name: "id", type: "bigint" },
  { name: "it's", type: "text" },
  { name: "id", type: "bytea" },
];
const rows = [
  ["9007199254740993", 'a "q", b\nc', { $bytes: "AP8=" }],
  [1, null, null],
  [2, "", { a: "<b>|" }],
];

test("CSV tells NULL from empty text and disarms formulas", () => {
  expect(copied("csv", { columns, rows })).toBe(
    'id,it\'s,id\r\n9007199254740993,"a ""q"", b\nc",\\x00ff\r\n1,,\r\n2,"","{""a"":""<b>|""}"\r\n',
  );
  const armed = [["=1+1"], ["@x"], ["-5"], ["-x"]];
  expect(copied("csv", { columns: columns.slice(1, 2), rows: armed })).toBe("it's\r\n'=1+1\r\n'@x\r\n-5\r\n'-x\r\n");
});

test("JSON keeps both columns of one name", () => {
  expect(JSON.parse(copied("json", { columns, rows }))[0]).toEqual({
    id: "9007199254740993",
    "it's": 'a "q", b\nc',
    id_2: { $bytes: "AP8=" },
  });
});

test("SQL quotes names and text, leaves exact numbers bare and bytes as bytes", () => {
  const [first, second] = copied(
    "sql",
    { columns, rows: [["12345678901234567890", "o'x", { $bytes: "AP8=" }], rows[1] as unknown[]] },
    "My t",
  ).split("\n");
  expect(first).toBe(`INSERT INTO "My t" (id, "it's", id) VALUES (12345678901234567890, 'o''x', X'00ff');`);
  expect(second).toBe(`INSERT INTO "My t" (id, "it's", id) VALUES (1, NULL, NULL);`);
});

test("Markdown cannot be broken out of", () => {
  const text = copied("markdown", { columns, rows });
  expect(text.split("\n")[4]).toBe('| 2 |  | {"a":"&lt;b>\\|"} |');
  expect(text.split("\n")[3]).toBe("| 1 | *NULL* | *NULL* |");
});
