import { expect, test } from "vitest";
import { firstBroken } from "./verifying";

const finding = (seq: number | null, message = "") => ({ kind: "changed", seq, id: null, message });

test("the first broken place is the lowest, whatever the order they were found in", () => {
  expect(firstBroken([finding(null, "a head"), finding(90), finding(17), finding(40)])?.seq).toBe(17);
});

test("without a place the first thing found is said", () => {
  expect(firstBroken([finding(null, "the file is gone"), finding(null)])?.message).toBe("the file is gone");
  expect(firstBroken([])).toBeNull();
});
