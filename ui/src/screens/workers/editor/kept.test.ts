// @vitest-environment happy-dom
import { afterEach, expect, test, vi } from "vitest";
import { changed, EMPTY } from "./draft";
import { Drafts } from "./kept";

afterEach(() => {
  vi.unstubAllGlobals();
  localStorage.clear();
});

const TYPED = changed({ ...EMPTY, base: "wver_1", number: 1, at: "a.py" }, "a.py", "x = 1\n", "");

test("what was typed is there for the next tab, and nothing when it was deployed", () => {
  const one = new Drafts("wrk_1");
  one.put(TYPED);
  one.flush();
  expect(new Drafts("wrk_1").draft).toEqual(TYPED);
  expect(new Drafts("wrk_2").draft).toEqual(EMPTY);
  one.put({ ...TYPED, files: {} });
  one.flush();
  expect(localStorage.getItem("holdfast.code.wrk_1")).toBe(null);
});

test("a full browser is told, until there is room again", () => {
  const one = new Drafts("wrk_1");
  vi.stubGlobal("localStorage", {
    setItem: () => {
      throw new DOMException("full", "QuotaExceededError");
    },
  });
  one.put(TYPED);
  one.flush();
  expect(one.now.get()).toEqual({ draft: TYPED, safe: false });
  vi.unstubAllGlobals();
  one.put({ ...TYPED });
  one.flush();
  expect(one.now.get().safe).toBe(true);
});

test("another tab's letters arrive, but never over what is being typed here", () => {
  const [one, other] = [new Drafts("wrk_1"), new Drafts("wrk_1")];
  const event = { key: "holdfast.code.wrk_1" } as StorageEvent;
  one.put(TYPED);
  one.flush();
  other.heard(event);
  expect(other.draft.files).toEqual(TYPED.files);
  const mine = changed(TYPED, "b.py", "mine", undefined);
  other.put(mine);
  other.heard(event);
  expect(other.draft).toEqual(mine);
  other.flush();
});

test("what is no draft is none", () => {
  localStorage.setItem("holdfast.code.wrk_1", '"nonsense"');
  expect(new Drafts("wrk_1").draft).toEqual(EMPTY);
});
