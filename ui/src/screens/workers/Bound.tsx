import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { workerList } from "@/api";
import { data } from "@/shell/api";
import { useCan } from "@/shell/session";

const NAMED = 5;

/** Which workers will miss this database, namespace or worker; nothing where there are none. */
export function Bound({ to }: { to: string }) {
  const { t } = useTranslation();
  const can = useCan();
  const { data: found } = useQuery({
    queryKey: ["workers", "bound", to],
    queryFn: () => data(workerList({ query: { bound_to: to } })),
    enabled: can("worker.read"),
    staleTime: 0,
  });
  const names = found?.items.map((worker) => worker.name) ?? [];
  if (names.length === 0) return null;
  const shown = names.slice(0, NAMED).join(", ") + (names.length > NAMED ? ", …" : "");
  const number = `${names.length}${found?.next_cursor ? "+" : ""}`;
  return (
    <strong className="mt-2 block">{t("workers:boundHere", { count: names.length, number, names: shown })}</strong>
  );
}
