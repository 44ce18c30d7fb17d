import { expect, test } from "vitest";
import { EMPTY, isFilled, targetOf } from "./target";

const SERVER = {
  files: false,
  default_port: 5432,
  default_database: "postgres",
  default_user: "postgres",
  only_database: null,
  reader_role: true,
};

test("only what was filled in is sent, and a password keeps its blanks", () => {
  expect(targetOf({ ...EMPTY, host: " db.example.org ", user: "app", password: " p " }, SERVER)).toEqual({
    host: "db.example.org",
    user: "app",
    password: " p ",
  });
  expect(targetOf({ ...EMPTY, how: "url", url: " postgresql://a@b/c ", host: "left over" }, SERVER)).toEqual({
    url: "postgresql://a@b/c",
  });
});

test("a file has a path and nothing else", () => {
  expect(targetOf({ ...EMPTY, path: "/srv/a.db", host: "x" }, { ...SERVER, files: true })).toEqual({
    path: "/srv/a.db",
  });
});

test("a tunnel is not tried before its host key was confirmed", () => {
  const draft = { ...EMPTY, host: "db", tunnels: true, sshHost: "bastion", sshUser: "me" };
  expect(isFilled(draft, SERVER)).toBe(false);
  expect(isFilled({ ...draft, hostKey: "ssh-ed25519 AAAA" }, SERVER)).toBe(true);
  expect(targetOf({ ...draft, hostKey: "ssh-ed25519 AAAA", sshKey: "PEM" }, SERVER).ssh).toEqual({
    host: "bastion",
    port: 22,
    user: "me",
    host_key: "ssh-ed25519 AAAA",
    key: "PEM",
  });
  expect(isFilled(EMPTY, SERVER)).toBe(false);
});
