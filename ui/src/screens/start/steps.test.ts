import { expect, test } from "vitest";
import { journey, steps } from "./steps";

test("an address is at its step when it has what the step needs", () => {
  expect(journey({}).step).toBe("choose");
  expect(journey({ step: "snapshot", database: "db_1" }).step).toBe("snapshot");
  expect(journey({ step: "break", database: "db_1", snapshot: "snap_1" }).step).toBe("break");
  expect(journey({ step: "rows", database: "db_1", snapshot: "snap_1", target: "db_1" }).step).toBe("rows");
});

test("an address that lacks it falls back to the last step that can be", () => {
  expect(journey({ step: "rows" }).step).toBe("choose");
  expect(journey({ step: "restore", database: "db_1" }).step).toBe("snapshot");
  expect(journey({ step: "nonsense", database: "db_1" }).step).toBe("choose");
});

test("nothing of one's own is broken, whatever the address says", () => {
  expect(steps(true)).not.toContain("break");
  expect(journey({ step: "break", own: "1", database: "db_1", snapshot: "snap_1" }).step).toBe("choose");
});
