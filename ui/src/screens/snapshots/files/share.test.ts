import { expect, test } from "vitest";
import { bodyOf, FRESH, isWhole, recipientsOf, stateOf } from "./share";

const KEY = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmQ==\n-----END PGP PUBLIC KEY BLOCK-----";

test("what was not set is the server's to say; that it is plain is said", () => {
  expect(bodyOf(FRESH)).toEqual({ format: "native", encryption: "none", once: false });
  expect(bodyOf({ ...FRESH, hours: "1.5" }).seconds).toBe(5400);
});

test("age keys are one a line, OpenPGP keys whole blocks", () => {
  expect(recipientsOf("age", "age1a\n age1b, age1c\n")).toEqual(["age1a", "age1b", "age1c"]);
  expect(recipientsOf("gpg", `hello\n${KEY}\n${KEY}`)).toEqual([KEY, KEY]);
  expect(recipientsOf("aes256", "age1a")).toEqual([]);
});

test("encrypted to somebody, a passphrase typed before goes nowhere", () => {
  const share = { ...FRESH, encryption: "age" as const, recipients: "age1a", passphrase: "typed before" };
  expect(bodyOf(share)).toMatchObject({ encryption: "age", recipients: ["age1a"] });
  expect(bodyOf(share)).not.toHaveProperty("passphrase");
  expect(isWhole({ ...share, recipients: "", passphrase: "" })).toBe(false);
});

test("an open link is over when its time is", () => {
  const link = { state: "open", expires_at: "2026-11-22T04:00:00Z" };
  expect(stateOf(link, Date.parse("2026-11-22T03:59:59Z"))).toBe("open");
  expect(stateOf(link, Date.parse("2026-11-22T04:00:00Z"))).toBe("expired");
  expect(stateOf({ ...link, state: "revoked" }, 0)).toBe("revoked");
});
