import { useQuery } from "@tanstack/react-query";
import { databaseList } from "@/api";
import { data } from "@/shell/api";

const MOST = 200;

/** Databases by id, for lists that know ids only: one call for all of them. Empty where nothing is asked. */
export function useNames(filter: { project_id?: string; environment_id?: string } | null): ReadonlyMap<string, string> {
  const { data: names } = useQuery({
    queryKey: ["databases", "names", filter],
    queryFn: async () => {
      const { items } = await data(databaseList({ query: { ...filter, limit: MOST } }));
      return new Map(items.map(({ id, name }) => [id, name]));
    },
    enabled: filter !== null,
  });
  return names ?? NONE;
}

const NONE: ReadonlyMap<string, string> = new Map();
