import { expect, test } from "vitest";
import { withNewest } from "./order";

test("what came since is before what was read, each row once", () => {
  const read = [{ id: "b" }, { id: "a" }];
  const idOf = ({ id }: { id: string }) => id;
  expect(withNewest([{ id: "c" }, { id: "b" }], read, idOf).map(idOf)).toEqual(["c", "b", "a"]);
  expect(withNewest([], read, idOf)).toBe(read); // the same rows: nothing is drawn again
});
