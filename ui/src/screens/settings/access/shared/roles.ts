import { queryOptions } from "@tanstack/react-query";
import { permissionList, roleList } from "@/api";
import { data } from "@/shell/api";
import { wholly } from "./wholly";

/** Built-in ones first. There are few: they are read all at once. */
export const roles = queryOptions({
  queryKey: ["roles", "all"],
  queryFn: async ({ signal }) =>
    (await wholly((cursor) => data(roleList({ query: { limit: 200, cursor }, signal })))).items,
});

export const permissions = queryOptions({
  queryKey: ["permissions"],
  queryFn: () => data(permissionList()),
  staleTime: Number.POSITIVE_INFINITY,
});

/** By the noun a permission begins with, in the order of the server's list. */
export function byNoun(names: readonly string[]): [string, string[]][] {
  const found = new Map<string, string[]>();
  for (const name of names) {
    const noun = name.split(".", 1)[0] ?? name;
    found.set(noun, [...(found.get(noun) ?? []), name]);
  }
  return [...found];
}
