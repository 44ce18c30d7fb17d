import { expect, test } from "vitest";
import type { ClassOut } from "@/api";
import { money, priceNames, pricesOf } from "./money";

test("money has its currency, and small amounts do not become nothing", () => {
  expect(money(12.345, "EUR", "en")).toBe("12.35 EUR");
  expect(money(0.0123, "EUR", "en")).toBe("0.0123 EUR");
  expect(money(0, "EUR", "en")).toBe("0.00 EUR");
});

test("prices are asked for what holds something and for what may", () => {
  const classes = [{ name: "disk", pieces: null, bytes: 1, cost: null }] as ClassOut[];
  expect(priceNames(classes, ["STANDARD"], { currency: "EUR", per_gb_month: { disk: 1, OLD: 2 } })).toEqual([
    "disk",
    "STANDARD",
    "OLD",
  ]);
});

test("empty prices are forgotten, a comma is a point", () => {
  expect(pricesOf("EUR", { disk: "0,02", STANDARD: "" })).toEqual({ currency: "EUR", per_gb_month: { disk: 0.02 } });
  expect(pricesOf("EUR", { disk: "" })).toBeNull();
  expect(pricesOf("", { disk: "1" })).toBeNull();
  expect(pricesOf("EUR", { disk: "much" })).toBeNull();
});
