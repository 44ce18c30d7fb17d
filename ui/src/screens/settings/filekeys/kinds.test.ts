import { expect, test } from "vitest";
import { bodyOf, KINDS, type Kind, loginOf } from "./kinds";

test("a service's fields go in the part of its name, others stand alone", () => {
  expect(
    bodyOf("aws-kms", { region: "eu-central-1", key_id: "alias/x", endpoint: " ", address: "of another" }),
  ).toEqual({
    aws: { region: "eu-central-1", key_id: "alias/x" },
  });
  expect(bodyOf("passphrase", { material: "" })).toEqual({});
});

test("recipients are lines", () => {
  expect(bodyOf("age", { recipients: "age1a\n\n age1b \n" })).toEqual({ recipients: ["age1a", "age1b"] });
});

test("whatever is a secret is hidden, and only services are asked with one", () => {
  const secrets = [
    "token",
    "secret_id",
    "access_key_id",
    "secret_access_key",
    "session_token",
    "service_account_key",
    "material",
  ];
  for (const kind of Object.keys(KINDS) as Kind[])
    for (const { name, secret } of KINDS[kind])
      expect([kind, name, Boolean(secret)]).toEqual([kind, name, secrets.includes(name)]);
  expect(loginOf("gpg")).toEqual([]);
  expect(loginOf("vault-kv").map(({ name }) => name)).toEqual(["token", "secret_id"]);
});
