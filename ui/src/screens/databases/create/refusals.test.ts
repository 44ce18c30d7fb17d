import { expect, test } from "vitest";
import type { EngineOut } from "@/api";
import { ApiError } from "@/shell/api";
import { offer, refusals } from "./refusals";

const error = (code: string, fields: { field: string; message: string }[] = []) =>
  new ApiError(422, { code, message: "no", details: { fields } });

test("an error is told at its field, and only what has none below the form", () => {
  const told = refusals(error("invalid", [{ field: "body.spec.memory_mb", message: "too much" }]), ["memory_mb"]);
  expect(told).toEqual({ byField: { memory_mb: "too much" }, rest: null });
  expect(refusals(error("name_taken"), []).byField.name).toBe("no");
  expect(refusals(error("invalid", [{ field: "body.node", message: "?" }]), []).rest?.code).toBe("invalid");
  expect(refusals(error("disk_full"), []).rest?.code).toBe("disk_full");
});

test("an engine that is only connected to is not offered", () => {
  const engine = (hosts: string[]) =>
    ({ name: "x", title: "X", spec: {}, capabilities: { hosts } }) as unknown as EngineOut;
  expect(offer(engine(["external"]))).toBe(false);
  expect(offer(engine(["process", "external"]))).toBe(true);
});
