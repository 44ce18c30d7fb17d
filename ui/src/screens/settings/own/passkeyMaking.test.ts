import { expect, test } from "vitest";
import { isAddress } from "./passkeyMaking";

test.each([
  ["127.0.0.1", true],
  ["[::1]", true],
  ["10.0.0.12", true],
  ["localhost", false],
  ["holdfast.example.org", false],
  ["1.example", false],
])("%s is an address: %s", (host, is) => {
  expect(isAddress(host)).toBe(is);
});
