import { useQuery } from "@tanstack/react-query";
import { databaseQuery } from "@/api";
import { cx } from "@/parts/classes";
import { data } from "@/shell/api";
import { COUNT } from "./sample";

/** How many rows the table has that the guide breaks; the error is the database's own, when there is no such table. */
export function useCounted(database: string) {
  const { data: rows = 0, ...rest } = useQuery({
    queryKey: ["databases", database, "counted"],
    retry: false,
    staleTime: 0,
    queryFn: async ({ signal }) => {
      const found = await data(databaseQuery({ path: { database_id: database }, body: { statement: COUNT }, signal }));
      return Number(found.rows[0]?.[0] ?? 0);
    },
  });
  return { ...rest, rows, statement: COUNT };
}

/** A statement, and what the database answered to it. */
export function RunQuery({ statement, tone, said }: { statement: string; tone: "good" | "bad"; said: string }) {
  return (
    <div className="grid gap-1.5 rounded-md border bg-sunken px-3 py-2.5" role="status">
      <code className="break-words font-mono text-muted text-xs">{statement}</code>
      <p className={cx("font-medium", tone === "good" ? "text-good" : "text-bad")}>{said}</p>
    </div>
  );
}
