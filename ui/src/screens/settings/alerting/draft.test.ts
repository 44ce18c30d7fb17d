import { expect, test } from "vitest";
import type { ChannelOut } from "@/api";
import { addresses, changesOf, draftOf, fresh, newChannel } from "./draft";

const mail: ChannelOut = {
  id: "alc_1",
  project_id: null,
  name: "on-call",
  kind: "email",
  email: {
    host: "smtp.example.org",
    port: 587,
    security: "starttls",
    username: "hf",
    sender: "hf@example.org",
    sender_name: "Holdfast",
    to: ["ops@example.org"],
    own_ca: false,
  },
  webhook: null,
  enabled: true,
  digest_at: "08:00",
  tz: "UTC",
  gather_seconds: 60,
  origin: "api",
  next_digest_at: null,
  last_sent_at: null,
  trouble: null,
  version: 3,
  created_by: "usr_1",
  created_at: "2026-03-09T12:00:00Z",
  updated_at: "2026-03-09T12:00:00Z",
};

test("addresses may stand apart by anything that people type between them", () => {
  expect(addresses("a@x, b@x;c@x\n d@x ")).toEqual(["a@x", "b@x", "c@x", "d@x"]);
});

test("a new webhook sends no empty secret, and the whole server is null", () => {
  const body = newChannel({ ...fresh("", "UTC"), name: " hooks ", url: " https://x.example/in ", gather: "0" });
  expect(body).toEqual({
    name: "hooks",
    project_id: null,
    kind: "webhook",
    digest_at: "08:00",
    tz: "UTC",
    gather_seconds: 0,
    webhook: { url: "https://x.example/in" },
  });
});

test("an untouched form changes nothing, and one field changes that field alone", () => {
  const draft = draftOf(mail);
  expect(changesOf(draft, mail)).toEqual({});
  expect(changesOf({ ...draft, to: "ops@example.org, dev@example.org", digest: "" }, mail)).toEqual({
    digest_at: "",
    email: { to: ["ops@example.org", "dev@example.org"] },
  });
  expect(changesOf({ ...draft, password: "typed" }, mail)).toEqual({ email: { password: "typed" } });
});

test("a webhook's address is sent only when it was typed anew", () => {
  const hook: ChannelOut = {
    ...mail,
    kind: "webhook",
    email: null,
    webhook: { origin: "https://x.example", own_ca: false, secrets: [] },
  };
  expect(changesOf({ ...draftOf(hook), name: "other" }, hook)).toEqual({ name: "other" });
  expect(changesOf({ ...draftOf(hook), url: "https://y.example/in" }, hook)).toEqual({
    webhook: { url: "https://y.example/in" },
  });
});
