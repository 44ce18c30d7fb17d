import { expect, test } from "vitest";
import { asPattern, bodyOf, stageAt, stagesOf, suggested, tablesText, wishOf } from "./wish";

const snapshot = { resource_name: "shop" };
const none = { confirm: "", override: false };

test("an empty address is everything into a new database, a safety snapshot taken where it matters", () => {
  const wish = wishOf({}, snapshot);
  expect(wish).toMatchObject({ step: "what", mode: "new", tables: [], name: "shop-restored", safety: true });
  expect(bodyOf(wish, none)).toEqual({ mode: "new", name: "shop-restored", select: [], override_unverified: false });
});

test("tables survive the address whatever they are called", () => {
  const tables = ["public.a,b", "public.100%", "public.plain", "ünïcode.t"];
  expect(wishOf({ tables: tablesText(tables) }, snapshot).tables).toEqual(tables);
  expect(wishOf({ tables: "%zz" }, snapshot).tables).toEqual([]);
});

test("a run's step without a run is the look before it", () => {
  expect(wishOf({ step: "run" }, snapshot).step).toBe("check");
  expect(wishOf({ step: "run", run: "run_1" }, snapshot).step).toBe("run");
  expect(wishOf({ step: "elsewhere" }, snapshot).step).toBe("what");
});

test("in place says the typed name and whether what is there is kept, and nothing of a new one", () => {
  const wish = wishOf({ mode: "in_place", safety: "0", name: "x", place: "env_1", masking: "m" }, snapshot);
  expect(bodyOf(wish, { confirm: "shop", override: true })).toEqual({
    mode: "in_place",
    safety: false,
    confirm: "shop",
    select: [],
    override_unverified: true,
  });
});

test("a suggested name is never longer than a name may be, nor cut within a character", () => {
  expect(suggested("shop")).toBe("shop-restored");
  const long = suggested("数".repeat(30));
  expect(new TextEncoder().encode(long).length).toBeLessThanOrEqual(63);
  expect(long).toMatch(/^数+-restored$/);
});

test("a table's name that is a pattern means itself", () => {
  expect(asPattern("public.a*b?c[d]")).toBe("public.a[*]b[?]c[[]d]");
});

test("stages follow from what is asked, and a phase says which one it is", () => {
  const fresh = stagesOf({ mode: "new", safety: true, masking: false });
  expect(fresh).toEqual(["provisioning", "restoring", "comparing"]);
  expect(stageAt(fresh, "comparing")).toBe("comparing");
  expect(stageAt(fresh, "storing")).toBe(null);
  const over = stagesOf({ mode: "in_place", safety: true, masking: false });
  expect(over).toEqual(["safety", "restoring", "comparing", "swapping"]);
  expect(stageAt(over, "storing")).toBe("safety");
  expect(stageAt(over, "draining")).toBe("swapping");
  expect(stageAt(over, null)).toBe(null);
});
