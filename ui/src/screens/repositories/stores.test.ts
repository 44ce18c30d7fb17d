import { expect, test } from "vitest";
import { KINDS, placeOf, STORES } from "./stores";

test("empty fields are not sent, numbers are numbers, other kinds' fields stay out", () => {
  const given = {
    host: " example.org ",
    port: "2222",
    user: "u",
    path: "/p",
    bucket: "not of this kind",
    host_key: "",
  };
  expect(placeOf("sftp", given)).toEqual({
    kind: "sftp",
    sftp: { host: "example.org", port: 2222, user: "u", path: "/p" },
  });
  expect(placeOf("local", { path: "" })).toEqual({ kind: "local" });
});

test("every secret is a secret", () => {
  for (const kind of KINDS)
    for (const field of STORES[kind])
      expect([field.name, Boolean(field.secret)]).toEqual([
        field.name,
        /(_key|password|key_id)$/.test(field.name) && field.name !== "host_key",
      ]);
});
