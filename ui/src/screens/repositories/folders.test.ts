import { expect, test } from "vitest";
import type { FileOut } from "@/api";
import { fileHref, inside } from "./folders";

const files = [
  { path: "/etc/a10.conf", size: 3, type: "file" },
  { path: "/etc/a9.conf", size: 2, type: "file" },
  { path: "/etc/sub/deep/x", size: 5, type: "file" },
  { path: "/readme", size: 7, type: "file" },
] as FileOut[];

test("files fold into folders, and a folder knows what is below it", () => {
  expect(inside(files, "")).toEqual([
    { name: "etc", path: "etc", isFolder: true, size: 10, files: 3 },
    { name: "readme", path: "/readme", isFolder: false, size: 7, files: 0 },
  ]);
  expect(inside(files, "etc").map(({ name }) => name)).toEqual(["sub", "a9.conf", "a10.conf"]);
});

test("an address keeps what is in a name", () => {
  expect(fileHref("repo_1", "abc", "/a b/<i>#?")).toBe(
    "/api/v1/repositories/repo_1/contents/abc/files/a%20b/%3Ci%3E%23%3F",
  );
});
