import { expect, test } from "vitest";
import { parameters, statementAt, statements, tokens } from "./tokens";

const texts = (sql: string) => statements(sql).map(({ text }) => text);

test("semicolons in text, comments, quotes, dollar quotes and triggers end nothing", () => {
  expect(texts("select ';' ; select 2 -- ; no\n; ;")).toEqual(["select ';'", "select 2"]);
  expect(texts('select "a;""b" ; select $x$ ; $x$')).toEqual(['select "a;""b"', "select $x$ ; $x$"]);
  expect(texts("/* ; /* ; */ ; */ select 1")).toEqual(["select 1"]);
  const trigger =
    "create trigger t after insert on a begin update b set c = case when 1 then 2 end; delete from d; end";
  expect(texts(`${trigger}; select 1`)).toEqual([trigger, "select 1"]);
});

test("whatever is typed is read to its end", () => {
  for (const odd of ["'", '"', "$a$", "/*", "--", "E'\\", "`", ":", "a.", "\u{1F600}'\u{1F600}"])
    expect(tokens(odd).at(-1)?.to).toBe(odd.length);
});

test("the statement of the caret, or the one before it", () => {
  const sql = "select 1;\n\nselect 2;\n";
  expect(statementAt(sql, 3)?.text).toBe("select 1");
  expect(statementAt(sql, 10)?.text).toBe("select 1");
  expect(statementAt(sql, sql.length)?.text).toBe("select 2");
  expect(statementAt(" -- nothing", 3)).toBe(null);
});

test("parameters are names once; casts, text and times are none", () => {
  expect(parameters("select :a::text, ':no', a[1:2] from t where b = :b or c = :a -- :c")).toEqual(["a", "b"]);
});
