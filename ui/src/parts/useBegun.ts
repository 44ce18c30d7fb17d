import { useTranslation } from "react-i18next";
import { useGo } from "@/shell/address";
import { queries } from "@/shell/query";
import { toast } from "@/shell/toasts";

/** Says that a run has begun, with the way to it; `nouns` are read again besides runs. */
export function useBegun(...nouns: readonly string[]): (made: { run: { id: string } }) => void {
  const { t } = useTranslation();
  const go = useGo();
  return ({ run }) => {
    for (const noun of ["runs", ...nouns]) void queries.invalidateQueries({ queryKey: [noun] });
    toast.undo(t("shell:begun", { count: 1 }), t("activity:watch"), () => go(`/runs/${run.id}`));
  };
}
