import { expect, test } from "vitest";
import { attemptsOf, errorOf } from "./attempts";

test("an attempt that was never answered has no code, and nothing missing breaks it", () => {
  expect(
    attemptsOf([{ attempt: 3, at: "2026-03-09T12:00:00Z", ok: false, code: null, error: "cannot be reached" }, {}]),
  ).toEqual([
    {
      attempt: 3,
      at: "2026-03-09T12:00:00Z",
      seconds: null,
      ok: false,
      code: null,
      response: "",
      error: "cannot be reached",
      hint: "",
    },
    { attempt: 2, at: "", seconds: null, ok: false, code: null, response: "", error: "", hint: "" },
  ]);
});

test("the error of an alert is an object, a sentence, or not there", () => {
  expect(errorOf({ error: { code: "disk_full", message: "no room", hint: "Free some." } })).toEqual({
    code: "disk_full",
    message: "no room",
    hint: "Free some.",
  });
  expect(errorOf({ error: { code: "disk_full" } })?.message).toBe("disk_full");
  expect(errorOf({ error: "not proven" })?.message).toBe("not proven");
  expect(errorOf({})).toBeNull();
  expect(errorOf({ error: {} })).toBeNull();
});
